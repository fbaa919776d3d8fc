"""Watch: a condition on what a run computes, and the values it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from alchemi_core.cli.condition_reader import WHO, read_condition
from alchemi_core.cli.ensembles import temperature_of
from alchemi_core.cli.operands import ATOMS, Kind, exactly
from alchemi_core.errors import ModelOutputError, OptionError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from alchemi_core.cli.condition import Condition
    from alchemi_core.cli.operands import Operand, Values
    from alchemi_core.pipeline import PipelineModelWrapper

OF_THE_RUN = FrozenMap({"temperature": Kind(unit="K"), "step": Kind(), "time": Kind(unit="fs")})
"""Names beside those of outputs."""

SHOWN = ("step", "time", "energy", "temperature")
"""What a log shows anyway."""


@attrs.frozen
class Watch:
    """A condition bound to the outputs of a pipeline.

    Parameters
    ----------
    condition : Condition
        What is looked at.
    kinds : mapping of str to Kind
        Of the outputs in it.
    """

    condition: Condition
    kinds: Mapping[str, Kind]

    @classmethod
    def of(cls, text: str | None, pipeline: PipelineModelWrapper, atoms: Atoms) -> Watch | None:
        """Read ``--stop-if``; None where there is no condition.

        Raises
        ------
        OptionError
            If it cannot be read, names what the pipeline does not give, or needs the volume of a structure without.
        """
        if text is None:
            return None
        config = pipeline.model_config
        given = config.outputs | config.autograd_outputs
        table = [name for name in QUANTITIES if name in given]
        known = {name: _kind(name) for name in (*table, *sorted(given - set(table)))}
        condition = read_condition(text, {**known, **OF_THE_RUN})
        if "stress" in condition.names and atoms.cell.volume == 0.0:
            found = "the structure has no volume, and without one there is no stress"
            raise OptionError(found, expected="a structure with three cell vectors", who=WHO)
        return cls(condition, FrozenMap({name: known[name] for name in sorted(condition.names - OF_THE_RUN.keys())}))

    @property
    def outputs(self) -> frozenset[str]:
        """Outputs of the pipeline that the condition needs."""
        return frozenset(self.kinds)

    @property
    def columns(self) -> tuple[Operand, ...]:
        """What of the condition is worth a column beside those a log has anyway."""
        return tuple(one for one in self.condition.watched if one.text not in SHOWN)

    def values(self, results: Mapping[str, Any], atoms: Atoms, *, step: int, time_fs: float) -> Values:
        """Return what the condition is looked at with, of results of a calculator.

        Raises
        ------
        ModelOutputError
            If an output is not a finite number.
        """
        values = {name: _numbers(name, results[name], kind) for name, kind in self.kinds.items()}
        for name, numbers in values.items():
            if not np.isfinite(numbers).all():
                raise ModelOutputError(f"{name} is not finite at step {step}", expected="finite numbers", who=WHO)
        of_the_run = {"temperature": temperature_of(atoms), "step": float(step), "time": time_fs}
        return {**values, **{name: np.asarray(value) for name, value in of_the_run.items()}}

    def figures(self, values: Values) -> dict[str, float | None]:
        """Return the columns; None where one cannot be computed, as where something is divided by zero."""
        return {one.text: _figure(one, values) for one in self.columns}


def _kind(name: str) -> Kind:
    """Say what an output is; one that the table does not have, or of another shape, has elements of its own."""
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.shape not in ((), (1,), (3,)):
        return Kind(counts=name, unit="" if quantity is None else quantity.unit)
    return Kind(ATOMS if quantity.per_atom else "", vectors=quantity.shape == (3,), unit=quantity.unit)


def _numbers(name: str, value: Any, kind: Kind) -> np.ndarray:
    """Return an output as a number or a row of numbers: vectors by their lengths, stress as its nine components."""
    numbers = np.asarray(voigt_6_to_full_3x3_stress(value) if name == "stress" else value, dtype=float)
    if kind.vectors:
        return np.asarray(np.linalg.norm(numbers, axis=-1))
    return numbers.ravel() if kind.counts else numbers.reshape(())


def _figure(one: Operand, values: Values) -> float | None:
    try:
        with exactly():
            return float(one.at(values).numbers)
    except FloatingPointError:
        return None
