"""The command ``alchemi export``."""
