"""The manual in hookspecs.py is true: its example distribution is installed as written, and each hook is used."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterable
from textwrap import dedent
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest

from alchemi_core import hookspecs
from alchemi_core.hookspecs import HOOKS

if TYPE_CHECKING:
    from .conftest import Site

SPRINGS = """
from alchemi_core.models import BaseModelMixin, ModelConfig


class Springs(BaseModelMixin):
    def __init__(self, *, stiffness=1.0):
        self.model_config = ModelConfig(name="springs", outputs={"energy"})
        self.stiffness = stiffness

    def compute(self, view, requested):
        return {}
"""

MODULES = {
    "my_plugin/__init__.py": "",
    "my_plugin/springs.py": SPRINGS,
    "my_plugin/model.py": SPRINGS.replace("Springs", "MyModel"),
    "my_plugin/grid.py": "def build(batch, cutoff, skin):\n    return ('list', batch, cutoff, skin)\n",
    "my_plugin/forces.py": "def my_forces(energy, data, requested):\n    return {'forces': -energy}\n",
    "my_plugin/reductions.py": """
def largest(values, weights):
    return max(value * weight for value, weight in zip(values, weights))
""",
    "my_plugin/saving.py": """
from alchemi_core import create_model


class SpringsSerializer:
    @staticmethod
    def write(model):
        return model.origin, {"stiffness": model.stiffness}

    @staticmethod
    def rebuild(origin, tensors, registry):
        return create_model(origin.offer, registry=registry, **tensors)
""",
}

USES = {
    "alchemi_models": "print(create_model('springs', registry=registry, stiffness=2.0).stiffness)",
    "alchemi_neighbors": "best = registry.best_neighbors('builder', 'cuda')\n"
    "print(best.name, registry.load(best)('batch', 5.0, 0.5))",
    "alchemi_derivatives": "print(registry.load(registry.find('derivative', 'my-forces'))(3.0, None, {'forces'}))",
    "alchemi_reductions": "print(registry.load(registry.find('reduction', 'max'))([1.0, 2.0], [3.0, 1.0]))",
    "alchemi_serializers": "saving = registry.load(registry.find('serializer', 'springs'))\n"
    "model = create_model('springs', registry=registry, stiffness=7.0)\n"
    "print(saving.rebuild(*saving.write(model), registry).stiffness)",
}

PRINTS = {
    "alchemi_models": "2.0",
    "alchemi_neighbors": "my-grid ('list', 'batch', 5.0, 0.5)",
    "alchemi_derivatives": "{'forces': -3.0}",
    "alchemi_reductions": "3.0",
    "alchemi_serializers": "7.0",
}


def blocks(doc: str | None) -> list[str]:
    """Literal blocks of a docstring: what is indented after a line ending in '::'."""
    found = re.findall(r"::\n\n((?:    .*\n|\n)+)", inspect.cleandoc(doc or "") + "\n")
    return [dedent(block).strip() + "\n" for block in found]


def install(site: Site, hooks: str) -> None:
    """Install the manual's distribution with the metadata the manual gives it."""
    project = tomllib.loads(blocks(hookspecs.__doc__)[0])["project"]
    site.add(
        project["name"],
        project["version"],
        modules={**MODULES, "my_plugin/hooks.py": hooks},
        plugins=project["entry-points"]["alchemi"],
        requires=project["dependencies"],
    )


def test_the_table_of_hooks_says_what_the_specifications_say() -> None:
    specs = {name: spec for name, spec in vars(hookspecs).items() if hasattr(spec, "alchemi_spec")}
    returns = {name: get_type_hints(spec, localns={"Iterable": Iterable})["return"] for name, spec in specs.items()}
    assert {name: get_args(given)[0] for name, given in returns.items()} == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_each_hook_works(site: Site, hook: str) -> None:
    (example,) = blocks(getattr(hookspecs, hook).__doc__)
    names = ", ".join(["hookimpl", HOOKS[hook].__name__, "ModelOffer"])
    models = "" if hook == "alchemi_models" else blocks(hookspecs.alchemi_models.__doc__)[0]
    install(site, f"from alchemi_core import {names}\n\n{models}\n{example}")
    head = "from alchemi_core import Registry, create_model\nregistry = Registry.discover()\n"
    assert site.run(head + "assert not registry.failures, registry.failures\n" + USES[hook]).strip() == PRINTS[hook]


def test_the_example_of_the_manual_works(site: Site) -> None:
    install(site, blocks(hookspecs.__doc__)[1])
    code = "from alchemi_core import create_model\nprint(type(create_model('my-model')).__name__)"
    assert site.run(code).strip() == "MyModel"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_specification_itself_is_never_called(hook: str) -> None:
    with pytest.raises(AssertionError, match="never called"):
        getattr(hookspecs, hook)()
