"""The conformance suite of models: every check by name, in the order in which reports show them."""

from __future__ import annotations

from alchemi_core.testing.model_checks import (
    answers,
    batches,
    contracts,
    derivatives,
    extremes,
    habits,
    lists,
    lives,
    smoothness,
    stacks,
    sums,
    supercells,
    symmetries,
)

MODEL_CHECKS = (
    *answers.CHECKS,
    *symmetries.CHECKS,
    *supercells.CHECKS,
    *sums.CHECKS,
    *derivatives.CHECKS,
    *contracts.CHECKS,
    *batches.CHECKS,
    *smoothness.CHECKS,
    *lists.CHECKS,
    *habits.CHECKS,
    *extremes.CHECKS,
    *lives.CHECKS,
    *stacks.CHECKS,
)
"""Each applies to every model, or to those that declare what it is about."""
