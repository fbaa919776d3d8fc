"""Distributions of plugins that are written for their authors to fill in: names, licences, templates, the writing."""
