"""Neighbor lists on the CPU for alchemi: fused conversions and batches of small systems, compiled by numba."""
