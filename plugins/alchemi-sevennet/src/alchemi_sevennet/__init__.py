"""SevenNet for alchemi: universal equivariant potentials, their energy on the autograd graph."""
