"""Stacking: several models of one architecture evaluated in one call."""
