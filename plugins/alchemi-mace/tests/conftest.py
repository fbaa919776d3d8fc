"""Small models built with mace-torch and saved as it saves them, structures, and mace-torch's own calculator."""

from __future__ import annotations

import copy
import functools
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from alchemi_mace.upstream import o3
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

ALL = ("energy", "node_energies", "forces", "stress")
SHEAR = np.array([[1.0, 0.12, 0.0], [0.0, 1.05, -0.2], [0.08, 0.0, 0.95]])
ELEMENTS = [1, 6, 8, 11, 14, 17, 29]


def rattled(atoms: Atoms, amplitude: float = 0.08, seed: int = 3) -> Atoms:
    atoms.rattle(amplitude, seed=seed)
    return atoms


def strained(atoms: Atoms) -> Atoms:
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=True)
    return atoms


def boxed(atoms: Atoms) -> Atoms:
    atoms.set_cell([20.0] * 3)
    atoms.pbc = True
    atoms.center()
    return atoms


def outside_its_cell() -> Atoms:
    atoms = rattled(bulk("NaCl", "rocksalt", a=5.2, cubic=True))[:4]
    atoms.positions += [[2, 0, -1], [0, 0, 0], [-1, 1, 1], [0, -2, 1]] @ atoms.cell.array
    return atoms


def slab() -> Atoms:
    atoms = rattled(fcc111("Cu", (1, 2, 3), vacuum=8.0))
    atoms.pbc = (True, True, False)
    return atoms


STRUCTURES = {
    "rock salt": rattled(bulk("NaCl", "rocksalt", a=5.2, cubic=True)),
    "skewed diamond": strained(rattled(bulk("Si", "diamond", a=5.43))),
    "one atom among its images": strained(bulk("Cu", "fcc", a=3.61)),
    "left-handed cell": rattled(Atoms("NaCl", [[0, 0, 0], [2, 2, 2]], cell=-3.4 * np.eye(3), pbc=True)),
    "outside its cell": outside_its_cell(),
    "slab": slab(),
    "chain": rattled(Atoms("C2", [[0, 0, 0], [1.3, 0, 0]], cell=[2.6, 15, 15], pbc=[True, False, False])),
    "boxed molecule": boxed(rattled(molecule("CH3CH2OH"))),
    "molecule": rattled(molecule("H2O")),
    "with a lone atom": boxed(Atoms("H2C", [[1, 1, 1], [1.75, 1, 1.1], [9, 9, 9]])),
}
"""By name."""

BASE: dict[str, Any] = {
    "r_max": 4.0,
    "num_bessel": 4,
    "num_polynomial_cutoff": 5,
    "max_ell": 2,
    "num_interactions": 2,
    "num_elements": len(ELEMENTS),
    "hidden_irreps": o3.Irreps("4x0e + 4x1o"),
    "MLP_irreps": o3.Irreps("4x0e"),
    "atomic_energies": np.linspace(-3.0, 1.0, len(ELEMENTS)),
    "avg_num_neighbors": 9.0,
    "atomic_numbers": ELEMENTS,
    "correlation": 2,
    "gate": torch.nn.functional.silu,
    "radial_MLP": [8, 8],
}
SCALED = {"atomic_inter_scale": 0.8, "atomic_inter_shift": 0.1}
HEADS = ["crystals", "molecules", "Default"]
BY_HEAD = {
    "heads": HEADS,
    "atomic_energies": np.linspace(-3.0, 1.0, 3 * len(ELEMENTS)).reshape(3, -1),
    "atomic_inter_scale": [0.8, 1.1, 0.9],
    "atomic_inter_shift": [0.1, -0.2, 0.0],
}
STATES = {
    "total_charge": {"type": "categorical", "per": "graph", "num_classes": 11, "emb_dim": 3, "offset": 5},
    "total_spin": {"type": "categorical", "per": "graph", "num_classes": 5, "emb_dim": 3},
}

KINDS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    # name: class of the model, of the first interaction, of the others, and what differs from BASE
    "scaled": ("ScaleShiftMACE", "Residual", "Residual", SCALED),
    "plain": (
        "MACE",
        "",
        "Residual",
        {"avg_num_neighbors": np.float64(7.0), "correlation": 3, "hidden_irreps": o3.Irreps("4x0e"), "max_ell": 3},
    ),
    "zbl": (
        "ScaleShiftMACE",
        "Density",
        "DensityResidual",
        {**SCALED, "pair_repulsion": True, "distance_transform": "Agnesi"},
    ),
    "non-linear": (
        "ScaleShiftMACE",
        "ResidualNonLinear",
        "ResidualNonLinear",
        {
            **BY_HEAD,
            "apply_cutoff": False,
            "edge_irreps": o3.Irreps("2x0e + 2x1o"),
            "use_agnostic_product": True,
            "use_last_readout_only": True,
            "distance_transform": "Soft",
            "readout_cls": "NonLinearBiasReadoutBlock",
        },
    ),
    "heads": ("ScaleShiftMACE", "Residual", "Residual", {**BY_HEAD, "heads": ["pbe", "r2scan", "wb97m"]}),
    "default head": ("ScaleShiftMACE", "Residual", "Residual", BY_HEAD),
    "states": (
        "ScaleShiftMACE",
        "Residual",
        "Residual",
        {**SCALED, "embedding_specs": STATES, "use_embedding_readout": True},
    ),
    "attention": ("ScaleShiftMACE", "", "AttResidual", {**SCALED, "radial_type": "gaussian"}),
    "dipoles": ("EnergyDipolesMACE", "Residual", "Residual", {"MLP_irreps": o3.Irreps("4x0e + 4x1o")}),
    "no energy": (
        "AtomicDipolesMACE",
        "Residual",
        "Residual",
        {"MLP_irreps": o3.Irreps("4x0e + 4x1o"), "atomic_energies": None},
    ),
}


