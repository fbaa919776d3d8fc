"""Physics is counted once: overlaps and corrections for another level of theory are planning errors."""

import attrs
import pytest
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, salt
from support.toys import Charges, Gaussians, Kernel

from alchemi_core.errors import DeclarationError, DoubleCountingError
from alchemi_core.planning.double_counting import functionals


def part(name, model=Kernel, **config):
    """A toy that declares something."""
    made = model(name=name)
    made.model_config = attrs.evolve(made.model_config, **config)
    return made


def mlip(name="mlip", **config):
    return part(name, Gaussians, **{"contains": {"dispersion": "D3(BJ)"}, "level_of_theory": "PBE", **config})


def d3(name="d3", **config):
    return part(name, **{"contains": {"dispersion"}, "correction": True, "level_of_theory": "PBE", **config})


def plain(name="plain", **config):
    return mlip(name, contains=(), **config)


def test_a_model_with_dispersion_and_a_correction():
    with pytest.raises(DoubleCountingError) as caught:
        (mlip() + d3()).plan_for({"energy"})
    error = caught.value
    assert error.found == "dispersion is counted twice: in step 0 (mlip: D3(BJ)) and in step 1 (d3)"
    assert error.expected == "dispersion once"
    assert "accept={'dispersion'}" in error.fix


def test_coulomb_inside_a_group():
    charged = part("charged", Gaussians, contains={"coulomb"})
    ewald = part("ewald", contains={"coulomb"}, correction=True)
    with pytest.raises(DoubleCountingError, match="coulomb is counted twice"):
        pipeline(autograd(Charges(), charged, ewald)).plan_for({"forces"})


SUMS = {
    "a model and a correction": (lambda: plain() + d3(), False),
    "a committee that contains it": (lambda: 0.5 * mlip("a") + 0.5 * mlip("b"), False),
    "three tenths": (lambda: 0.1 * mlip("a") + 0.2 * mlip("b") + 0.7 * mlip("c"), False),
    "each half has it once": (lambda: 0.5 * mlip("a") + 0.5 * plain("b") + 0.5 * d3(), False),
    "one half has it twice": (lambda: 0.5 * mlip("a") + 0.5 * plain("b") + d3(), True),
    "a scaled sum": (lambda: 0.5 * (mlip() + d3()), True),
    "taken out on purpose": (lambda: mlip() + -1.0 * d3(), False),
    "a difference and one correction": (lambda: mlip("a") + -1.0 * mlip("b") + d3(), False),
    "two corrections": (lambda: plain() + d3("one") + d3("two"), True),
    "corrections alone": (lambda: d3("one") + d3("two"), True),
    "a model twice as strong": (lambda: 2.0 * mlip(), False),
    "nothing of one": (lambda: mlip() + 0.0 * d3(), False),
    "a committee without its halves": (lambda: mlip("a") + mlip("b"), True),
    "beside a restraint": (lambda: mlip() + part("restraint") + d3(), True),
    "of models that state no level": (lambda: 0.5 * mlip("a", level_of_theory="") + 0.5 * mlip("b"), False),
    "nested": (lambda: pipeline(direct(pipeline(direct(mlip())), d3())), True),
    "nested in a group": (lambda: pipeline(autograd(0.5 * mlip() + 0.5 * mlip("b"))), False),
}


@pytest.mark.parametrize(("make", "refused"), SUMS.values(), ids=SUMS)
def test_weights_tell_mixing_from_counting_twice(make, refused):
    if refused:
        with pytest.raises(DoubleCountingError, match="dispersion is counted twice"):
            make().plan_for({"energy"})
    else:
        assert make().plan_for({"energy"}).accepted == ()


def test_a_request_that_sums_nothing_counts_nothing():
    both = pipeline(direct(Charges(), mlip(), d3()))
    assert both.plan_for({"charges"}).requested == ("charges",)


def test_accepting_is_shown_by_the_plan_and_kept_by_sums():
    accepted = (mlip() + d3()).with_settings(accept={"dispersion"})
    line = "accepts dispersion is counted twice: in step 0 (mlip: D3(BJ)) and in step 1 (d3)"
    assert line in str(accepted.plan).splitlines()
    assert line in str((accepted + part("restraint")).plan).splitlines()
    energy = accepted(batch_of(salt()), requested={"energy"})["energy"]
    alone = [model(batch_of(salt()), requested={"energy"})["energy"] for model in (1.0 * mlip(), 1.0 * d3())]
    assert energy.item() == pytest.approx(sum(alone).item(), rel=1e-12)


