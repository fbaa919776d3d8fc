"""my-plugin: a derivative for alchemi."""
