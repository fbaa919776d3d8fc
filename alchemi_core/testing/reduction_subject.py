"""A reduction as the subject of checks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import PluginError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.offers import ReductionOffer
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.offering import offering, target_of
from alchemi_core.testing.promises import bound
from alchemi_core.testing.reduction_checks import PROMISES, ReductionSpecimen
from alchemi_core.testing.resolving import attempted, resolution, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.reductions import Reduction
    from alchemi_core.registry import Registry
    from alchemi_core.testing.checks import Check


@attrs.frozen(eq=False)
class ReductionSubject:
    """A reduction to be checked: a rule that makes one output of several steps' values.

    Parameters
    ----------
    reduction : callable or str
        The function of values and weights, or the name under which a plugin offers it.
    name : str, optional
        What it is called in reports; by default the name of the offer or of the function.
    exempt : mapping of str to str, optional
        Checks that need not pass, with reasons: a rule that takes the first value depends on the order of steps, and
        that is what it is for.
    registry : Registry, optional
        Where a name is looked up; by default the installed plugins.

    Examples
    --------
    >>> from alchemi_core.reductions import weighted_mean
    >>> checks = {str(check): check for check in ReductionSubject(weighted_mean).checks()}
    >>> checks["reduction/weighted_mean/order"]() != ""
    True
    """

    reduction: Reduction | str
    name: str = attrs.field(kw_only=True)
    exempt: Mapping[str, str] = attrs.field(factory=FrozenMap, converter=freeze, kw_only=True)
    registry: Registry | None = attrs.field(default=None, kw_only=True)

    @name.default
    def _name(self) -> str:
        given = self.reduction
        return given if isinstance(given, str) else getattr(given, "__name__", "reduction").strip("<>")

    @classmethod
    def of_offer(cls, offer: ReductionOffer, registry: Registry) -> ReductionSubject:
        """Make the subject of a reduction on offer."""
        return cls(offer.name, exempt=offer.exempt, registry=registry)

    def checks(self) -> list[Check]:
        """Return the checks of every reduction."""
        path = f"reduction/{self.name}"
        specimen, error = attempted(partial(_specimen, self))
        if error is not None:
            return [resolution(path, error)]
        return exempted([resolution(path), *bound(path, PROMISES, specimen)], self.exempt, self.name)


def _specimen(subject: ReductionSubject) -> ReductionSpecimen:
    reduce: Any = resolved(subject.reduction, "reduction", subject.registry)
    if not callable(reduce):
        raise PluginError(f"is {reduce!r:.80}", expected="a function (values, weights) -> Tensor", who=subject.name)
    if isinstance(subject.reduction, str):
        return ReductionSpecimen(subject.name, reduce, subject.reduction, subject.registry)
    target = target_of(reduce)
    if target is None:
        return ReductionSpecimen(subject.name, reduce, None, subject.registry)
    offer = ReductionOffer(name="checked", summary="the reduction under check", target=target)
    return ReductionSpecimen(subject.name, reduce, offer.name, offering(offer, registry=subject.registry))
