"""A pipeline file that travels: saved in one environment, loaded in others that have its plugins, lack them, or age.

Each environment is a folder of installed distributions, and each step a Python of its own.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from .conftest import Site

BOND = """
import torch
from alchemi_core import BaseModelMixin, ModelConfig, OnGraph


class Bond(torch.nn.Module, BaseModelMixin):
    \"\"\"½ k (r − r0)² between the two atoms of each system, with a stiffness that can be trained.\"\"\"

    def __init__(self, *, k=3.0, r0=1.0):
        super().__init__()
        self.k, self.r0 = torch.nn.Parameter(torch.tensor(k, dtype=torch.float64)), r0
        outputs = {"energy": OnGraph(("positions", "cell"))}
        self.model_config = ModelConfig(name="bond", outputs=outputs, supports_pbc=True)

    def compute(self, view, requested):
        first = torch.tensor(view.ptr[:-1])
        length = (view.positions[first + 1] - view.positions[first]).norm(dim=1, keepdim=True)
        return {"energy": 0.5 * self.k * (length - self.r0) ** 2}
"""

BOND_HOOKS = """
from alchemi_core import ModelOffer, hookimpl


@hookimpl
def alchemi_models():
    return [ModelOffer(name="bond", summary="a spring", target="bond_model:Bond", licence="MIT")]
"""

FORCES = """
from typing import ClassVar

import attrs
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.leaves import with_leaves


def halved(energy, data, requested):
    return {name: 0.5 * value for name, value in energy_derivatives(energy, data, requested).items()}


@attrs.frozen(kw_only=True)
class Scaled:
    name: ClassVar[str] = "scaled-forces"
    serves: ClassVar[frozenset[str]] = frozenset({"forces", "stress", "virial"})

    factor: float = 1.0

    def prepare(self, state):
        data = with_leaves(state)
        return data, data

    def finish(self, energy, tape, requested):
        return {name: self.factor * value for name, value in energy_derivatives(energy, tape, requested).items()}
"""

FORCES_HOOKS = """
from alchemi_core import DerivativeOffer, hookimpl


@hookimpl
def alchemi_derivatives():
    return [
        DerivativeOffer(name="halved-forces", summary="half of them", target="bond_forces:halved"),
        DerivativeOffer(name="scaled-forces", summary="some of them", target="bond_forces:Scaled"),
    ]
"""

# A bond along (3, 0, 4)/5 of 1.5 Å, stretched by 0.5 Å: forces of k·0.5 along it.
START = """
import sys
import torch
from ase import Atoms
from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_derivative, create_model, load_pipeline
from alchemi_core.errors import SerializationError
batch = Batch.from_ase(Atoms("HH", [(0, 0, 0), (0.9, 0, 1.2)], cell=[4, 4, 4], pbc=True))
names = ("energy", "forces")

def groups(pipe):
    return [group.derivative_fn for group in pipe.topology.groups]

def show(pipe):
    print([pipe(batch, {name})[name].flatten().tolist() for name in names], str(pipe.plan).splitlines()[-1])
"""

SAVE = """
from bond_forces import halved
bonds = [create_model("bond", k=k, r0=1.0) for k in (3.0, 0.7, 0.1)]
with torch.no_grad():
    bonds[0].k.fill_(3.1)
pipe = PipelineModelWrapper([
    PipelineGroup([bonds[0]], use_autograd=True, derivative_fn=halved),
    PipelineGroup([0.5 * bonds[1]], use_autograd=True, derivative_fn=create_derivative("scaled-forces", factor=0.3)),
    PipelineGroup([bonds[2]], use_autograd=True),
])
"""


def with_bond(site: Site, version: str = "1.4") -> Site:
    modules = {"bond_hooks.py": BOND_HOOKS, "bond_model.py": BOND}
    site.add("alchemi-bond", version, modules=modules, plugins={"bond": "bond_hooks"})
    return site


def with_forces(site: Site, version: str = "0.2") -> Site:
    modules = {"forces_hooks.py": FORCES_HOOKS, "bond_forces.py": FORCES}
    site.add("alchemi-forces", version, modules=modules, plugins={"forces": "forces_hooks"})
    return site


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The file, in a folder of its own, and what the pipeline in it computes where it was made."""
    path = tmp_path_factory.mktemp("mail") / "bonds.alchemi"
    site = with_forces(with_bond(Site(tmp_path_factory.mktemp("author"))))
    shown = site.run(START + SAVE + f"pipe.save({str(path)!r})\nshow(pipe)")
    return path, shown


def load(site: Site, path: Path, code: str, **environ: str | None) -> str:
    return site.run(START + f"path = {str(path)!r}\n" + dedent(code), **environ)


