"""``alchemi plan``: what a model expression would do, step by step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch

from alchemi_core.cli.composing import compose
from alchemi_core.cli.deriving import derived

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    pipeline = compose(arguments.model, torch.device("cpu"), arguments.accept)
    if arguments.derivative is not None:
        pipeline = derived(pipeline, arguments.derivative)
    names = (arguments.outputs or "").replace(",", " ").split()
    sys.stdout.write(f"{pipeline.plan_for(names) if names else pipeline.plan}\n")
    return 0
