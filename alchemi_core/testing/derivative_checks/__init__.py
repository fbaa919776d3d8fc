"""The checks of derivative strategies, the small models they are taken of, and what is expected of each."""
