"""Commands: ``alchemi elastic``, ``alchemi phonons`` and ``alchemi vibrations``."""
