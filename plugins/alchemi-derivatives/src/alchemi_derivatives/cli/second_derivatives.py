"""Second derivatives of a command: on the graph, or by differences where that is asked or the graph fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.algebra import differentiate
from alchemi_core.errors import CutGradientError, DerivativeError, LostTermError, OptionError

if TYPE_CHECKING:
    import argparse

    import torch

    from alchemi_core.data.batch import Batch
    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper


@attrs.frozen(eq=False)
class SecondDerivatives:
    """How they are taken.

    Parameters
    ----------
    models : PipelineModelWrapper
        Of ``--model``.
    strategy : str
        Such as ``hessian``.
    names : frozenset of str
        What is asked of it.
    method : str
        ``"auto"``, ``"graph"`` or ``"differences"``; auto means the graph until it turns out not to do.
    step : float, optional
        Of the differences.
    reason : str
        Why not on the graph, where that was for the command to choose.
    """

    models: PipelineModelWrapper
    strategy: str
    names: frozenset[str]
    method: str
    step: float | None = None
    reason: str = ""

    @classmethod
    def planned(
        cls, models: PipelineModelWrapper, strategy: str, names: frozenset[str], arguments: argparse.Namespace
    ) -> SecondDerivatives:
        """Choose the method as far as declarations tell, before anything is computed.

        Raises
        ------
        PlanningError
            If the models cannot give them.
        """
        asked = cls(models, strategy, names, arguments.method, arguments.step)
        try:
            asked.pipeline.plan_for(names)
        except (LostTermError, CutGradientError) as error:
            asked = asked.without_graph(error)
            asked.pipeline.plan_for(names)
        return asked

    @property
    def used(self) -> str:
        """``"graph"`` or ``"differences"``."""
        return "graph" if self.method == "auto" else self.method

    @property
    def pipeline(self) -> PipelineModelWrapper:
        """What computes them."""
        options: dict[str, Any] = {} if self.step is None or self.used == "graph" else {"step": self.step}
        return differentiate(self.models, self.strategy, method=self.used, **options)

    def compute(self, batch: Batch) -> tuple[SecondDerivatives, Outputs]:
        """Compute, by differences where the graph breaks under way; return how, and what was found."""
        try:
            return self, self.pipeline(batch, requested=set(self.names))
        except (LostTermError, CutGradientError, DerivativeError) as error:
            other = self.without_graph(error)
        return other, other.pipeline(batch, requested=set(self.names))

    def without_graph(self, error: LostTermError | CutGradientError | DerivativeError) -> SecondDerivatives:
        """Return the way by differences where the graph was not asked for, and raise the error otherwise."""
        if self.method == "differences":
            raise error
        if self.method == "graph":
            raise type(error)(
                error.found, expected=error.expected, who=error.who, fix="--method differences"
            ) from error
        reason = f"{error.who}: {error.found}" if error.who else error.found
        return attrs.evolve(self, method="differences", reason=" ".join(reason.split()))

    def step_in(self, dtype: torch.dtype, steps: dict[torch.dtype, float]) -> float | None:
        """Return the step that was taken, given the defaults by precision; None on the graph."""
        return None if self.used == "graph" else self.step or steps[dtype]

    def unused_step(self) -> str:
        """Return a sentence where a step was given and not used, and nothing otherwise."""
        if self.step is None or self.used != "graph":
            return ""
        return f"--step {self.step:g} was not used: no differences were taken; --method differences takes them"


def check_step(arguments: argparse.Namespace) -> None:
    """Refuse a step where no differences will be taken.

    Raises
    ------
    OptionError
        With ``--method graph``.
    """
    if arguments.step is not None and arguments.method == "graph":
        raise OptionError(
            "--step with --method graph", expected="a step for differences", who="--step", fix="--method differences"
        )
