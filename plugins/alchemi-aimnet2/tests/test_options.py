"""Which terms there are, and what the model says of them."""

import pytest

from alchemi_core import create_model
from alchemi_core.errors import OptionError


@pytest.mark.parametrize(
    ("kind", "options", "contains", "reach"),
    [
        ("full", {}, {"coulomb", "dispersion"}, 5.0),
        ("full", {"coulomb": "simple", "dispersion": True}, {"coulomb", "dispersion"}, 5.0),
        ("full", {"coulomb": "dsf"}, {"coulomb", "dispersion"}, 15.0),
        ("full", {"coulomb": "dsf", "dsf_cutoff": 18}, {"coulomb", "dispersion"}, 18.0),
        ("full", {"coulomb": False}, {"dispersion"}, 15.0),
        ("full", {"dispersion": False}, {"coulomb"}, 5.0),
        ("full", {"coulomb": False, "dispersion": False}, set(), 5.0),
        ("full", {"coulomb": "dsf", "dispersion": False, "dsf_cutoff": 8.0}, {"coulomb"}, 8.0),
        ("bare", {}, set(), 5.0),
        ("bare", {"coulomb": False, "dispersion": False}, set(), 5.0),
        ("dispersion", {}, {"dispersion"}, 15.0),
    ],
)
def test_terms(make, kind, options, contains, reach):
    config = make(kind, **options).model_config
    assert set(config.contains) == contains
    assert config.neighbor_config.cutoff == reach


def test_what_is_declared(make):
    config = make().model_config
    assert config.outputs == {"energy", "charges"}
    assert config.optional_inputs == {"total_charge", "multiplicity"}
    assert not config.required_inputs
    assert config.autograd_inputs == {"positions", "cell"}
    assert config.elements == {1, 6, 7, 8}
    assert make("open shell").model_config.outputs == {"energy", "charges", "spin_charges"}


def test_parts_add_up(molecules, evaluate):
    """Coulomb and D3 are the differences that leaving them out makes."""
    atoms = molecules["ethanol"]

    def energy(**options):
        return evaluate(atoms, "energy", **options)["energy"].item()

    full, none = energy(), energy(coulomb=False, dispersion=False)
    coulomb, dispersion = energy(dispersion=False) - none, energy(coulomb=False) - none
    assert full == pytest.approx(none + coulomb + dispersion, abs=1e-9)
    assert abs(coulomb) > 1e-3
    assert -1.0 < dispersion < -0.05  # ethanol in D3(BJ)


def test_long_dsf_is_all_pairs(molecules, evaluate):
    """Without damping and with a long range, what is left of the shifts goes as 1 / range."""
    atoms = molecules["water"]
    simple = evaluate(atoms, "energy")["energy"].item()
    errors = [
        abs(evaluate(atoms, "energy", coulomb="dsf", dsf_cutoff=reach, dsf_alpha=1e-6)["energy"].item() - simple)
        for reach in (50.0, 5000.0)
    ]
    assert errors[1] == pytest.approx(errors[0] / 100, rel=0.05)


@pytest.mark.parametrize(
    ("kind", "options", "found", "fix"),
    [
        ("full", {"coulomb": "ewald"}, "coulomb='ewald'", "coulomb=False"),
        ("full", {"coulomb": True}, "coulomb=True", "coulomb='simple'"),
        ("full", {"coulomb": 1}, "coulomb=1", "coulomb=False"),
        ("bare", {"coulomb": "simple"}, "no Coulomb sum", "leave the option out"),
        ("bare", {"coulomb": "dsf"}, "no Coulomb sum", "leave the option out"),
        ("full", {"dispersion": "d3"}, "dispersion='d3'", "dispersion=False"),
        ("bare", {"dispersion": True}, "no parameters for D3", "leave the option out"),
        ("full", {"dsf_cutoff": 12.0}, "dsf_cutoff=12", "coulomb='dsf'"),
        ("full", {"dsf_alpha": 0.3, "coulomb": False}, "dsf_alpha=0.3", "coulomb='dsf'"),
        ("full", {"dsf_cutoff": -1.0, "coulomb": "dsf"}, "dsf_cutoff=-1.0", ""),
        ("full", {"dsf_alpha": float("nan"), "coulomb": "dsf"}, "dsf_alpha=nan", ""),
        ("full", {"dsf_cutoff": "12", "coulomb": "dsf"}, "dsf_cutoff='12'", ""),
        ("full", {"dtype": "float16"}, "dtype='float16'", "dtype='float64'"),
        ("full", {"dtype": 64}, "dtype=64", "dtype='float64'"),
    ],
)
def test_refused(checkpoints, kind, options, found, fix):
    with pytest.raises(OptionError) as caught:
        create_model("aimnet2", checkpoint=checkpoints[kind], **options)
    assert found in caught.value.found
    assert caught.value.fix == fix


def test_unknown_option(checkpoints):
    with pytest.raises(OptionError, match="no option named 'charge'"):
        create_model("aimnet2", checkpoint=checkpoints["full"], charge=1)
