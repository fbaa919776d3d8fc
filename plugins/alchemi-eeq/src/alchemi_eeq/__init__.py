"""Electronegativity-equilibration charges for alchemi, differentiable and periodic."""
