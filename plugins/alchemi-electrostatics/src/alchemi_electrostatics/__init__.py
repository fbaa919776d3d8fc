"""Electrostatics of point charges: Ewald summation, particle mesh Ewald and a damped cutoff sum."""
