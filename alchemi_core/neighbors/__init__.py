"""Neighbor lists: what models ask for, the two layouts, builders, converters, and reuse between calls."""
