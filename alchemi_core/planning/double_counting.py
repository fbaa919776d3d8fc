"""The guard against physics counted twice, and against corrections made for another level of theory.

A model fitted to dispersion-corrected data plus a dispersion correction has dispersion twice, and a correction fitted
for one functional is wrong on top of another; neither shows in any number that a run prints.

Weights tell counting twice from mixing: in ``0.5*a + 0.5*b`` what both contain is there once, in ``0.5*(a + d3)``
with an ``a`` that contains dispersion it is there twice. So what is compared is the sum of weights of the steps that
contain something with the sum of weights of the potentials: models that are more than a correction, and were fitted to
a level of theory or contain what is looked at. Restraints and the like are no potentials, and count for nothing.
This is done for the atoms outside all regions, and for those inside each.
"""

from __future__ import annotations

import re
from math import fsum
from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import DoubleCountingError
from alchemi_core.planning.reporting import contributors
from alchemi_core.topology import LEVEL
from alchemi_core.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alchemi_core.models import ModelConfig
    from alchemi_core.planning.flat import FlatStep

ROUNDING = 1e-9
"""Part by which sums of weights may differ and still be equal: 0.1 + 0.2 is not quite 0.3 in binary."""

_DISPERSION = re.compile(r"[-+ ](d[234]|nl|r?vv10|mbd|ts|xdm)[a-z0-9]*(\W.*)?$")
_BESIDE_NAMES = re.compile(r"\(.*?\)|\b(meta-?)?gga\b|\+ ?u\b|[^a-z0-9]")
_SPELLINGS = str.maketrans({"ω": "w", "²": "2"})


@attrs.frozen
class Objection:
    """What is wrong with a sum of models.

    Parameters
    ----------
    topic : str
        What a user accepts to have it all the same: a name of the physics, or ``"level_of_theory"``.
    found : str
        What was met, naming the steps.
    expected : str
        What would be right.
    fix : str
        What to do other than accepting it.
    """

    topic: str
    found: str
    expected: str
    fix: str


def check_counting(running: Sequence[FlatStep], accept: frozenset[str]) -> tuple[str, ...]:
    """Refuse physics counted twice and corrections for another level of theory.

    Parameters
    ----------
    running : sequence of FlatStep
        Steps of one plan.
    accept : frozenset of str
        What the user accepts, see `alchemi_core.topology.PipelineSettings`.

    Returns
    -------
    tuple of str
        What was found and accepted.

    Raises
    ------
    DoubleCountingError
        With all that was found and is not accepted.
    """
    places = _at_places(contributors(running))
    found = [objection for there in places for steps in _at_ends(there) for objection in _objections(steps)]
    objections = list({objection.found: objection for objection in found}.values())
    if refused := [objection for objection in objections if objection.topic not in accept]:
        raise _refusal(refused)
    return tuple(objection.found for objection in objections)


def _objections(steps: Sequence[FlatStep]) -> Iterator[Objection]:
    counted = [step for step in steps if step.weight]
    yield from _counted_twice(counted)
    yield from _for_another_level(counted)


def _at_places(steps: Sequence[FlatStep]) -> Iterator[list[FlatStep]]:
    """Yield the steps that see the same atoms: outside all regions, and inside each that is named."""
    for inside in dict.fromkeys([frozenset(), *(frozenset(step.regions) for step in steps)]):
        yield [step for step in steps if frozenset(step.regions) <= inside]


def _at_ends(steps: Sequence[FlatStep]) -> Iterator[list[FlatStep]]:
    """Yield the steps with the weights they have where all coupling parameters are 0, and where all are 1."""
    for value in (0.0, 1.0) if any(step.factors for step in steps) else (0.0,):
        weights = [Weight(step.weight, step.factors) for step in steps]
        ends = [weight.at(dict.fromkeys(weight.names, value)) for weight in weights]
        yield [attrs.evolve(step, weight=w, factors=()) for step, w in zip(steps, ends, strict=True)]


def _refusal(refused: Sequence[Objection]) -> DoubleCountingError:
    topics = ", ".join(repr(objection.topic) for objection in refused)
    fixes = "; ".join(dict.fromkeys(objection.fix for objection in refused))
    return DoubleCountingError(
        "; ".join(objection.found for objection in refused),
        expected="; ".join(objection.expected for objection in refused),
        who="composition",
        fix=f"{fixes}; or accept={{{topics}}} where it is meant",
    )


