"""Distributions written into a folder as pip would install them: a right one, and each with one defect."""

from __future__ import annotations

import attrs

HOOKS = """
from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, ReductionOffer


@hookimpl
def alchemi_models():
    return [
        ModelOffer(
            name="well",
            summary="a harmonic well",
            target="PACKAGE.things:make",
            citations=("doi:10.1000/182", "a book"),
        )
    ]


@hookimpl
def alchemi_reductions():
    return [ReductionOffer(name="median", summary="the median", target="PACKAGE.things:make")]
"""
THINGS = "import scipy\n\n\ndef make(values=(), weights=()):\n    return values\n"
BIBLIOGRAPHY = "@book{handbook,\n  title = {The DOI Handbook},\n  doi = {10.1000/182},\n}\n"
METADATA = """Metadata-Version: 2.4
Name: DISTRIBUTION
Version: 1.0
Summary: A harmonic well
License-Expression: MIT
Requires-Dist: numpy
Requires-Dist: alchemi_core >=0.1,<0.2
"""


@attrs.frozen
class Plugin:
    """What a distribution is made of; PACKAGE and DISTRIBUTION stand for its names."""

    hooks: str = HOOKS
    things: str = THINGS
    bibliography: str = BIBLIOGRAPHY
    metadata: str = METADATA

    def install(self, folder, package):
        """Write it to a folder on the import path; return the name of the distribution."""
        distribution = package.replace("_", "-")
        files = {
            f"{package}/__init__.py": "",
            f"{package}/hooks.py": self.hooks,
            f"{package}/things.py": self.things,
            f"{package}/references.bib": self.bibliography,
            f"{package}-1.0.dist-info/METADATA": self.metadata,
            f"{package}-1.0.dist-info/entry_points.txt": f"[alchemi]\n{distribution} = {package}.hooks\n",
        }
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("PACKAGE", package).replace("DISTRIBUTION", distribution))
        return distribution


def hooks(old, new):
    assert old in HOOKS
    return Plugin(hooks=HOOKS.replace(old, new))


def metadata(old, new=""):
    assert old in METADATA
    return Plugin(metadata=METADATA.replace(old, new))


def at_first(code):
    """A hook module that does something when it is imported."""
    return Plugin(hooks=f"{code}\n{HOOKS}")


MUTANTS = {
    "imports pytest": (at_first("import pytest"), "light-hooks"),
    "prints": (at_first("print('hello')"), "hooks-print-nothing"),
    "warns": (at_first("import warnings\nwarnings.warn('hello')"), "hooks-print-nothing"),
    "sets a variable": (at_first("import os\nos.environ['WELL_THREADS'] = '1'"), "hooks-are-pure"),
    "gives something else": (
        hooks('summary="a harmonic well"', 'summary=f"a harmonic well, {len(asked) or asked.append(1) or 0}"'),
        "hooks-are-pure",
    ),
    "points nowhere": (
        hooks('"PACKAGE.things:make",\n            c', '"PACKAGE.things:makes",\n            c'),
        "offers-resolve",
    ),
    "needs what is not there": (Plugin(things="import not_installed_anywhere\n" + THINGS), "offers-resolve"),
    "points to a number": (Plugin(things="make = 3.0\n"), "offers-resolve"),
    "takes a name": (hooks('name="median"', 'name="mean"'), "names-unique"),
    "has no upper bound": (metadata(">=0.1,<0.2", ">=0.1"), "requires-core"),
    "has no lower bound": (metadata(">=0.1,<0.2", "<0.2"), "requires-core"),
    "does not require it": (metadata("Requires-Dist: alchemi_core >=0.1,<0.2\n"), "requires-core"),
    "has no licence": (metadata("License-Expression: MIT\n"), "licence-said"),
    "has no summary": (metadata("Summary: A harmonic well\n"), "summary-said"),
    "has another entry": (Plugin(bibliography=BIBLIOGRAPHY.replace("/182", "/183")), "citations-have-entries"),
}
MUTANTS["gives something else"] = (
    attrs.evolve(MUTANTS["gives something else"][0], hooks="asked = []\n" + MUTANTS["gives something else"][0].hooks),
    "hooks-are-pure",
)
