"""Harmonic restraints: energies that hold atoms, distances and angles where they are wanted."""
