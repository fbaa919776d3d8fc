"""Lennard-Jones pair potential: the closed-form reference model of alchemi."""
