"""A first version of a feed's files, drafted from one of its data files for a person to finish.

samples  the first records of a file: its format, its dialect, its columns with their texts
guesses  what a column may be: its type, whether it is personal, what it stands for
files    the source YAML and the staging model, each guess marked where it should be checked
"""
