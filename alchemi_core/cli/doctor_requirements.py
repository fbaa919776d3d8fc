"""Requirements: whether what the core and the plugins ask for, themselves or through others, is installed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from alchemi_core.cli.doctor_section import Row, Section, fix_line
from alchemi_core.distributions import CORE, normalized
from alchemi_core.plugin_records import PluginFailure, attempt
from alchemi_core.versions import installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

UNREADABLE = "of unknown version"
APART = "no one version suits all who ask for it; install them into environments of their own"


@attrs.frozen
class Demand:
    """What one distribution asks for.

    Parameters
    ----------
    by : str
        Distribution and version that asks.
    package : str
        What it asks for, normalized.
    versions : SpecifierSet
        Which versions of it.
    extras : tuple of str
        Extras of it.
    """

    by: str
    package: str
    versions: SpecifierSet
    extras: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.by} wants {self.package}{self.versions}"

    def met_by(self, version: str | None) -> bool:
        """Whether a version that is installed will do."""
        try:
            return version is not None and self.versions.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False


@attrs.frozen
class Lack:
    """A package that is missing, or there in a version that does not suit somebody.

    Parameters
    ----------
    package : str
        Its name.
    found : str or None
        Version that is installed.
    unmet, all : tuple of Demand
        Demands that are not met, and all that there are.
    """

    package: str
    found: str | None
    unmet: tuple[Demand, ...]
    all: tuple[Demand, ...]

    @property
    def together(self) -> SpecifierSet:
        """Versions that would suit all."""
        return SpecifierSet(",".join(text for demand in self.all if (text := str(demand.versions))))

    @property
    def told(self) -> tuple[Demand, ...]:
        """Demands to tell: those that are not met; where they exclude each other, all that name versions."""
        at_odds = not satisfiable(self.together)
        return tuple(demand for demand in self.all if demand in self.unmet or (at_odds and str(demand.versions)))

    @property
    def fix(self) -> str:
        """What to type, or that nothing helps."""
        return f'pip install "{self.package}{self.together}"' if satisfiable(self.together) else APART

    @property
    def row(self) -> Row:
        """The lack for people."""
        here = f"{self.found} is installed" if self.found else "not installed"
        text = "\n".join([here, *map(str, self.told)]) + fix_line(self.fix)
        return Row(self.package, text, f"{self.package} {here}, {self.unmet[0]}")

    @property
    def described(self) -> dict[str, Any]:
        """The lack for machines."""
        demands = [{"by": one.by, "wants": f"{one.package}{one.versions}"} for one in self.told]
        return {"package": self.package, "found": self.found, "demands": demands, "fix": self.fix}


def requirements(plugins: Iterable[str]) -> Section:
    """Return what is asked for and is not there, with who asks and what to type.

    Parameters
    ----------
    plugins : iterable of str
        Distributions of the plugins; the core is looked at in any case.
    """
    demands: dict[str, list[Demand]] = {}
    strange: list[Row] = []
    for demand in demands_of([CORE, *plugins]):
        if isinstance(demand, Row):
            strange.append(demand)
        elif demand.package != CORE:  # finding plugins looks at that, and says it better
            demands.setdefault(demand.package, []).append(demand)
    lacks = [lack for package, asked in demands.items() if (lack := _lack(package, tuple(asked))).unmet]
    strange += [row for package in demands for row in _leftovers(package)]
    rows = [*strange, *(lack.row for lack in lacks)] or [Row("all met", f"{len(demands)} packages looked at")]
    return Section(tuple(rows), [lack.described for lack in lacks])


def _lack(package: str, asked: tuple[Demand, ...]) -> Lack:
    found = version_of(package)
    return Lack(package, found, tuple(demand for demand in asked if not demand.met_by(found)), asked)


def _leftovers(package: str) -> list[Row]:
    """Return a row where one folder holds metadata of several versions, as an interrupted upgrade leaves them."""
    versions: dict[str, set[str]] = {}
    for dist in importlib_metadata.distributions(name=package):
        versions.setdefault(str(dist.locate_file("")), set()).add(str(dist.version))
    fix = fix_line(f"pip uninstall {package} until none is left, then install it again")
    problem = f"{package} is there in several versions"
    texts = [f"one folder holds metadata of {' and '.join(sorted(one))}" for one in versions.values() if len(one) > 1]
    return [Row(package, text + fix, problem) for text in texts]


def version_of(name: str) -> str | None:
    """Return the version that is installed; a distribution whose metadata cannot be read is there all the same."""
    found = attempt(partial(installed, name), PluginFailure(name, name, UNREADABLE))
    return UNREADABLE if isinstance(found, PluginFailure) else found


def demands_of(roots: Iterable[str]) -> Iterator[Demand | Row]:
    """Yield what distributions ask for, and what that asks for in turn; rows tell of words that mean nothing."""
    left, seen = [(normalized(name), "") for name in roots], set[tuple[str, str]]()
    while left:
        wanted = left.pop(0)
        if wanted in seen or version_of(wanted[0]) in (None, UNREADABLE):
            continue
        seen.add(wanted)
        for demand in _asked(*wanted):
            yield demand
            if isinstance(demand, Demand):
                left += [(demand.package, extra) for extra in ("", *demand.extras)]


def _asked(name: str, extra: str) -> Iterator[Demand | Row]:
    """Yield what a distribution asks for, or with an extra what it asks for besides."""
    by = f"{name} {version_of(name)}"
    for text in importlib_metadata.distribution(name).requires or ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            yield Row(by, f"asks for {text!r}, which is no requirement", f"{by} has broken metadata")
            continue
        if _applies(wanted, extra):
            yield Demand(by, normalized(wanted.name), wanted.specifier, tuple(sorted(wanted.extras)))


def _applies(wanted: Requirement, extra: str) -> bool:
    plainly = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
    if not extra or wanted.marker is None:
        return plainly and not extra
    return not plainly and wanted.marker.evaluate({"extra": extra})


def satisfiable(versions: SpecifierSet) -> bool:
    """Whether some version can meet all bounds, as far as the versions named in them tell.

    >>> satisfiable(SpecifierSet("==0.4.4,>=0.5")), satisfiable(SpecifierSet(">=1.4,<2,!=1.4"))
    (False, True)
    """
    named = [bound.version.removesuffix(".*") for bound in versions]
    return any(versions.contains(one, prereleases=True) for name in ["0", *named] for one in (name, f"{name}.1"))
