"""The made-up shop: a world drawn from seeded dice, written as real feeds, with the truths planted in it.

world  who comes and what they do
after  what follows: orders, e-mail, tickets, surveys, decoys
feeds  the files that vendors would send, byte for byte reproducible
shop   a complete project folder, and the truths an honest report must find
"""
