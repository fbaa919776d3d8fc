"""The command ``alchemi map``."""
