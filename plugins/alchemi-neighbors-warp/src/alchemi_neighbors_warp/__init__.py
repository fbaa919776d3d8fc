"""Neighbor lists on CUDA: a builder on nvalchemi-toolkit-ops, and converters that are Warp kernels."""
