"""Random checkpoints, structures, one call through a pipeline, and the same numbers from aimnet's own calculator."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from alchemi_aimnet2.testing import save_random_checkpoint
from ase import Atoms
from ase.build import molecule

from alchemi_core import BaseModelMixin, Batch, ModelConfig, OnGraph, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.quantities import COULOMB_CONSTANT

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
ALL = ("energy", "charges", "forces", "stress")
SHEAR = np.array([[1.0, 0.12, 0.0], [0.0, 1.05, -0.2], [0.08, 0.0, 0.95]])

KINDS: dict[str, dict[str, Any]] = {
    "full": {},
    "bare": {"coulomb": False, "dispersion": False},
    "coulomb": {"dispersion": False},
    "dispersion": {"coulomb": False},
    "open shell": {"open_shell": True},
}
"""Arguments for the random checkpoints, by name."""


@pytest.fixture(scope="session", autouse=True)
def no_weights_here(tmp_path_factory: pytest.TempPathFactory):
    """Keep the cache of whoever runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIMNET_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        kind: save_random_checkpoint(folder / f"{kind}.pt", seed=seed, **options)
        for seed, (kind, options) in enumerate(KINDS.items())
    }


def rattled(atoms: Atoms, amplitude: float = 0.05, seed: int = 3) -> Atoms:
    atoms.rattle(amplitude, seed=seed)
    return atoms


def boxed(atoms: Atoms, size: float = 9.0) -> Atoms:
    atoms.set_cell([size] * 3)
    atoms.pbc = True
    atoms.center()
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=False)
    return atoms


def ice() -> Atoms:
    """Eight molecules of water in a small skewed box; each atom sees images of its own."""
    places = np.stack(np.meshgrid(*[[0.0, 3.1]] * 3), axis=-1).reshape(-1, 3)
    atoms = Atoms(cell=[6.2] * 3, pbc=True)
    for number, place in enumerate(places):
        water = molecule("H2O")
        water.rotate(70 * number, (1, 2, 3))
        water.translate(place + 0.7)
        atoms += water
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=False)
    return rattled(atoms)


def outside_its_cell() -> Atoms:
    atoms = ice()
    shifts = np.random.default_rng(1).integers(-2, 3, (len(atoms), 3))
    atoms.positions += shifts @ atoms.cell.array
    return atoms


def left_handed() -> Atoms:
    atoms = ice()
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    return atoms


def slab() -> Atoms:
    atoms = ice()
    atoms.set_cell(np.diag([6.5, 6.3, 25.0]), scale_atoms=False)
    atoms.pbc = (True, True, False)
    return atoms


MOLECULES = {
    "water": rattled(molecule("H2O")),
    "ethanol": rattled(molecule("CH3CH2OH")),
    "hydrogen": Atoms("H2", [[0, 0, 0], [0, 0, 0.75]]),
    "atom": Atoms("O", [[1, 2, 3]]),
    "far away": Atoms("OH2", [[900, 900, 900], [900.96, 900, 900], [899.8, 900.93, 900]]),
    "far apart": Atoms("H2ON", [[0, 0, 0], [0.8, 0, 0], [7, 0, 0], [7.2, 20, 0]]),
}
CRYSTALS = {
    "ice": ice(),
    "outside its cell": outside_its_cell(),
    "left-handed cell": left_handed(),
    "boxed molecule": boxed(rattled(molecule("CH3NO2"))),
    "one molecule among images": boxed(rattled(molecule("H2O")), 3.2),
}
"""By name, periodic in three directions."""


@pytest.fixture
def molecules() -> dict[str, Atoms]:
    return {name: atoms.copy() for name, atoms in MOLECULES.items()}


@pytest.fixture
def crystals() -> dict[str, Atoms]:
    return {name: atoms.copy() for name, atoms in CRYSTALS.items()}


@pytest.fixture(params=MOLECULES)
def any_molecule(request: pytest.FixtureRequest) -> Atoms:
    return MOLECULES[request.param].copy()


@pytest.fixture(params=CRYSTALS)
def any_crystal(request: pytest.FixtureRequest) -> Atoms:
    return CRYSTALS[request.param].copy()


@pytest.fixture
def thin_slab() -> Atoms:
    return slab()


def single(*models: Any, derivative_fn: Any = None) -> PipelineModelWrapper:
    return PipelineModelWrapper(groups=[PipelineGroup(list(models), use_autograd=True, derivative_fn=derivative_fn)])


@pytest.fixture
def pipeline() -> Callable[..., PipelineModelWrapper]:
    """Make a pipeline of one autograd group."""
    return single


@functools.cache
def _made(path: Path, **options: Any) -> Any:
    return create_model("aimnet2", checkpoint=str(path), **options)


