"""A package of someone else's, built and installed by pip: its strategies work by name, in Python and in commands.

It stands in the folder ``third_party``, with a project file, a build backend and entry points of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Site

PACKAGE = Path(__file__).parent / "third_party"
PIP = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile")

BOND = """
import torch
from alchemi_core import BaseModelMixin, ModelConfig, OnGraph


class Bond(BaseModelMixin):
    \"\"\"½ k (r − r0)² between the two atoms of each system.\"\"\"

    def __init__(self, *, k=3.0, r0=1.0):
        self.k, self.r0 = k, r0
        outputs = {"energy": OnGraph(("positions", "cell"))}
        self.model_config = ModelConfig(name="bond", outputs=outputs, supports_pbc=True)

    def compute(self, view, requested):
        first = torch.tensor(view.ptr[:-1])
        length = (view.positions[first + 1] - view.positions[first]).norm(dim=1, keepdim=True)
        return {"energy": 0.5 * self.k * (length - self.r0) ** 2}
"""

HOOKS = """
from alchemi_core import ModelOffer, hookimpl


@hookimpl
def alchemi_models():
    return [ModelOffer(name="bond", summary="a spring", target="bond_model:Bond")]
"""

# A bond along (3, 0, 4)/5 of 1.5 Å, stretched by 0.5 Å: F = k·0.5 = 1.5 eV/Å, curvature uᵀHu = 2k along the bond.
DIMER = """
import torch
from ase import Atoms
from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_derivative, create_model, differentiate
atoms = Atoms("HH", [(0, 0, 0), (0.9, 0, 1.2)], cell=[4, 4, 4], pbc=True)
batch, bond = Batch.from_ase(atoms), create_model("bond")
close = lambda value, expected: torch.testing.assert_close(value, torch.tensor(expected, dtype=value.dtype))
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Site:
    """A site with the package as pip installed it, beside a plugin that offers a model."""
    folder = tmp_path_factory.mktemp("theirs")
    site = Site(folder)
    source = shutil.copytree(PACKAGE, folder / "source")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    command = [sys.executable, *PIP, "--disable-pip-version-check", "--target", str(site.folder), str(source)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site.distributions.append("alchemi-capped-forces")
    site.add("alchemi-bond", modules={"bond_hooks.py": HOOKS, "bond_model.py": BOND}, plugins={"bond": "bond_hooks"})
    return site


def alchemi(site: Site, *words: str) -> str:
    """Run the command in a process of its own and return what it prints."""
    return site.run(f"from alchemi_core.cli.main import main\nassert main({list(words)!r}) == 0")


def test_pip_installed_it_and_the_registry_knows_whose_it_is(theirs: Site) -> None:
    installer = theirs.folder / "alchemi_capped_forces-0.3.0.dist-info" / "INSTALLER"
    assert installer.read_text().strip() == "pip"
    registry = theirs.discover()
    assert registry.failures == ()
    for name in ("capped-forces", "curvature"):
        owner = registry.owner(registry.find("derivative", name))
        assert (owner.distribution, owner.version) == ("alchemi-capped-forces", "0.3.0")
    assert "curvature" in alchemi(theirs, "plugins")


def test_the_function_is_used_by_name(theirs: Site) -> None:
    """Forces are capped, and the stress k (r − r0) r û⊗û / V is what it is."""
    theirs.run(
        DIMER
        + """
for pipe in (
    PipelineModelWrapper([PipelineGroup([bond], use_autograd=True, derivative_fn="capped-forces")]),
    differentiate(bond, "capped-forces"),
):
    out = pipe(batch, {"energy", "forces", "stress"})
    close(out["energy"], [[0.375]])
    close(out["forces"], [[0.3, 0.0, 0.4], [-0.3, 0.0, -0.4]])
    u = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    close(out["stress"], (3.0 * 0.5 * 1.5 / 64.0 * torch.outer(u, u)).unsqueeze(0).tolist())
pipe.save("capped.alchemi")
from alchemi_core import load_pipeline
close(load_pipeline("capped.alchemi")(batch, {"forces"})["forces"], [[0.3, 0.0, 0.4], [-0.3, 0.0, -0.4]])
"""
    )


def test_the_strategy_is_used_by_name_with_its_options(theirs: Site) -> None:
    theirs.run(
        DIMER
        + """
assert differentiate(bond, "curvature").active_outputs == {"energy", "curvature"}
for options in ({}, {"method": "differences"}, {"method": "differences", "step": 1e-3}):
    close(differentiate(bond, "curvature", **options)(batch, {"curvature"})["curvature"], [[6.0]])
    strategy = create_derivative("curvature", **options)
    group = PipelineGroup([0.5 * bond], use_autograd=True, derivative_fn=strategy)
    close(PipelineModelWrapper([group])(batch, {"curvature"})["curvature"], [[3.0]])
from alchemi_core.errors import OptionError
for options in ({"method": "guessing"}, {"steps": 1}):
    try:
        differentiate(bond, "curvature", **options)
    except OptionError as error:
        assert "curvature" in str(error), error
    else:
        raise AssertionError(options)
"""
    )


def test_both_are_used_from_the_command_line(theirs: Site) -> None:
    theirs.run(DIMER + "import ase.io\nase.io.write('dimer.extxyz', atoms)")
    model = ("dimer.extxyz", "--model", "bond(k=3.0)")
    printed = alchemi(theirs, "derive", *model, "--derivative", "curvature(method='differences', step=0.001)")
    rows = {row.split()[1]: row.split()[2:] for row in printed.splitlines()[1:]}
    assert rows["curvature"] == ["1×1", "–", "6", "6"]
    alchemi(theirs, "derive", *model, "--derivative", "capped-forces", "--outputs", "forces", "--out", "o")
    record = json.loads((theirs.work / "o" / "run.json").read_text())
    assert record["results"][0]["outputs"]["forces"]["largest"] == pytest.approx(0.4)
    assert "alchemi-capped-forces" in record["versions"]["plugins"]
    plan = alchemi(theirs, "plan", "--model", "bond", "--derivative", "curvature")
    assert plan.splitlines()[-1] == "curvature = curvature([0])"


def test_its_command_is_one_of_alchemis(theirs: Site) -> None:
    assert alchemi(theirs, "cap", "1.5") == "0.5 of 1.5 eV/Å\n"
