"""Regions: parts of a system that models are evaluated on. Values and their text, without tensors."""
