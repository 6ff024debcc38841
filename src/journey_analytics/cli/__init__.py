"""`journey`: the night and everything around it on the command line, one module a subject.

shared       options, tables and JSON that every command has
nights       the night and its steps
ledger       what became of earlier nights: runs, rollback
rejects      the quarantine
people       erasing a person, and whether anybody is where they must not be
identity     who is who, and what rests on it
funnelviews  how a funnel's answers are printed
funnels      one funnel, over any file or over what was published
sources      which feeds there are, and a new one drafted from a file
setup        a new shop, and what is wrong with one
main         the commands put together, and how each way of failing ends
"""