def test_accepting_one_thing_is_not_accepting_another():
    pipe = (mlip(level_of_theory="r2SCAN") + d3()).with_settings(accept={"dispersion"})
    with pytest.raises(DoubleCountingError, match="was fitted to r2SCAN") as caught:
        pipe.plan_for({"energy"})
    assert "dispersion is counted" not in caught.value.found
    with pytest.raises(DoubleCountingError, match=r"counted twice.*; step 1 .* fitted to r2SCAN") as caught:
        pipe.with_settings(accept=()).plan_for({"energy"})
    assert "accept={'dispersion', 'level_of_theory'}" in caught.value.fix
    assert len(pipe.with_settings(accept={"dispersion", "level_of_theory"}).plan.accepted) == 2


@pytest.mark.parametrize(
    ("model", "correction", "fits"),
    [
        ("PBE / PBE+U", "PBE", True),
        ("PBE", "B3LYP", False),
        ("r2SCAN", "R2SCAN", True),
        ("ωB97M-D3(BJ)/def2-TZVPP", "wB97M", True),
        ("B97-3c", "B973C", True),
        ("PBE", "PBE0", False),
        ("RPBE", "PBE", False),
        ("", "PBE", True),
        ("PBE", "", True),
    ],
)
def test_a_correction_goes_with_what_the_model_was_fitted_to(model, correction, fits):
    pipe = plain(level_of_theory=model) + d3(level_of_theory=correction)
    if fits:
        assert pipe.plan_for({"energy"})
    else:
        with pytest.raises(DoubleCountingError) as caught:
            pipe.plan_for({"energy"})
        found = f"step 1 (d3) corrects {correction}, but step 0 (plain) was fitted to {model}"
        assert caught.value.found == found
        assert "accept={'level_of_theory'}" in caught.value.fix


def test_a_mixture_of_levels_takes_corrections_for_each():
    mixed = 0.5 * plain("a") + 0.5 * plain("b", level_of_theory="r2SCAN")
    assert (mixed + 0.5 * d3("one") + 0.5 * d3("two", level_of_theory="r2scan")).plan_for({"energy"})
    with pytest.raises(DoubleCountingError, match="corrects B3LYP"):
        (mixed + d3(level_of_theory="B3LYP")).plan_for({"energy"})
    with pytest.raises(DoubleCountingError, match=r"corrects PBE with weight 1, but .* fitted to PBE with weight 0.5"):
        (mixed + d3()).plan_for({"energy"})
    assert (mixed + 0.5 * d3()).plan_for({"energy"})


def test_models_of_several_levels_are_no_corrections_of_each_other():
    assert (0.5 * plain("a") + 0.5 * plain("b", level_of_theory="B3LYP")).plan_for({"energy"})


def test_names_of_functionals():
    assert functionals("") == frozenset()
    assert functionals("PBE-D3 / SCAN+rVV10") == {"pbe", "scan"}
    assert functionals("B3LYP-D4(EEQ)") == functionals("b3-lyp")
    assert functionals("PBE-D3BJ") == {"pbe"}


@pytest.mark.parametrize(
    ("level", "name"),
    [
        ("r²SCAN", "r2scan"),
        ("PBE+U+D3", "pbe"),
        ("PBE + U", "pbe"),
        ("GGA PBE", "pbe"),
        ("PBE (GGA)", "pbe"),
        ("PBE-MBD", "pbe"),
        ("B97-D", "b97d"),
        ("HSE06", "hse06"),
    ],
)
def test_one_functional_however_it_is_spelt(level, name):
    assert functionals(level) == {name}


def test_the_whole_says_what_its_parts_contain():
    whole = pipeline(direct(mlip(), part("ewald", contains={"coulomb"}, correction=True)))
    assert dict(whole.model_config.contains) == {"dispersion": "mlip (D3(BJ))", "coulomb": "ewald"}


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (lambda: part("x", contains={"disperson"}), "write 'dispersion'"),
        (lambda: part("x", correction=True), ""),
        (lambda: (mlip() + d3()).with_settings(accept={"coulom"}), "write 'coulomb'"),
    ],
)
def test_misspelt_physics(make, fix):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert caught.value.fix == fix
