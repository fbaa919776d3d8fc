"""Capped forces, and the curvature along the forces, for alchemi."""
