"""Mistakes in what is declared that would otherwise go unnoticed, and what their errors suggest."""

import pytest
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, mixed, water
from support.toys import Charges, Coulomb, Gaussians, Kernel, with_config

from alchemi_core.contract import OnGraph
from alchemi_core.errors import (
    CompositionError,
    DataError,
    DeclarationError,
    PluginError,
    UnknownOutputError,
    UnsupportedElementError,
    WiringError,
)
from alchemi_core.offers import NeighborOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry, default_registry
from alchemi_core.toolkits import toolkit_for
from alchemi_core.topology import PipelineStep


@pytest.mark.parametrize(
    ("setting", "value"), [("additive_keys", {"charge", "energy"}), ("reductions", {"charge": "mean"})]
)
def test_settings_of_outputs_that_do_not_exist_are_refused_when_declared(setting, value):
    with pytest.raises(UnknownOutputError, match=rf"(?s){setting}: names 'charge'.*write 'charges'"):
        pipeline(autograd(Charges(), Coulomb()), **{setting: value})


def test_settings_may_name_derivatives_that_a_composition_happens_not_to_give():
    assert pipeline(autograd(Charges()), additive_keys={"energy", "forces", "stress"}).active_outputs == {"charges"}


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -float("inf")])
def test_weights_are_finite(weight):
    with pytest.raises(DeclarationError, match="weight is"):
        PipelineStep(Kernel(), weight=weight)


@pytest.mark.parametrize("weights", [(1.0, -1.0), (0.1, 0.2, -0.3), (0.0,)])
def test_a_mean_over_weights_that_cancel_is_refused_when_planned(weights):
    steps = [PipelineStep(Charges(), weight=weight) for weight in weights]
    pipe = pipeline(direct(*steps), reductions={"charges": "mean"})
    with pytest.raises(CompositionError, match="'charges' is the mean over steps"):
        pipe.plan_for({"charges"})


def test_two_energies_that_are_not_summed_are_no_matter_of_renaming():
    pipe = pipeline(direct(Charges(), Kernel(), Kernel()), additive_keys={"charges"})
    with pytest.raises(WiringError) as caught:
        pipe.plan_for({"energy"})
    assert caught.value.fix == "add 'energy' to additive_keys; weights make a mean of a sum: 0.5 * a + 0.5 * b"


def test_two_producers_of_an_output_may_be_renamed_or_averaged():
    with pytest.raises(WiringError) as caught:
        pipeline(direct(Charges(), Charges())).plan_for({"charges"})
    rename, mean = caught.value.fix.split(", or make one of them: ")
    assert mean == "reductions={'charges': 'mean'}"
    assert rename == "rename one: PipelineStep(charge_model_2, wire={'charges': 'charges_1'})"


def test_elements_that_a_planned_model_does_not_know_are_refused():
    model = with_config(Gaussians(), elements=range(2, 20))
    pipe = pipeline(autograd(Charges(), model))
    with pytest.raises(UnsupportedElementError) as caught:
        pipe(batch_of(water()), requested={"energy"})
    numbers = batch_of(water()).atomic_numbers.tolist()
    error = caught.value
    assert error.found == f"atom {numbers.index(1)} of system 0 is H (Z = 1), not known to the model"
    assert error.expected.startswith("one of its 18 elements: He Li Be")
    assert (error.who, "atomic number 1;" in error.fix) == ("gaussians", True)
    assert set(pipe(batch_of(water()), requested={"charges"})) == {"charges"}  # the model is not part of this plan


def test_periodicity_is_asked_of_planned_steps_only():
    pipe = pipeline(direct(Charges(), with_config(Kernel(), supports_pbc=False)))
    assert set(pipe(mixed(), requested={"charges"})) == {"charges"}
    with pytest.raises(DataError, match="a system of the batch is periodic"):
        pipe(mixed(), requested={"energy"})


@pytest.mark.parametrize(
    ("levels", "expected"),
    [(("PBE", ""), "PBE"), (("R2SCAN", "r2SCAN"), "R2SCAN"), (("PBE", "r2SCAN"), ""), (("",), "")],
)
def test_the_level_of_theory_is_that_of_all_parts_that_state_one(levels, expected):
    models = [with_config(Kernel(), level_of_theory=level) for level in levels]
    assert pipeline(direct(*models)).model_config.level_of_theory == expected


def test_a_neighbor_backend_that_does_not_load_names_its_plugin():
    broken = NeighborOffer(name="broken", summary="broken", target="no_such_module:build", role="builder", rank=99)
    record = PluginRecord("broken-plugin", "broken-dist", "1.0", (broken,))
    with pytest.raises(PluginError, match="broken"):
        toolkit_for("cpu", Registry((*default_registry().records, record)))


@pytest.mark.parametrize("order", ["cell", -1, 1.5, True])
def test_inputs_written_one_by_one_are_no_order(order):
    with pytest.raises(DeclarationError, match=r"(?s)OnGraph: order is .*OnGraph\(\('positions', 'cell'\)\)"):
        OnGraph("positions", order)
