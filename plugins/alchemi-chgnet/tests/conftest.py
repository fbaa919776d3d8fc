"""Models, one call through a pipeline, and the same numbers from chgnet itself."""

from __future__ import annotations

import contextlib
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
from pymatgen.io.ase import AseAtomsAdaptor

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

if TYPE_CHECKING:
    from ase import Atoms
    from chgnet.model.model import CHGNet

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
Refer = Callable[..., "Reference"]


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
    with contextlib.redirect_stdout(io.StringIO()):
        network = type(theirs(checkpoint)).from_dict(
            theirs(checkpoint).as_dict(), mlp_out_bias=checkpoint == "0.2.0", version=None
        )
    network.graph_converter.set_isolated_atom_response("ignore")
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
        structure = AseAtomsAdaptor.get_structure(atoms)
        graph = network.graph_converter(structure)
        graph.atom_frac_coord = torch.tensor(structure.frac_coords, requires_grad=True)
        graph.lattice = torch.tensor(structure.lattice.matrix, requires_grad=True)
        graph.neighbor_image = graph.neighbor_image.double()
        with _volumes_allowed():
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
def _volumes_allowed():
    with warnings.catch_warnings():
        # chgnet makes a tensor of volumes that are on the graph
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad=True to a scalar", UserWarning)
        yield


@pytest.fixture
def calculate() -> Callable[..., dict[str, Any]]:
    """Run chgnet's ASE calculator, in float32 as it comes."""
    from chgnet.model.dynamics import CHGNetCalculator

    def run(atoms: Atoms, checkpoint: str = "0.3.0") -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()), _volumes_allowed():
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
