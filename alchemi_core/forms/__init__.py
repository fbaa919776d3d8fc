"""Pipelines as people write them: recipes of names and options, as TOML, Python source and expressions."""