@pytest.fixture
def make(checkpoints: dict[str, Path]) -> Callable[..., Any]:
    """Make a model of a random checkpoint, float64 unless said otherwise, or give the one made before."""

    def run(kind: str = "full", **options: Any) -> Any:
        return _made(checkpoints[kind], **{"dtype": "float64", **options})

    return run


def batch_of(atoms: Atoms | list[Atoms], dtype: torch.dtype = torch.float64, **fields: list[float]) -> Batch:
    batch = Batch.from_ase(atoms, dtype=dtype)
    columns = {name: torch.tensor(values, dtype=dtype).reshape(-1, 1) for name, values in fields.items()}
    return batch.with_fields(**columns) if columns else batch


@pytest.fixture
def batches() -> Callable[..., Batch]:
    """Make a batch with total charges and multiplicities."""
    return batch_of


@pytest.fixture
def evaluate(make: Callable[..., Any]) -> Evaluate:
    """Run a model in a pipeline of its own."""

    def run(
        atoms: Atoms | list[Atoms],
        *requested: str,
        kind: str = "full",
        positions: torch.dtype = torch.float64,
        fields: dict[str, list[float]] | None = None,
        **options: Any,
    ) -> Mapping[str, torch.Tensor]:
        batch = batch_of(atoms, positions, **(fields or {}))
        return single(make(kind, **options))(batch, requested=set(requested))

    return run


@attrs.frozen(eq=False)
class Calculated:
    """What aimnet's calculator gives for one system or several."""

    energy: np.ndarray
    charges: np.ndarray
    forces: np.ndarray
    stress: np.ndarray | None
    spin_charges: np.ndarray | None


@functools.cache
def _calculator(path: Path) -> Any:
    from aimnet.calculators import AIMNet2Calculator

    return AIMNet2Calculator(str(path), device="cpu")


@pytest.fixture
def calculate(checkpoints: dict[str, Path]) -> Callable[..., Calculated]:
    """Run aimnet's own calculator, in float32 as it comes; damped and shifted for periodic systems, as it does."""

    def run(atoms: Atoms, kind: str = "full", charge: float = 0.0, mult: float = 1.0) -> Calculated:
        periodic = bool(atoms.pbc.all())
        data = {"coord": atoms.positions, "numbers": atoms.numbers, "charge": charge, "mult": mult}
        if periodic:
            data["cell"] = atoms.cell.array
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Switching to DSF Coulomb for PBC", UserWarning)
            found = _calculator(checkpoints[kind])(data, forces=True, stress=periodic)
        values = {name: found[name].detach().double().numpy() for name in found if name != "energy"}
        return Calculated(
            energy=found["energy"].detach().double().numpy().reshape(1),
            charges=values["charges"],
            forces=values["forces"],
            stress=values.get("stress"),
            spin_charges=values.get("spin_charges"),
        )

    return run


class AllPairs(BaseModelMixin):
    """E = k Σ_i<j q_i q_j / r_ij of one molecule, with charges from another step."""

    model_config = ModelConfig(
        name="all-pairs",
        outputs={"energy": OnGraph({"positions", "charges"})},
        required_inputs={"charges"},
        contains={"coulomb"},
        correction=True,
    )

    def compute(self, view, requested):
        i, j = torch.combinations(torch.arange(view.num_atoms)).T
        r = (view.positions[i] - view.positions[j]).norm(dim=1)
        return {"energy": COULOMB_CONSTANT * (view.charges[i] * view.charges[j] / r).sum().reshape(1, 1)}


class Yukawa(BaseModelMixin):
    """E = k/2 Σ_ij q_i q_j exp(−r_ij) (1 − r_ij²/r_c²)³ / r_ij over neighbors, for periodic systems too."""

    model_config = ModelConfig(
        name="yukawa",
        outputs={"energy": OnGraph({"positions", "cell", "charges"})},
        required_inputs={"charges"},
        supports_pbc=True,
        neighbor_config=None,
        contains={"coulomb"},
        correction=True,
    )

    def __init__(self) -> None:
        from alchemi_core import NeighborConfig

        self.model_config = attrs.evolve(self.model_config, neighbor_config=NeighborConfig(6.0))

    def compute(self, view, requested):
        from alchemi_core import pair_vectors

        i, j = view.neighbors.neighbor_list.long().T
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        pair = view.charges[i] * view.charges[j] * torch.exp(-r) * (1 - (r / 6.0) ** 2) ** 3 / r
        energy = r.new_zeros(view.num_systems).index_add(0, view.batch_idx[i], 0.5 * COULOMB_CONSTANT * pair)
        return {"energy": energy.unsqueeze(1)}


@pytest.fixture
def all_pairs() -> AllPairs:
    return AllPairs()


@pytest.fixture
def yukawa() -> Yukawa:
    return Yukawa()
