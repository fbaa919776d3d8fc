"""The checks of models, a file for each kind of promise."""
