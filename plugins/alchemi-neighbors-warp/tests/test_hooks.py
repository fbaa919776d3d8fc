"""What is offered to whom, and that nobody pays before it is used."""

import subprocess
import sys

import pytest
import warp as wp
from alchemi_neighbors_warp.building import build
from alchemi_neighbors_warp.converting import convert
from alchemi_neighbors_warp.hooks import alchemi_neighbors
from alchemi_neighbors_warp.loading import quiet

from alchemi_core.offers import NeighborOffer, load_target
from alchemi_core.registry import Registry

USE = """
import warp
from ase.build import bulk
from alchemi_core import Batch, NeighborConfig
from alchemi_core.neighbors.building import build
from alchemi_neighbors_warp.converting import convert
batch = Batch.from_ase(bulk("Cu"))
convert(build(batch, 3.0, 0.5), batch, NeighborConfig(3.0, "matrix"), False)
assert warp.config.log_level == warp.LOG_INFO
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_offers_point_to_the_functions():
    assert {offer.role: load_target(offer.target) for offer in alchemi_neighbors()} == {
        "builder": build,
        "convert": convert,
    }


@pytest.mark.parametrize("role", ["builder", "convert"])
def test_cuda_only(role):
    registry = Registry.discover()
    assert registry.best_neighbors(role, "cuda").name == {"builder": "warp-build", "convert": "warp-convert"}[role]
    others = [offer for offer in registry.offers(NeighborOffer) if "cpu" in offer.devices]
    assert not any(offer.name.startswith("warp-") for offer in others)


@pytest.mark.parametrize(
    ("module", "loaded"), [("hooks", []), ("converting", ["torch", "warp"])], ids=["hooks", "converting"]
)
def test_nothing_is_imported_before_it_is_used(module, loaded):
    code = (
        f"import sys, alchemi_neighbors_warp.{module}; print(*{{'torch', 'warp', 'nvalchemiops'}} & set(sys.modules))"
    )
    assert sorted(run(code).split()) == loaded


def test_nothing_is_printed():
    """Warp would print a banner, and a line for every module that it compiles or loads."""
    assert run(USE) == ""


@pytest.mark.parametrize(("level", "within"), [("INFO", "WARNING"), ("DEBUG", "DEBUG"), ("ERROR", "ERROR")])
def test_a_level_of_messages_that_the_user_chose_stays(monkeypatch, level, within):
    monkeypatch.setattr(wp.config, "log_level", getattr(wp, f"LOG_{level}"))
    with quiet(), quiet():
        assert wp.config.log_level == getattr(wp, f"LOG_{within}")
    assert wp.config.log_level == getattr(wp, f"LOG_{level}")
