"""Derivative strategies: how a group's summed energy becomes forces, stress and whatever else is asked."""
