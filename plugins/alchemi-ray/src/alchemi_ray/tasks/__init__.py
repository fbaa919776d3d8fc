"""Tasks: what is done with each structure, and the columns that come of it."""
