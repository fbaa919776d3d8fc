"""stillinger-weber: the Stillinger-Weber potential of silicon for alchemi."""
