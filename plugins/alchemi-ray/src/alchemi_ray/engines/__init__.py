"""Engines: who does the shards. This process, several of this machine, or actors on a Ray cluster."""
