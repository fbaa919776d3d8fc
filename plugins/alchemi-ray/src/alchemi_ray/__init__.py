"""Datasets of structures, mapped over a pipeline: in this process, in several, or on a Ray cluster."""
