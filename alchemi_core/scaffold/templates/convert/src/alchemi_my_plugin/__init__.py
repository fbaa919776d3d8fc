"""my-plugin: neighbor lists for alchemi."""
