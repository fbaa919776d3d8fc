"""Steps by name: what ``create_model("nvalchemi", model=...)`` runs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from alchemi_core.errors import OptionError, nearest
from alchemi_nvalchemi.step import NvalchemiStep

WHO = "nvalchemi"

MODELS = {
    "lennard-jones": "lj:LennardJonesModelWrapper",
    "dftd3": "dftd3:DFTD3ModelWrapper",
    "ewald": "ewald:EwaldModelWrapper",
    "pme": "pme:PMEModelWrapper",
}
"""The toolkit's models that need no checkpoint, by the names of the same physics here."""


def named_step(*, model: str, **options: Any) -> NvalchemiStep:
    """Make a step of one of the toolkit's own models.

    Parameters
    ----------
    model : {"lennard-jones", "dftd3", "ewald", "pme"}
        Which.
    **options
        As its class in ``nvalchemi.models`` takes them; lengths in Å, energies in eV.

    Raises
    ------
    OptionError
        If there is no such model, or it does not take the options.
    """
    if model not in MODELS:
        close = nearest(str(model), MODELS)
        raise OptionError(
            f"model={model!r}",
            expected="one of " + ", ".join(map(repr, MODELS)),
            who=WHO,
            fix=f"model={close!r}" if close else "NvalchemiStep(wrapper) makes a step of any wrapper",
        )
    module, _, name = MODELS[model].partition(":")
    wrapper = getattr(import_module(f"nvalchemi.models.{module}"), name)
    try:
        made = wrapper(**options)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name}: {error}", expected="options of that class", who=WHO) from error
    return NvalchemiStep(made, name=f"nvalchemi-{model}")
