"""Who is who: which ids belong to one customer, and when that was learnt.

unionfind   the arithmetic: numbered ids and links in order to components and merges
components  the step of the night: tables of ids and links to one row per id
"""
