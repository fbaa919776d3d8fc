"""my-plugin: a model for alchemi and its serializer."""
