"""``alchemi plan``: what a pipeline would do, step by step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch

from alchemi_core.cli.composing import compose
from alchemi_core.cli.deriving import derived
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    if (arguments.file is None) == (arguments.model is None):
        raise OptionError("no pipeline, or two", expected="FILE or --model", who="plan", fix="alchemi plan NAME.toml")
    pipeline = compose(arguments.file or arguments.model, torch.device("cpu"), arguments.accept)
    if arguments.derivative is not None:
        pipeline = derived(pipeline, arguments.derivative)
    names = (arguments.outputs or "").replace(",", " ").split()
    sys.stdout.write(f"{pipeline.plan_for(names) if names else pipeline.plan}\n")
    return 0
