"""What each output of a pipeline, and each quantity that a strategy samples, is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.planning.formulas import derivative_text, weighted
from alchemi_core.planning.plan import Mode, PlannedGroup, PlannedOutput, PlannedStep, Term, Write
from alchemi_core.planning.reporting import reported_as
from alchemi_core.planning.requests import additive, no_terms, several_derivatives, summed
from alchemi_core.quantities import DERIVATIVES, is_additive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alchemi_core.planning.contributions import Contributions
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.topology import PipelineSettings

_DETACHED = (Mode.REPORTED, Mode.PARTIAL)


@attrs.frozen(eq=False)
class TermsOf:
    """Writes down the terms of one plan.

    Parameters
    ----------
    contributions : Contributions
        The flattened pipeline.
    settings : PipelineSettings
        Its settings.
    wanted : frozenset of str
        Requested derivatives.
    """

    contributions: Contributions
    settings: PipelineSettings
    wanted: frozenset[str]

    def output(self, name: str, groups: Sequence[PlannedGroup], steps: Sequence[PlannedStep]) -> PlannedOutput:
        """Return what an output of the pipeline is made of.

        Raises
        ------
        UnknownOutputError
            If nothing adds to it.
        WiringError
            If several groups or steps give a derivative that is no sum.
        """
        terms = [term for group in groups for term in self.of_group(name, group, steps)]
        if not terms:
            raise no_terms(name, self.contributions.taken(name), self.contributions.steps)
        givers = [term.text for term in terms] + self._silent(name, terms, steps)
        if len(givers) > 1 and name in self.wanted and not summed(name, self.settings):
            raise several_derivatives(name, givers)
        served = {write.slot for group in groups for write in group.serves}
        rule = (self.settings.reductions or {}).get(name, "sum")
        return PlannedOutput(name, tuple(terms), all(term.slot not in served for term in terms), rule)

    def _silent(self, name: str, terms: Sequence[Term], steps: Sequence[PlannedStep]) -> list[str]:
        """Steps that give an output and are no term of it, in groups whose strategies neither give nor read it."""
        slots = {term.slot for term in terms}
        heard = {step.index for step in steps if slots & {write.slot for write in step.writes}}
        return [
            f"[{step.index}]"
            for step in self.contributions.steps
            if any(known == name for _, known in step.names)
            and step.index not in heard
            and name not in self.contributions.read(step.group, self.wanted)
            and not self.contributions.groups[step.group].service.can_serve(name)
        ]

    def of_group(self, name: str, group: PlannedGroup, steps: Sequence[PlannedStep]) -> Iterator[Term]:
        """Yield what a group adds to an output."""
        own = [step for step in steps if step.index in group.steps]
        for write in group.serves:
            if write.name == name:
                yield Term(write.slot, 1.0, self._text(name, group, own))
        if group.sampled and name in self.wanted:
            return  # all that the steps report is in what the strategy samples
        for step in own:
            yield from self._of_step(name, step, name in self.wanted)

    def _text(self, name: str, group: PlannedGroup, own: Sequence[PlannedStep]) -> str:
        taken = self.contributions.taken(name)
        if taken.of != "energy":
            sources = [f"{write.name}←[{step.index}]" for step in own for write in step.writes if write in group.reads]
            return f"{group.derivative}({', '.join(sources)})"
        slots = {term.slot for term in group.energies}
        summed = own if group.sampled else [step for step in own if slots & {write.slot for write in step.writes}]
        told = [step for step in summed if self._in_formula(step, taken, group)]
        return derivative_text(name, told, complete=bool(group.sampled))

    @staticmethod
    def _in_formula(step: PlannedStep, taken: DerivativeOf, group: PlannedGroup) -> bool:
        """Tell whether a derivative of the step's energy is part of what the strategy gives."""
        coupled = any(factor.name in taken.inputs for factor in step.factors)
        reported = step.mode in (Mode.REPORTED, Mode.ENERGY) and not group.sampled
        return "energy" in step.asks and (coupled or not reported)

    def _of_step(self, name: str, step: PlannedStep, is_derivative: bool) -> Iterator[Term]:  # noqa: FBT001
        flat = self.contributions.steps[step.index]
        output = reported_as(flat, name) if is_derivative else None
        for write in step.writes:
            summed = write.output == output and step.mode in _DETACHED
            plain = write.name == name and not is_derivative
            if summed or plain:
                weighs = summed or additive(name, self.settings) or is_additive(name)
                weight, factors = (step.weight, step.factors) if weighs else (1.0, ())
                convert = f"{write.output} to {name}" if summed and write.output != name else ""
                text = weighted(step.index, weight, factors)
                yield Term(write.slot, weight, text, convert, factors)  # type: ignore[arg-type]

    def sampled(
        self, names: frozenset[str], own: Sequence[PlannedStep], served: Sequence[Write]
    ) -> tuple[PlannedOutput, ...]:
        """Return what each quantity is made of that is evaluated geometry by geometry."""
        outputs = []
        for name in sorted(names):
            terms = [Term(write.slot, 1.0, "") for write in served if write.name == name]
            for step in own:
                terms += self._of_step(name, step, name in DERIVATIVES)
            outputs.append(PlannedOutput(name, tuple(terms), all(write.name != name for write in served)))
        return tuple(outputs)
