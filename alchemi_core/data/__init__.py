"""Frozen data: single systems, batches, and the views that models see."""
