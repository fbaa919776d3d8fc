"""CHGNet for alchemi: universal potentials with magnetic moments, their energy on the autograd graph."""