REFUSED = """
try:
    load_pipeline(path)
except SerializationError as error:
    print(error.found, error.expected, error.fix, sep="\\n--\\n")
else:
    raise AssertionError("loaded")
"""


def refusal(site: Site, path: Path, **environ: str | None) -> tuple[str, str, str]:
    found, expected, fix = load(site, path, REFUSED, **environ).rstrip("\n").split("\n--\n")
    return found, expected, fix


def test_where_the_plugins_are_it_computes_the_same(site: Site, saved: tuple[Path, str]) -> None:
    """Strategies of other people included: they survive by name."""
    path, shown = saved
    code = """
        pipe = load_pipeline(path)
        first, second, third = groups(pipe)
        assert first == "halved-forces", first
        assert second == create_derivative("scaled-forces", factor=0.3), second
        assert third is None
        assert pipe.topology.models[0].k.item() == 3.1
        show(pipe)
        """
    assert load(with_forces(with_bond(site)), path, code) == shown


def test_one_that_lacks_a_plugin_says_which_and_how_to_get_it(site: Site, saved: tuple[Path, str]) -> None:
    found, expected, fix = refusal(with_forces(site), saved[0])
    assert found == "it needs alchemi-bond 1.4 or later: it is not installed"
    assert expected == "the plugins that the pipeline was saved with, or later ones"
    assert fix == "pip install 'alchemi-bond>=1.4'"


def test_one_that_lacks_all_names_all(site: Site, saved: tuple[Path, str]) -> None:
    found, _, fix = refusal(site, saved[0])
    assert "alchemi-bond 1.4 or later: it is not installed" in found
    assert "alchemi-forces 0.2 or later: it is not installed" in found
    assert fix == "pip install 'alchemi-bond>=1.4' 'alchemi-forces>=0.2'"


def test_one_with_an_older_version_says_so(site: Site, saved: tuple[Path, str]) -> None:
    path, shown = saved
    older = with_forces(with_bond(site, "1.3.9"))
    found, _, fix = refusal(older, path)
    assert found == "it needs alchemi-bond 1.4 or later: alchemi-bond 1.3.9 is older"
    assert fix.startswith("pip install 'alchemi-bond>=1.4'")
    assert load(older, path, "show(load_pipeline(path, allow={'older-plugins'}))") == shown


def test_one_that_keeps_a_plugin_out_says_so(site: Site, saved: tuple[Path, str]) -> None:
    both = with_forces(with_bond(site))
    found, _, _ = refusal(both, saved[0], ALCHEMI_BLOCK_PLUGINS="alchemi-forces")
    assert "alchemi-forces 0.2 is kept out" in found
    assert "alchemi-bond" not in found


def test_one_whose_plugin_does_not_load_says_why(site: Site, saved: tuple[Path, str]) -> None:
    modules = {"bond_hooks.py": "import missing_network_library"}
    site.add("alchemi-bond", "1.4", modules=modules, plugins={"bond": "bond_hooks"})
    found, _, _ = refusal(with_forces(site), saved[0])
    assert "alchemi-bond 1.4 does not load (No module named 'missing_network_library')" in found


def test_models_and_functions_of_ones_own_replace_plugins(site: Site, saved: tuple[Path, str]) -> None:
    """With the source of the model at hand, no plugin need be installed for it."""
    path, shown = saved
    (site.folder / "bond_model.py").write_text(BOND)
    code = "from bond_model import Bond\nshow(load_pipeline(path, models=[Bond(), Bond(), Bond()]))"
    assert load(with_forces(site), path, code) == shown


def test_later_versions_will_do_and_stand_in_the_file_that_is_written_there(
    site: Site, saved: tuple[Path, str]
) -> None:
    path, shown = saved
    printed = load(
        with_forces(with_bond(site, "1.5"), "0.3"),
        path,
        """
        import json, pathlib
        pipe = load_pipeline(path)
        show(pipe)
        pipe.save("again.alchemi")
        raw = pathlib.Path("again.alchemi").read_bytes()
        head = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        document = json.loads(head["__metadata__"]["alchemi"])
        print([(one["plugin"], one["version"]) for one in document["needs"]])
        print({one["licence"] for one in document["models"]})
        print([group["derivative"] for group in document["topology"]["groups"]])
        """,
    )
    first, needs, licences, derivatives = printed.splitlines()
    assert first == shown.rstrip("\n")
    assert needs == "[('alchemi-bond', '1.5'), ('alchemi-forces', '0.3')]"
    assert licences == "{'MIT'}"
    assert derivatives == "['halved-forces', {'name': 'scaled-forces', 'options': {'factor': 0.3}}, None]"
