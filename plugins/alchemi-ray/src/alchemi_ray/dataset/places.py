"""Places: where every so many-th structure of a file begins, noted in a survey, so that any shard is found at once."""

STRIDE = 64
"""Structures between places that are noted; fewer than these are passed over to get to one."""
