"""Derivatives of composed energies beyond forces and stress, and commands that use them."""
