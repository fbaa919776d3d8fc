"""What each output of a pipeline, and each quantity that a strategy samples, is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.planning.coupled import given_by_weights
from alchemi_core.planning.formulas import derivative_text, weighted
from alchemi_core.planning.plan import Mode, PlannedGroup, PlannedOutput, PlannedStep, Term, Write
from alchemi_core.planning.reporting import reported_as
from alchemi_core.planning.requests import no_terms, offered, producers_of, rule_of, several_derivatives, weighs
from alchemi_core.planning.rules import UNWEIGHTED
from alchemi_core.planning.weightless import gives, is_zero
from alchemi_core.quantities import DERIVATIVES, FURTHER_DERIVATIVES

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
        if not terms and self._is_nothing(name):
            return PlannedOutput(name, (), reported=True)
        if not terms:
            raise no_terms(name, self.contributions.taken(name), self.contributions.steps)
        givers = [term.text for term in terms] + self._silent(name, terms, steps)
        rule = self._rule(name)
        if len(givers) > 1 and name in self.wanted and rule is None:
            raise several_derivatives(name, givers)
        served = {write.slot for group in groups for write in group.serves}
        reported = all(term.slot not in served for term in terms)
        return PlannedOutput(name, tuple(terms), reported, rule or "sum", rule == "sum" and name not in self.wanted)

    def any_of(self, name: str, groups: Sequence[PlannedGroup], steps: Sequence[PlannedStep]) -> bool:
        """Tell whether anything adds to an output."""
        return any(True for group in groups for _ in self.of_group(name, group, steps))

    def _rule(self, name: str) -> str | None:
        producers = () if name in self.wanted else producers_of(name, self.contributions.steps, self.settings)
        return rule_of(name, producers, self.settings)

    def _silent(self, name: str, terms: Sequence[Term], steps: Sequence[PlannedStep]) -> list[str]:
        """Steps that give an output and are no term of it, in groups whose strategies neither give nor read it."""
        slots = {term.slot for term in terms}
        heard = {step.index for step in steps if slots & {write.slot for write in step.writes}}
        return [
            f"[{step.index}]"
            for step in self.contributions.steps
            if any(known == name for _, known in offered(step, self.contributions.steps, self.settings))
            and step.index not in heard
            and step.counts
            and name not in self.contributions.read(step.group, self.wanted)
            and not self.contributions.groups[step.group].service.can_serve(name)
        ]

    def of_group(self, name: str, group: PlannedGroup, steps: Sequence[PlannedStep]) -> Iterator[Term]:
        """Yield what a group adds to an output."""
        own = [step for step in steps if step.index in group.steps]
        for write in group.serves:
            if write.name == name:
                yield Term(write.slot, 1.0, self._text(name, group, own))
        for step in own:
            yield from self._by_weight(name, step)
        if group.sampled and name in self.wanted:
            return  # all that the steps report is in what the strategy samples
        for step in own:
            yield from self._of_step(name, step, name in self.wanted)

    def _is_nothing(self, name: str) -> bool:
        """Tell whether a sum has no terms because weights, or their derivatives, are zero."""
        if given_by_weights(self.contributions.groups, name):
            return True
        named = name in DERIVATIVES or name in FURTHER_DERIVATIVES
        gone = [step for step in self.contributions.steps if not step.counts]
        having = any(name in dict(step.names).values() or (named and "energy" in step.config.kinds) for step in gone)
        return having and is_zero(name)

    def _by_weight(self, name: str, step: PlannedStep) -> Iterator[Term]:
        """Yield the energy of a step times the derivative of its weight."""
        weight = self.contributions.coupled.by_weight(self.contributions.steps[step.index], name)
        if weight is not None:
            slot = next(write.slot for write in step.writes if write.output == "energy")
            yield Term(slot, weight.scale, weighted(step.index, weight.scale, weight.factors), "", weight.factors)

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
        coupled = bool(step.couplings & taken.inputs)
        reported = step.mode in (Mode.REPORTED, Mode.ENERGY) and not group.sampled
        return "energy" in step.asks and (coupled or not reported)

    def _of_step(self, name: str, step: PlannedStep, is_derivative: bool) -> Iterator[Term]:  # noqa: FBT001
        flat = self.contributions.steps[step.index]
        output = reported_as(flat, name) if is_derivative else None
        given = offered(flat, self.contributions.steps, self.settings)
        for write in step.writes:
            summed = write.output == output and step.mode in _DETACHED
            plain = (write.output, name) in given and not is_derivative
            if summed or plain:
                scaled = summed or weighs(name, self.settings)
                if not gives(flat, name, self.contributions.steps, weighted=scaled):
                    continue
                chosen = (self.settings.reductions or {}).get(name)
                taken = scaled and not (isinstance(chosen, str) and chosen in UNWEIGHTED)
                weight, factors = (step.weight, step.factors) if taken else (1.0, ())
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
