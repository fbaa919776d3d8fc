"""Datasets: which files, how many structures, how they are cut, and how they are read piece by piece."""
