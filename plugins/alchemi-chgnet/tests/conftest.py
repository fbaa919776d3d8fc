"""Structures, one call through a pipeline, and the same numbers from chgnet itself."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from pymatgen.io.ase import AseAtomsAdaptor

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

if TYPE_CHECKING:
    from chgnet.model.model import CHGNet

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
Refer = Callable[..., "Reference"]


SHEAR = np.array([[1.0, 0.12, 0.0], [0.0, 1.05, -0.2], [0.08, 0.0, 0.95]])


def rattled(atoms: Atoms, amplitude: float = 0.08, seed: int = 3) -> Atoms:
    atoms.rattle(amplitude, seed=seed)
    return atoms


def strained(atoms: Atoms) -> Atoms:
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=True)
    return atoms


def boxed(name: str, size: float = 20.0) -> Atoms:
    atoms = molecule(name)
    atoms.set_cell([size] * 3)
    atoms.pbc = True
    atoms.center()
    return atoms


def perovskite() -> Atoms:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return rattled(Atoms("SrTiO3", scaled_positions=places, cell=[3.91] * 3, pbc=True))


def slab() -> Atoms:
    atoms = rattled(fcc111("Pt", (1, 2, 3), vacuum=8.0))
    atoms.pbc = (True, True, False)
    return atoms


def outside_its_cell() -> Atoms:
    atoms = rattled(bulk("ZnS", "wurtzite", a=3.82, c=6.26))
    atoms.positions += [[30, 0, -20], [0, 0, 0], [-7, 50, 1], [0.1, 0.2, 90]]
    return atoms


def chain() -> Atoms:
    return rattled(Atoms("C2", [[0, 0, 0], [1.3, 0, 0]], cell=[2.6, 15, 15], pbc=[True, False, False]))


def with_a_lone_atom() -> Atoms:
    return Atoms("H2He", [[1, 1, 1], [1.75, 1, 1.1], [11, 11, 11]], cell=[22] * 3, pbc=True)


STRUCTURES = {
    "rock salt": rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "skewed diamond": strained(rattled(bulk("Si", "diamond", a=5.43))),
    "one atom among its images": strained(bulk("Cu", "fcc", a=3.61)),
    "dense": rattled(bulk("W", "bcc", a=2.9, cubic=True)),
    "magnetic oxide": rattled(bulk("MnO", "rocksalt", a=4.44, cubic=True)),
    "perovskite": perovskite(),
    "fluorite with f electrons": rattled(bulk("UO2", "fluorite", a=5.47)),
    "slab": slab(),
    "outside its cell": outside_its_cell(),
    "chain": chain(),
    "molecule in a box": boxed("CH3CH2OH"),
    "no angles": strained(rattled(bulk("Ar", "fcc", a=5.4, cubic=True))),
    "a lone atom": with_a_lone_atom(),
    "nothing but a lone atom": Atoms("Fe", cell=[20] * 3, pbc=True),
}
"""By name; all have a volume. The lone atom and the argon show what happens without messages and without angles."""


@pytest.fixture(params=STRUCTURES)
def structure(request: pytest.FixtureRequest) -> Atoms:
    return STRUCTURES[request.param].copy()


@pytest.fixture
def structures() -> dict[str, Atoms]:
    return {name: atoms.copy() for name, atoms in STRUCTURES.items()}


@attrs.frozen(eq=False)
class Reference:
    """What chgnet computes for one structure, in the units of alchemi."""

    energy: float
    forces: np.ndarray
    stress: np.ndarray
    magmoms: np.ndarray
    sites: np.ndarray


@functools.cache
def ours(checkpoint: str, dtype: torch.dtype) -> Any:
    return create_model("chgnet", checkpoint=checkpoint).to(dtype)


@functools.cache
def theirs(checkpoint: str) -> CHGNet:
    from chgnet.model.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):  # it announces itself
        network = CHGNet.load(model_name=checkpoint, use_device="cpu", verbose=False)
    network.graph_converter.set_isolated_atom_response("ignore")
    return network


@functools.cache
def theirs_in_double(checkpoint: str) -> CHGNet:
    network = copy.deepcopy(theirs(checkpoint))
    network.double().composition_model.float()  # its input is cast to float32
    return network


@pytest.fixture
def evaluate() -> Evaluate:
    """Run the model in a pipeline of its own; networks in float64 unless said otherwise."""

    def run(
        atoms: Atoms | list[Atoms],
        *requested: str,
        checkpoint: str = "0.3.0",
        weights: torch.dtype = torch.float64,
        dtype: torch.dtype = torch.float64,
    ) -> Mapping[str, torch.Tensor]:
        group = PipelineGroup([ours(checkpoint, weights)], use_autograd=True)
        return PipelineModelWrapper(groups=[group])(Batch.from_ase(atoms, dtype=dtype), requested=set(requested))

    return run


@pytest.fixture
def refer() -> Refer:
    """Run chgnet's own graph converter, network and derivatives, in float64."""

    def run(atoms: Atoms, checkpoint: str = "0.3.0") -> Reference:
        network = theirs_in_double(checkpoint)
        with _their_warnings_allowed():
            structure = AseAtomsAdaptor.get_structure(atoms)
            graph = network.graph_converter(structure)
        graph.atom_frac_coord = torch.tensor(structure.frac_coords, requires_grad=True)
        graph.lattice = torch.tensor(structure.lattice.matrix, requires_grad=True)
        graph.neighbor_image = graph.neighbor_image.double()
        with _their_warnings_allowed():
            found = network([graph], task="efsm", return_site_energies=True)
        sites = found["site_energies"][0].detach().numpy()
        return Reference(
            energy=sites.sum(),
            forces=found["f"][0].detach().numpy(),
            stress=found["s"][0].detach().numpy() / 160.21766208,
            magmoms=found["m"][0].detach().numpy(),
            sites=sites,
        )

    return run


@contextlib.contextmanager
def _their_warnings_allowed():
    with warnings.catch_warnings():
        # chgnet makes a tensor of volumes that are on the graph
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad=True to a scalar", UserWarning)
        # pymatgen on noble gases, for which nothing of ours asks
        warnings.filterwarnings("ignore", "No Pauling electronegativity for", UserWarning)
        yield


@pytest.fixture
def calculate() -> Callable[..., dict[str, Any]]:
    """Run chgnet's ASE calculator, in float32 as it comes."""
    from chgnet.model.dynamics import CHGNetCalculator

    def run(atoms: Atoms, checkpoint: str = "0.3.0") -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()), _their_warnings_allowed():
            calculator = CHGNetCalculator(theirs(checkpoint), use_device="cpu", on_isolated_atoms="ignore")
            calculator.calculate(atoms)
        return calculator.results

    return run


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint as chgnet does, with changes."""

    def save(*, tensors: Mapping[str, Any] | None = None, **arguments: Any) -> Path:
        model = theirs("0.3.0").as_dict()
        model = {
            "state_dict": {**model["state_dict"], **(tensors or {})},
            "model_args": {**model["model_args"], **arguments},
        }
        torch.save({"model": model, "epoch": 3}, tmp_path / "tuned.pth.tar")
        return tmp_path / "tuned.pth.tar"

    return save