def build(kind: str, seed: int = 0) -> torch.nn.Module:
    """Build a model of mace-torch in float64, with every weight random."""
    from mace import modules
    from mace.tools.torch_tools import default_dtype

    name, first, others, differing = KINDS[kind]
    options = {**BASE, **differing}
    if "readout_cls" in options:
        options["readout_cls"] = getattr(modules, options["readout_cls"])
    for key, which in (("interaction_cls_first", first), ("interaction_cls", others)):
        options[key] = getattr(modules, f"RealAgnostic{which}InteractionBlock")
    with default_dtype("float64"), torch.random.fork_rng(), quiet():
        torch.manual_seed(seed)
        return getattr(modules, name)(**options)


def quiet() -> warnings.catch_warnings:
    """Silence mace-torch and e3nn: they compile TorchScript, and load their files with weights_only off."""
    return warnings.catch_warnings(action="ignore")


@pytest.fixture
def network() -> Callable[..., torch.nn.Module]:
    """Build a network of mace-torch of some kind, with the random weights of a seed."""
    return build


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build a model of some kind once and give its file."""
    folder = tmp_path_factory.mktemp("models")

    @functools.cache
    def file(kind: str = "scaled", dtype: torch.dtype = torch.float64) -> Path:
        path = folder / f"{kind}-{dtype}.model"
        with quiet():
            if dtype is torch.float64:
                torch.save(build(kind), path)
            else:
                torch.save(torch.load(file(kind), weights_only=False).to(dtype), path)
        return path

    return file


@pytest.fixture(scope="session")
def make(saved: Callable[..., Path]) -> Callable[..., Any]:
    """Make a model from the file of some kind, or give the one made before: to be copied before it is changed."""

    @functools.cache
    def of(kind: str = "scaled", stored: torch.dtype = torch.float64, **options: Any) -> Any:
        return create_model("mace", checkpoint=str(saved(kind, stored)), **options)

    return of


def single(model: Any, derivative_fn: Any = None) -> PipelineModelWrapper:
    return PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True, derivative_fn=derivative_fn)])


@pytest.fixture
def pipeline() -> Callable[..., PipelineModelWrapper]:
    return single


@pytest.fixture
def model(make: Callable[..., Any]) -> Any:
    """A model of two layers in float64: to be copied before it is changed."""
    return make()


@pytest.fixture
def evaluate(make: Callable[..., Any]) -> Callable[..., Mapping[str, torch.Tensor]]:
    """Run the model of some kind in a pipeline of its own."""

    def run(
        atoms: Atoms | list[Atoms],
        *requested: str,
        kind: str = "scaled",
        dtype: torch.dtype = torch.float64,
        weights: torch.dtype = torch.float64,
        options: Mapping[str, Any] | None = None,
    ) -> Mapping[str, torch.Tensor]:
        pipe = single(make(kind, weights, **(options or {})))
        return pipe(Batch.from_ase(atoms, dtype=dtype), requested=set(requested))

    return run


@pytest.fixture(scope="session")
def theirs(saved: Callable[..., Path]) -> Callable[..., Any]:
    """Return mace-torch's own calculator, which reads the same file in its own way."""

    @functools.cache
    def of(kind: str = "scaled", weights: torch.dtype = torch.float64, dtype: str = "", head: str | None = None) -> Any:
        with quiet():
            from mace.calculators import MACECalculator

            model_type = "EnergyDipoleMACE" if kind == "dipoles" else "MACE"
            path, dtype = str(saved(kind, weights)), dtype or str(weights).removeprefix("torch.")
            keys = {"charges": "Qs"}  # what the calculator sets up for them by itself is the wrong way round
            return MACECalculator(
                model_paths=path, default_dtype=dtype, model_type=model_type, head=head, arrays_keys=keys
            )

    return of


@pytest.fixture
def calculate(theirs: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Run mace-torch's calculator; its stress as a matrix."""

    def run(atoms: Atoms, kind: str = "scaled", **how: Any) -> dict[str, Any]:
        calculator = theirs(kind, **how)
        with quiet():
            calculator.calculate(atoms)
        results = copy.deepcopy(calculator.results)
        xx, yy, zz, yz, xz, xy = results["stress"]
        stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return {**results, "node_energies": results["energies"], "stress": stress}

    return run


@pytest.fixture(params=STRUCTURES)
def structure(request: pytest.FixtureRequest) -> Atoms:
    return STRUCTURES[request.param].copy()


@pytest.fixture
def structures() -> dict[str, Atoms]:
    return {name: atoms.copy() for name, atoms in STRUCTURES.items()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of mace-torch."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mace"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what is asked of the network, and answer that there is none."""
    asked: list[str] = []

    def fail(url: str, *_: object, **__: object) -> None:
        asked.append(url)
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    return asked
