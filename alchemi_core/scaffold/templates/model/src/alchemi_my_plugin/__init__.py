"""my-plugin: a model for alchemi."""
