"""CHGNet for alchemi: a universal charge-informed potential, its energy on the autograd graph."""
