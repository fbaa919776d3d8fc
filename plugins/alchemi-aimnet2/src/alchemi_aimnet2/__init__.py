"""AIMNet2 for alchemi: charges and energy on the autograd graph, with Coulomb and dispersion to switch."""
