"""From `sql/` to the tables of a publication.

models       which models there are, what their columns mean, in which order they are built
tables       models to tables, comments and intervals with them
basis        what a night rests on: the last publication, where it still says the same about the same rows
changes      what has changed since then: events gone and come, and the customers they touch
corrections  which days that had been published already a night has corrected, and by how many rows
patch        the touched customers' rows, built by the same SELECTs and put in the place of the old ones
macros       the published file's own functions, for whoever has a DuckDB shell
"""
