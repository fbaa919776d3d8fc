"""The command ``alchemi relax-many``."""
