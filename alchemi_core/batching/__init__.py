"""Batched evaluation: many structures through a pipeline, packed by cost, as many at once as pays and fits."""
