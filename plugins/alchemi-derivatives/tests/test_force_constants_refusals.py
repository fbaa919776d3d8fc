"""What force constants refuse, each with one error that says what to do."""

import numpy as np
import pytest
import torch
from alchemi_derivatives.force_constants import ForceConstants
from alchemi_derivatives.lattice_dynamics import as_phonopy
from ase import Atoms
from ase.build import bulk, graphene, molecule

from alchemi_core import Analytic, BaseModelMixin, Batch, Coupling, ModelConfig, create_model, differentiate
from alchemi_core.errors import DataError, DerivativeError, LostTermError, OptionError, UnknownOutputError

NEON = bulk("Ne", "fcc", a=3.6)


def pipe(**options):
    model = create_model("lennard-jones", cutoff=6.0, switch_on=4.5, epsilon=0.01, sigma=2.3)
    return differentiate(model, ForceConstants(**{"supercell": (2, 2, 2)} | options))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("supercell", (2, 2)),
        ("supercell", "large"),
        ("supercell", (0, 1, 1)),
        ("supercell", True),
        ("supercell", None),
        ("supercell", [[1, 0, 0], [0, 1, 0], [1, 1, 0]]),
        ("supercell", [[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
        ("supercell", [[1, 0], [0, 1, 1]]),
        ("supercell", (1.5, 1, 1)),
        ("supercell", -3.0),
        ("supercell", float("nan")),
        ("displacement", 0.0),
        ("displacement", float("inf")),
        ("displacement", "0.01"),
        ("symmetry", 1),
        ("tolerance", -1e-5),
        ("max_atoms", 0),
        ("max_atoms", 10.0),
    ],
)
def test_options(name, value):
    with pytest.raises(OptionError, match=name):
        ForceConstants(**{name: value})


@pytest.mark.parametrize("systems", [[molecule("H2O")], [NEON, molecule("H2O")]])
def test_molecules(systems):
    with pytest.raises(DerivativeError, match=f"system {len(systems) - 1} is not periodic[^$]*hessian"):
        pipe()(Batch.from_ase(systems))


def test_a_direction_that_is_not_periodic_is_not_repeated():
    layer = graphene(a=2.9)
    layer.pbc = (True, True, False)
    with pytest.raises(OptionError, match="1 along lattice vectors 2"):
        pipe()(Batch.from_ase(layer))


def test_training():
    trained = pipe()
    trained.train()
    with pytest.raises(DerivativeError, match=r"pipe\.eval"):
        trained(Batch.from_ase(NEON))


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("electric_field", [[0.0, 0.0, 0.1]], "symmetry=False"),
        ("spins_of_some_kind", [[1.0, 2.0]], "leave 'spins_of_some_kind' away"),
        ("arrows", [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]], "symmetry=False"),
    ],
)
def test_fields_without_a_meaning(name, value, fix):
    crystal = bulk("Mg", "hcp", a=2.6, c=4.2)
    data = Batch.from_ase(crystal).with_fields(**{name: torch.tensor(value, dtype=torch.float64)})
    with pytest.raises(DerivativeError, match=f"{name}[^$]*{fix}"):
        pipe()(data)


def test_a_field_that_breaks_symmetry_without_symmetry():
    data = Batch.from_ase(NEON).with_fields(electric_field=torch.tensor([[0.0, 0.0, 0.1]], dtype=torch.float64))
    expected = pipe(symmetry=False)(Batch.from_ase(NEON))["force_constants"]
    torch.testing.assert_close(pipe(symmetry=False)(data)["force_constants"], expected)


def test_what_phonopy_does_not_know():
    with pytest.raises(DerivativeError, match="phonopy cannot take the crystal"):
        pipe()(Batch.from_ase(Atoms("X", cell=[4.0] * 3, pbc=True)))
    twice = Atoms("Ne2", positions=[[0, 0, 0], [0, 0, 1e-7]], cell=[4.0] * 3, pbc=True)
    with pytest.raises(DerivativeError, match="too close"):
        as_phonopy(create_model("lennard-jones"), twice)
    with pytest.raises(DataError, match="without atoms"):
        as_phonopy(create_model("lennard-jones"), Atoms(cell=[4.0] * 3, pbc=True))


class Lost(BaseModelMixin):
    """Has an energy and nothing else, or forces that are no numbers."""

    def __init__(self, *outputs):
        self.model_config = ModelConfig(name="lost", outputs=dict.fromkeys(outputs, Analytic()), supports_pbc=True)

    def compute(self, view, requested):
        energy = view.positions.new_zeros(view.num_systems, 1)
        return {"energy": energy, "forces": np.nan * view.positions.detach()}


def test_models():
    with pytest.raises(LostTermError, match="cannot contribute to forces"):
        differentiate(Lost("energy"), ForceConstants())(Batch.from_ase(NEON))
    with pytest.raises(DerivativeError, match="not finite"):
        differentiate(Lost("energy", "forces"), ForceConstants())(Batch.from_ase(NEON))
    with pytest.raises(UnknownOutputError, match="stress"):
        differentiate(Lost("energy", "forces"), ForceConstants()).plan_for({"force_constants", "stress"})


def test_a_coupling_parameter_stays_as_it_is():
    lam = Coupling()
    first, second = (create_model("lennard-jones", cutoff=6.0, epsilon=size, sigma=2.3) for size in (0.01, 0.03))
    mixed = differentiate((1 - lam) * first + lam * second, ForceConstants(supercell=(2, 2, 2)))
    data = Batch.from_ase(NEON).with_fields(coupling=torch.tensor([[0.25]], dtype=torch.float64))
    alone = differentiate(first, ForceConstants(supercell=(2, 2, 2)))(Batch.from_ase(NEON))["force_constants"]
    torch.testing.assert_close(mixed(data)["force_constants"], 1.5 * alone, rtol=1e-9, atol=1e-11)
