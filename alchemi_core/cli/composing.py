"""From ``--model`` and its companions to a pipeline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from alchemi_core.cli.progress import waiting
from alchemi_core.errors import OptionError, PlanningError
from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.registry import default_registry
from alchemi_core.serialization.loading import load_pipeline
from alchemi_core.serialization.saving import END

if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from ase import Atoms

    from alchemi_core.pipeline import PipelineModelWrapper

FILES = (END, ".toml")
_FILE = re.compile(r"[\w./\\~-]+\.[A-Za-z]\w*")
FORCES = frozenset({"energy", "forces"})
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def compose(expression: str, device: torch.device, accept: str | None = None) -> PipelineModelWrapper:
    """Create the models of an expression, or load those of a file, on a device.

    Parameters
    ----------
    expression : str
        Of ``--model``: an expression, or the path of a pipeline file or TOML file.
    device : torch.device
        Where the models compute.
    accept : str, optional
        Comma list of ``--accept``: what the guard against double counting lets pass.

    Raises
    ------
    ExpressionError, UnknownOfferError, OptionError
        If the expression cannot be read, or names what is not there.
    SerializationError
        If the file cannot be loaded here.
    DeclarationError
        If `accept` names what no model contains.
    """
    with _waiting(expression):
        pipeline = _composed(expression)
        if accept is not None:
            pipeline = pipeline.with_settings(accept=accept.replace(",", " ").split())
        return pipeline if device.type == "cpu" else pipeline.to(device)


def model_file(written: str) -> Path | None:
    """Return the pipeline file that ``--model`` names, None where it is an expression.

    Raises
    ------
    OptionError
        If it names another file.
    """
    path = Path(written.strip())
    if path.suffix.lower() in FILES:
        return path
    if _is_file(path) or (path.suffix and _FILE.fullmatch(written.strip())):
        raise OptionError(
            f"{written!r} is neither a model expression nor a pipeline file",
            expected="models, NAME.alchemi or NAME.toml",
            who="--model",
            fix="a Python text is run, not read: it makes `pipe`" if path.suffix == ".py" else "",
        )
    return None


def _is_file(path: Path) -> bool:
    """Tell whether it is a file; an expression may be longer than the name of any."""
    try:
        return path.is_file()
    except OSError:
        return False


def _composed(written: str) -> PipelineModelWrapper:
    path = model_file(written)
    if path is not None:
        return load_pipeline(path)
    return build_expression(parse_expression(written), default_registry())


def _waiting(written: str) -> AbstractContextManager[None]:
    path = model_file(written)
    names = path.name if path else ", ".join(model.name for model in parse_expression(written).models)
    return waiting(f"loading {names}")


def chosen_device(arguments: argparse.Namespace) -> torch.device:
    """Device of ``--device``.

    Raises
    ------
    OptionError
        If torch does not know it, or it is not there.
    """
    return usable_device(arguments.device or "cpu")


def usable_device(name: str, *, tried: bool = True, fix: str = "--device cpu") -> torch.device:
    """Return a device by its name.

    Parameters
    ----------
    name : str
        As ``--device`` has it.
    tried : bool
        Whether this process is to find out that it is there.
    fix : str
        What helps where it is not.

    Raises
    ------
    OptionError
        If torch does not know it, or it is not there.
    """
    try:
        device = torch.device(name)
        if tried:
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(
            f"{name!r} cannot be used: {reason}", expected="cpu or cuda", who="--device", fix=fix
        ) from error
    return device


def chosen_dtype(arguments: argparse.Namespace) -> torch.dtype:
    """Floating type of ``--dtype``."""
    return DTYPES[arguments.dtype or "float64"]


def outputs_for(atoms: Atoms, pipeline: PipelineModelWrapper, *, needs_stress: bool) -> frozenset[str]:
    """Say what to compute of a structure: energy, forces, and stress where it has one.

    A stress that only informs is left out where the models cannot give it.

    Raises
    ------
    PlanningError
        If the models cannot give what is needed.
    """
    if atoms.cell.volume > 0.0:
        try:
            pipeline.plan_for(FORCES | {"stress"})
        except PlanningError:
            if needs_stress:
                raise
        else:
            return FORCES | {"stress"}
    pipeline.plan_for(FORCES)
    return FORCES
