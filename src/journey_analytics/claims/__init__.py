"""Numbers to findings: what lies below its target, with its odds, and never what caused it.

caveats   what to know before acting on a number
gate      which feeds are not fit to be judged by, and what rests on them
series    everything that has a target, and the rule that judges it
findings  claims with estimate, interval, count, caveat and owner
"""
