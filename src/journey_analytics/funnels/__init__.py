"""Funnels: one definition, no silent rule; from a definition to one SELECT, and from its rows to an answer.

sqltree    small pieces of SQL as syntax trees
log        the events a funnel is asked of, and what a definition may say about them
marks      which events could be which step, and the order they stand in
chains     steps in order: how far each attempt gets, and which one counts
attempts   one row for each one counted, with the time of every step
anyorder   steps in any order
summary    from one row for each one counted to the rows of the answer
compiler   a funnel as one readable SELECT
evidence   one share with its bounds from who was counted
waiting    how many will have made a step when their time is over, the open ones watched so far
kept       the attempts as a table, for as long as several things are asked of them
shares     counts to shares with their intervals
engines    who answers a question: the seam between a funnel and the ways of counting it
kernel     steps in order, counted over arrays that are sorted already
fast       the engine for the plain question: one pass over a sorted table, or none
planner    from a funnel and a log to an answer
inputs     where the events come from: files, databases, data frames
words      which rule made each number, in words
waterfall  why another tool's number is not ours, rule by rule
times      how long it takes from step to step
weeks      how many get through, by the week in which they began
instead    what those did next who were lost at a step
comparing  a period and the one before it, a group and the largest
night      the funnels of journey.yml, counted at night
notebook   a funnel in Python: from YAML to a data frame
"""
