"""What cannot be exported is refused, and the step that cannot is named."""

import pytest
import torch
from alchemi_metatomic import export

from alchemi_core import (
    BaseModelMixin,
    Coupling,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_model,
)
from alchemi_core.errors import DeclarationError, DoubleCountingError, ExportError, OptionError
from alchemi_core.scripting import ScriptableEnergy

ARGON = {"cutoff": 8.0, "switch_on": 7.0}


class Well(BaseModelMixin, torch.nn.Module):
    """A model that knows no TorchScript."""

    def __init__(self):
        super().__init__()
        self.model_config = ModelConfig(name="well", outputs={"energy": OnGraph("positions")})

    def compute(self, view, requested):
        each = view.positions.square().sum(1)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)[:, None]}


class Wrong(Well):
    """A model whose module TorchScript does not take."""

    def scriptable_energy(self):
        class Module(torch.nn.Module):
            def forward(self, numbers, first, second, vectors, inputs):
                return {n: n for n in range(3)}.setdefault(*numbers)

        return ScriptableEnergy(Module(), 1.0)


class Endless(Well):
    """A model whose range is no length."""

    def scriptable_energy(self):
        return ScriptableEnergy(torch.nn.Linear(1, 1), self.reach)


class Unwilling(Well):
    """A model that cannot as it was made."""

    def scriptable_energy(self):
        raise ExportError("it has seven legs", expected="six", fix="Unwilling(legs=6)")


def lennard_jones():
    return create_model("lennard-jones", **ARGON)


def refused(pipe, **options):
    with pytest.raises(ExportError) as caught:
        export(pipe, **options)
    return caught.value


def test_models_without_a_form():
    error = refused(lennard_jones() + Well())
    assert (error.who, error.found) == ("well", "it has no form that runs without Python")


def test_modules_that_do_not_compile():
    error = refused(lennard_jones() + Wrong())
    assert error.who == "well"
    assert error.found.startswith("TorchScript does not compile it: ")


def test_models_that_say_why_not():
    error = refused(Unwilling())
    assert (error.who, error.found, error.fix) == ("well", "it has seven legs", "Unwilling(legs=6)")


@pytest.mark.parametrize("reach", [float("nan"), float("inf"), -1.0, None, True])
def test_ranges_that_are_no_lengths(reach):
    """An engine that divides a system among processes would leave atoms out."""
    model = Endless()
    model.reach = reach
    with pytest.raises(DeclarationError, match="interaction_range="):
        export(model)


def test_charges_of_another_step():
    steps = [create_model("eeq"), create_model("coulomb-dsf", hybrid_forces=False)]
    error = refused(PipelineModelWrapper([PipelineGroup(steps, use_autograd=True)]))
    assert error.who == "coulomb-dsf"
    assert "it reads charges of step 0 (eeq)" in error.found


def test_regions():
    error = refused(PipelineModelWrapper([PipelineGroup([PipelineStep(lennard_jones(), atoms=[0, 1])])]))
    assert error.who.startswith("lennard-jones on")


def test_derivatives_of_their_own():
    def minus_gradient(energy, data, requested):
        (gradient,) = torch.autograd.grad(energy.sum(), data.positions)
        return {"forces": -gradient}

    group = PipelineGroup([lennard_jones()], use_autograd=True, derivative_fn=minus_gradient)
    assert "derivative of its own" in refused(PipelineModelWrapper([group])).found


def test_couplings_without_a_value():
    error = refused(Coupling() * lennard_jones())
    assert error.fix == "export(pipe, couplings={'coupling': 0.5}), or --coupling coupling=0.5"


def test_couplings_that_are_none():
    assert "no weight is a function of 'lam'" in refused(lennard_jones(), couplings={"lam": 0.5}).found


def test_weights_of_each_system():
    assert "one for each system" in refused(torch.tensor([1.0, 2.0]) * lennard_jones()).found


def test_nothing_left():
    assert refused(Coupling() * lennard_jones(), couplings={"coupling": 0.0}).found == "no step adds to the energy"
    assert refused(0.0 * lennard_jones()).found == "no step adds to the energy"


def test_no_common_elements():
    mixed = create_model("lennard-jones", epsilon={"Ar": 0.01}, sigma={"Ar": 3.4})
    copper = create_model("morse", pairs={"Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866}}, cutoff=6.0)
    assert refused(mixed + copper).who == "lennard-jones and morse"


def test_mistakes_that_planning_finds():
    twice = create_model("zbl", outer="covalent") + create_model("zbl", inner=0.5, outer=1.5)
    with pytest.raises(DoubleCountingError):
        export(twice)
    with pytest.raises(OptionError, match="float16"):
        export(lennard_jones(), dtype="float16")


def test_atoms_that_the_models_refuse(exported, structure):
    """What the models refuse, the exported model refuses."""
    copper = {"D": 0.3429, "a": 1.3588, "r0": 2.866}
    atoms = structure("silica")
    atoms.calc = exported(create_model("morse", pairs={"Si-Si": copper, "O-O": copper}, cutoff=6.0))
    with pytest.raises(Exception, match="two elements meet for which no parameters were given"):
        atoms.get_potential_energy()
    atoms.calc = exported(create_model("morse", pairs={"Cu-Cu": copper}, cutoff=6.0))
    with pytest.raises(Exception, match="does not support the atomic type"):
        atoms.get_potential_energy()
    oxygen = {"A": 22764.3, "rho": 0.149, "C": 27.88}
    atoms.calc = exported(create_model("buckingham", pairs={"O-O": oxygen}, cutoff=6.0, non_interacting="rest"))
    del atoms[[atom.index for atom in atoms if atom.symbol == "Si"]]
    atoms.positions[0] = atoms.positions[1] + [0.5, 0, 0]
    with pytest.raises(Exception, match="inside the maximum of their potential"):
        atoms.get_potential_energy()