def described(step: FlatStep, physics: str, form: str = "{} ({})") -> str:
    """Return a step's name with what stands for the physics in it."""
    note = step.config.contains[physics]
    return form.format(step.label, note) if note else step.label


def functionals(level: str) -> frozenset[str]:
    """Return the density functionals that a level of theory names, spelt alike whoever wrote them.

    Basis sets, Hubbard terms and dispersion are left out: ``"PBE / PBE+U"`` names PBE, and
    ``"ωB97M-D3(BJ)/def2-TZVPP"`` the functional that s-dftd3 calls wb97m.

    Examples
    --------
    >>> sorted(functionals("PBE / PBE+U")), sorted(functionals("ωB97M-D3(BJ)/def2-TZVPP"))
    (['pbe'], ['wb97m'])
    """
    return frozenset(name for text in level.split(" / ") if (name := _functional(text)))


def _functional(text: str) -> str:
    name = text.strip().casefold().translate(_SPELLINGS).partition("/")[0]
    return _BESIDE_NAMES.sub("", _DISPERSION.sub("", name))


def _counted_twice(steps: Sequence[FlatStep]) -> Iterator[Objection]:
    for physics in dict.fromkeys(name for step in steps for name in step.config.contains):
        having = [step for step in steps if physics in step.config.contains]
        whole = fsum(step.weight for step in steps if _is_potential(step.config, physics))
        # A sum of corrections, or a difference of models, has no whole to compare with: then one of the terms is. A
        # whole above 1 is a sum of potentials rather than their mean, and has twice what both of them contain.
        once = max(min(abs(whole), 1.0), *(abs(step.weight) for step in having))
        if len(having) > 1 and abs(fsum(step.weight for step in having)) > once * (1.0 + ROUNDING):
            yield _twice(physics, having)


def _is_potential(config: ModelConfig, physics: str) -> bool:
    return not config.correction and (physics in config.contains or bool(config.level_of_theory))


def _twice(physics: str, having: Sequence[FlatStep]) -> Objection:
    named = [f"step {step.index} ({described(step, physics, '{}: {}')})" for step in having]
    return Objection(
        topic=physics,
        found=f"{physics} is counted twice: in " + " and in ".join(named),
        expected=f"{physics} once",
        fix="leave one of them out, or switch it off in the other",
    )


def _for_another_level(steps: Sequence[FlatStep]) -> Iterator[Objection]:
    """Find corrections that weigh more than the models they were made for, beside models they were not made for."""
    fitted = [step for step in steps if step.config.level_of_theory and not step.config.correction]
    for step in steps:
        if not step.config.correction or not functionals(step.config.level_of_theory):
            continue
        alike = [one for one in fitted if _share_functional(one, step)]
        same = [one for one in steps if one.config.correction and _corrects_alike(one, step)]
        most = abs(fsum(one.weight for one in alike)) * (1.0 + ROUNDING)
        if len(alike) < len(fitted) and abs(fsum(one.weight for one in same)) > most:
            yield _another(step, fitted, weighed=bool(alike))


def _share_functional(one: FlatStep, other: FlatStep) -> bool:
    return bool(functionals(one.config.level_of_theory) & functionals(other.config.level_of_theory))


def _corrects_alike(one: FlatStep, other: FlatStep) -> bool:
    return _share_functional(one, other) and bool(set(one.config.contains) & set(other.config.contains))


def _another(step: FlatStep, fitted: Sequence[FlatStep], *, weighed: bool) -> Objection:
    def weight(of: FlatStep) -> str:
        return f" with weight {of.weight:g}" if weighed else ""

    levels = [(one.index, one.label, one.config.level_of_theory, weight(one)) for one in fitted]
    models = " and ".join(f"step {index} ({label}) was fitted to {level}{w}" for index, label, level, w in levels)
    return Objection(
        topic=LEVEL,
        found=f"step {step.index} ({step.label}) corrects {step.config.level_of_theory}{weight(step)}, but {models}",
        expected="corrections for what the models were fitted to" + ", as heavy as they" * weighed,
        fix=f"take {step.label} with the parameters for {fitted[0].config.level_of_theory}"
        + f", times {fitted[0].weight:g}, and so on for each" * weighed,
    )
