"""my-plugin: a rule for alchemi that makes one output of several models' values."""
