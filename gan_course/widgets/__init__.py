"""Things to watch and touch in a notebook; each is a thin skin over plots.py."""
