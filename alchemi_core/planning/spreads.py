"""Spreads: which standard deviations over the members of committees are asked for, and whose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import UnknownOutputError
from alchemi_core.planning.reporting import reported_as
from alchemi_core.quantities import DERIVATIVES, SPREADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from alchemi_core.planning.flat import FlatGroup, FlatStep, Member
    from alchemi_core.topology import PipelineSettings

    Members: TypeAlias = Mapping[int, tuple[FlatStep, ...]]


@attrs.frozen
class PlannedCommittee:
    """A committee as far as one standard deviation is concerned.

    Parameters
    ----------
    members : tuple of tuple of int
        Steps of each member.
    giving : tuple of tuple of int
        Those of them that add to what the standard deviation is of.
    calibration : float
        Factor on the standard deviation.
    """

    members: tuple[tuple[int, ...], ...]
    giving: tuple[tuple[int, ...], ...]
    calibration: float

    def text(self, of: str) -> str:
        """Return it as a formula: the standard deviation of what is named, over these members."""
        texts = [" + ".join(f"[{step}]" for step in steps) for steps in self.giving]
        factor = "" if self.calibration == 1.0 else f"{self.calibration:g}·"
        return f"{factor}std({of} of {', '.join(texts)})"


@attrs.frozen
class PlannedSpread:
    """A standard deviation that is asked for.

    Parameters
    ----------
    name, of : str
        Its name, and that of the output whose it is.
    committees : tuple of PlannedCommittee
        Of several, which know nothing of each other, the variances are added.
    weighted : bool
        Whether what it is of is a sum, in which each member has its share of the weight, 1/n, rather than a mean.
    """

    name: str
    of: str
    committees: tuple[PlannedCommittee, ...]
    weighted: bool

    def __str__(self) -> str:
        texts = [one.text(self.of) for one in self.committees]
        return f"{self.name} = " + (texts[0] if len(texts) == 1 else f"√({' + '.join(f'{text}²' for text in texts)})")


def committees_of(steps: Sequence[FlatStep]) -> tuple[Members, ...]:
    """Return the steps of the members of all committees, by committee and number of the member.

    Committees of the very same models are one, as in ``c - 0.5 * c``: members do not disagree with themselves.
    """
    found: dict[tuple[int, ...], dict[int, tuple[FlatStep, ...]]] = {}
    for step in steps:
        if step.member is not None:
            members = found.setdefault(step.member.committee, {})
            members[step.member.number] = (*members.get(step.member.number, ()), step)
    alike: dict[tuple[object, ...], tuple[list[int], dict[int, tuple[FlatStep, ...]]]] = {}
    for members in found.values():
        order = [number for _, number in sorted((_models(own), number) for number, own in members.items())]
        key = (_place(members).calibration, *(_models(members[number]) for number in order))
        known, same = alike.setdefault(key, (order, dict.fromkeys(sorted(members), ())))
        for number, other in zip(known, order, strict=True):
            same[number] = (*same[number], *members[other])
    return tuple(same for _, same in alike.values())


def _models(steps: Sequence[FlatStep]) -> tuple[int, ...]:
    """Return what tells members apart: their models."""
    return tuple(id(step.model) for step in steps)


def spreads_of(
    available: frozenset[str], groups: Sequence[FlatGroup], settings: PipelineSettings | None
) -> frozenset[str]:
    """Return the standard deviations that there are beside the outputs that are `available`.

    Those over the members of committees, and of whatever the user takes the mean of.
    """
    committees = committees_of([step for group in groups for step in group.steps])
    known = {name: of for name, of in SPREADS.items() if of in available and name not in available}

    def has(of: str) -> bool:
        having = [members for members in committees if _giving(members, of)]
        return bool(having) and all(_is_whole(members, of) for members in having)

    return frozenset(name for name, of in known.items() if has(of) or is_of_mean(name, settings))


def is_of_mean(name: str, settings: PipelineSettings | None) -> bool:
    """Tell whether a name is the standard deviation of an output whose mean over steps the user takes."""
    return settings is not None and (settings.reductions or {}).get(SPREADS[name]) == "mean"


def derived_spreads(requested: frozenset[str], groups: Sequence[FlatGroup]) -> frozenset[str]:
    """Return the names in a request that are standard deviations which no model gives itself."""
    produced = {known for group in groups for step in group.steps for _, known in step.names}
    return frozenset(name for name in requested if name in SPREADS and name not in produced)


def plan_spread(name: str, steps: Sequence[FlatStep], *, weighted: bool) -> PlannedSpread:
    """Return the plan of one standard deviation.

    Parameters
    ----------
    name : str
        Such as ``"forces_std"``.
    steps : sequence of FlatStep
        All steps.
    weighted : bool
        Whether what it is of is a sum of weighted values.

    Raises
    ------
    UnknownOutputError
        If no committee gives that output, or not all of its members do.
    """
    of = SPREADS[name]
    having = [members for members in committees_of(steps) if _giving(members, of)]
    if having:
        return PlannedSpread(name, of, tuple(_planned(members, name) for members in having), weighted)
    raise UnknownOutputError(
        f"{name!r} is a standard deviation over the members of a committee, and there is none",
        expected=f"a committee whose members give {of!r}",
        who="requested outputs",
        fix="committee([a, b, ...]) makes one of models",
    )


def _gives(step: FlatStep, of: str) -> bool:
    """Tell whether a step adds to an output; derivatives come from an energy or are reported."""
    if of not in {"energy", *DERIVATIVES}:
        return any(known == of for _, known in step.names)
    reported = of in DERIVATIVES and reported_as(step, of) is not None
    return step.counts and ("energy" in step.config.kinds or reported)


def _giving(members: Members, of: str) -> list[FlatStep]:
    return [step for number in sorted(members) for step in members[number] if _gives(step, of)]


def _number(members: Members, of: str) -> int:
    """Count the members that give an output."""
    return sum(any(_gives(step, of) for step in steps) for steps in members.values())


def _is_whole(members: Members, of: str) -> bool:
    """Tell whether every member gives an output."""
    return _number(members, of) == _place(members).count


def _place(members: Members) -> Member:
    place = next(iter(members.values()))[0].member
    if place is None:
        raise AssertionError("a step outside of committees is no member")
    return place


def _planned(members: Members, name: str) -> PlannedCommittee:
    giving, place = _giving(members, SPREADS[name]), _place(members)
    if _is_whole(members, SPREADS[name]):
        every = [[step.index for step in members[number]] for number in sorted(members)]
        told = [[n for n in steps if n in {step.index for step in giving}] for steps in every]
        return PlannedCommittee(tuple(map(tuple, every)), tuple(map(tuple, told)), place.calibration)
    have = ", ".join(f"step {step.index} ({step.label})" for step in giving)
    number = _number(members, SPREADS[name])
    raise UnknownOutputError(
        f"{SPREADS[name]!r} comes from {number} of the {place.count} members of a committee: {have}",
        expected=f"members that all give {SPREADS[name]!r}, or a request without {name!r}",
        who="requested outputs",
    )
