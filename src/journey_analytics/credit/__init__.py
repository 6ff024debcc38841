"""Who led to the purchase: credit for conversions, shared among the places on the way there.

ways  the ways customers took, as arrays; cut to a look-back and cleaned
rules  credit by place on the way: first, last, linear, position, time decay
markov  credit by removal effect in a Markov chain, solved exactly
shapley  credit by average contribution to the chain, sampled, with its error
resampling  how sure a share is: a bootstrap of customers, and shares that cannot be told apart
table  all of it as rows of marts.credit
"""
