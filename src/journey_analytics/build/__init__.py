"""From `sql/` to the tables of a publication.

models      which models there are, what their columns mean, in which order they are built
tables      models to tables, comments and intervals with them
"""
