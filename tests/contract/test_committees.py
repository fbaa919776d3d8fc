"""Committees: means and standard deviations, whatever the members are, wherever the committee stands."""

import copy
import pickle

import pytest
import torch
from ase import Atoms
from ase.build import bulk
from support import byhand, differences
from support.pipelines import CORE, FD, autograd, direct, grouped, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import Charges, Coulomb, Gaussians, Kernel

from alchemi_core.algebra import differentiate
from alchemi_core.committees import committee
from alchemi_core.contract import Analytic
from alchemi_core.errors import DeclarationError, UnknownOutputError, WiringError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.topology import Committee, PipelineGroup, PipelineStep

STRENGTHS = (1.0, 0.7, 1.6)
ALL = ("energy", "forces", "stress")
SPREADS = ("energy_std", "forces_std", "stress_std")


def networks():
    return [Gaussians(strength) for strength in STRENGTHS]


def kernels():
    return [Kernel(strength) for strength in STRENGTHS]


def charged():
    return [pipeline(autograd(Charges(), PipelineStep(Coulomb(), weight=s), Gaussians(s))) for s in STRENGTHS]


def by_differences():
    return [grouped(([Kernel(s, outputs=("energy",))], FD)) for s in STRENGTHS]


def of_all_kinds():
    return [Gaussians(), Kernel(0.7), charged()[2]]


MEMBERS = {f.__name__: f for f in (networks, kernels, charged, by_differences, of_all_kinds)}


def alone(members, batch, names=ALL):
    """Each member by itself, stacked."""
    outputs = [pipeline(direct(member))(batch, requested=names) for member in members]
    return {name: torch.stack([out[name] for out in outputs]) for name in names}


def spread(values, name):
    """With n − 1 in the denominator, written out."""
    variance = (values - values.mean(0)).square().sum(0) / (len(values) - 1)
    return (variance.sum(-1) if name == "forces" else variance).sqrt()


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("kind", MEMBERS)
def test_means_and_standard_deviations(kind):
    members = MEMBERS[kind]()
    expected = alone(members, mixed())
    out = committee(members, registry=CORE)(mixed(), requested={*ALL, *SPREADS})
    assert list(out) == [*ALL, *SPREADS]
    for name in ALL:
        assert_close(out[name], expected[name].mean(0))
        assert_close(out[f"{name}_std"], spread(expected[name], name))


def test_two_members_against_the_closed_form():
    one, two = byhand.gaussians(mixed()), byhand.gaussians(mixed(), 0.7)
    out = committee([Gaussians(), Gaussians(0.7)], registry=CORE)(mixed(), {"energy", "energy_std"})
    assert_close(out["energy"], (one + two) / 2)
    assert_close(out["energy_std"], (one - two).abs() / 2**0.5)


def test_forces_are_derivatives_of_the_mean():
    differences.assert_consistent(committee(charged(), registry=CORE), batch_of(salt()))


def test_defaults_have_doubt_with_them():
    pipe = committee(networks(), registry=CORE)
    assert set(pipe(mixed())) == {*ALL, "energy_std", "forces_std"}
    assert set(pipe(batch_of(water()))) == {"energy", "forces", "energy_std", "forces_std"}
    assert "stress_std" in pipe.model_config.outputs


def test_members_share_a_list_and_none_is_called_twice():
    members = networks()
    pipe = committee(members, registry=CORE)
    assert len(pipe.plan.lists) == 1
    pipe(mixed(), requested={"energy", "forces", "energy_std", "forces_std"})
    assert [len(one.calls) for one in members] == [1, 1, 1]
    pipe(mixed(), requested={"energy", "forces"})
    assert [len(one.calls) for one in members] == [2, 2, 2]


def test_beside_other_models_only_the_members_disagree():
    members = networks()
    expected = alone(members, mixed())
    pipe = committee(members, registry=CORE) + 0.3 * Kernel()
    out = pipe(mixed(), requested={*ALL, *SPREADS})
    other = pipeline(direct(Kernel()))(mixed(), requested=ALL)
    for name in ALL:
        assert_close(out[name], expected[name].mean(0) + 0.3 * other[name])
        assert_close(out[f"{name}_std"], spread(expected[name], name))


@pytest.mark.parametrize("weight", [0.5, -2.0])
def test_scaled(weight):
    pipe = committee(networks(), registry=CORE)
    plain, scaled = pipe(mixed()), (weight * pipe)(mixed())
    assert_close(scaled["forces"], weight * plain["forces"])
    assert_close(scaled["forces_std"], abs(weight) * plain["forces_std"])


def test_two_committees_add_in_quadrature():
    one, two = networks(), kernels()[:2]
    expected = [alone(members, mixed())["energy"] for members in (one, two)]
    out = (committee(one, registry=CORE) + committee(two, calibration=3.0, registry=CORE))(mixed())
    variance = spread(expected[0], "energy") ** 2 + (3.0 * spread(expected[1], "energy")) ** 2
    assert_close(out["energy_std"], variance.sqrt())


def test_the_same_committee_twice_disagrees_as_once():
    pipe = committee(networks(), registry=CORE)
    plain = pipe(mixed())
    assert_close((0.5 * pipe + 0.5 * pipe)(mixed())["forces_std"], plain["forces_std"])
    assert (pipe - pipe)(mixed())["forces_std"].abs().max() < 1e-12
    assert_close((pipe + 2.0 * pipe)(mixed())["energy_std"], 3.0 * plain["energy_std"])


def test_members_are_known_in_any_order():
    one, two, three = networks()
    pipe = committee([one, two, three], registry=CORE) - committee([three, one, two], registry=CORE)
    assert pipe(mixed())["energy_std"].abs().max() < 1e-12


def test_without_weight_no_doubt():
    members = networks()
    pipe = 0.0 * committee(members, registry=CORE) + Kernel()
    assert set(pipe(mixed())) == set(ALL)
    assert not any(one.calls for one in members)


def test_a_committee_of_committees_is_one_of_their_means():
    inner = [committee(networks(), registry=CORE), committee(kernels()[:2], registry=CORE)]
    means = torch.stack([alone(members, mixed())["forces"].mean(0) for members in (networks(), kernels()[:2])])
    out = committee(inner, registry=CORE)(mixed())
    assert_close(out["forces"], means.mean(0))
    assert_close(out["forces_std"], spread(means, "forces"))


def test_calibration():
    one, two = (committee(networks(), calibration=c, registry=CORE)(mixed()) for c in (1.0, 1.7))
    assert_close(two["energy_std"], 1.7 * one["energy_std"])
    assert_close(two["forces_std"], 1.7 * one["forces_std"])
    assert_close(two["forces"], one["forces"])


def test_what_is_no_sum_is_a_mean_too():
    members = [Charges(), pipeline(autograd(Charges(cutoff=3.0), Coulomb())), Charges(cutoff=3.5)]
    values = torch.stack([byhand.charges(mixed(), cutoff=cutoff) for cutoff in (4.0, 3.0, 3.5)])
    out = committee(members, registry=CORE)(mixed(), {"charges", "charges_std"})
    assert_close(out["charges"], values.mean(0))
    assert_close(out["charges_std"], spread(values, "charges"))


def test_no_member_reads_what_another_gives():
    members = [pipeline(autograd(Charges(), Coulomb())), pipeline(autograd(Charges(cutoff=3.0), Coulomb()))]
    out = committee(members, registry=CORE)(mixed())
    assert_close(out["energy"], alone(members, mixed())["energy"].mean(0))
    lone = committee([Charges(), Coulomb()], registry=CORE)
    assert lone.model_config.required_inputs == {"charges"}  # those of the first member are not for the second


def test_of_what_members_give_nobody_takes_one():
    charges = committee([Charges(), Charges(cutoff=3.0)], registry=CORE)
    with pytest.raises(WiringError, match="'charges' is produced by step 0"):
        pipeline(autograd(charges, Coulomb()))(mixed(), {"energy"})


def test_contributions_beside_deviations():
    out = committee(networks(), registry=CORE)(mixed(), contributions=True)
    assert_close(sum(one.value for one in out.contributions if one.name == "forces"), out["forces"])
    assert_close(out["forces_std"], committee(networks(), registry=CORE)(mixed())["forces_std"])


def test_energies_alone_beside_deviations():
    out = committee(charged(), registry=CORE)(mixed(), {"forces", "energy", "forces_std"}, contributions="energy")
    assert {one.name for one in out.contributions} == {"energy"}
    assert_close(sum(one.value for one in out.contributions), out["energy"])


def test_inside_an_autograd_group():
    plain = committee(networks(), registry=CORE)(mixed())
    inside = pipeline(autograd(committee(networks(), registry=CORE)))(mixed())
    for name in plain:
        assert_close(inside[name], plain[name])


def test_by_a_strategy():
    pipe = differentiate(committee(kernels(), registry=CORE), "finite-difference", registry=CORE)
    plain = committee(kernels(), registry=CORE)(mixed())
    out = pipe(mixed(), requested={"forces", "forces_std"})
    torch.testing.assert_close(out["forces_std"], plain["forces_std"], rtol=1e-5, atol=1e-7)


def test_float32():
    single = mixed(dtype=torch.float32)
    out, wide = committee(networks(), registry=CORE)(single), committee(networks(), registry=CORE)(mixed())
    assert out["forces_std"].dtype == torch.float32
    torch.testing.assert_close(out["forces_std"].double(), wide["forces_std"], rtol=1e-4, atol=1e-5)


def test_copies():
    pipe = committee(networks(), calibration=1.5, registry=CORE)
    for other in (copy.deepcopy(pipe), pickle.loads(pickle.dumps(committee(networks(), calibration=1.5)))):
        assert_close(other(mixed())["forces_std"], pipe(mixed())["forces_std"])


def test_in_training():
    pipe = committee(networks(), registry=CORE).train()
    out = pipe(mixed(), requested={"energy", "forces", "forces_std"})
    grads = torch.autograd.grad(out["forces_std"].sum(), list(pipe.parameters()))
    assert all(grad.abs().sum() > 0 for grad in grads)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: committee([]), "committee: 0 members"),
        (lambda: committee([Gaussians()]), "committee: one member"),
        (lambda: committee([Gaussians(), 3]), "PipelineStep: 3 is not a model"),
        (lambda: committee(networks(), calibration=0.0), "Committee: calibration is 0.0"),
        (lambda: committee(networks(), calibration=float("nan")), "calibration is nan"),
        (lambda: committee(networks(), calibration=True), "calibration is True"),
        (lambda: PipelineGroup([Gaussians()], committee=Committee()), "PipelineGroup: a committee of one"),
        (lambda: committee([Charges(), *[Gaussians()] * 2]), "committee: members 1 and 2 are one and the same model"),
        (lambda: PipelineGroup([Gaussians()] * 2, committee=Committee()), "members 0 and 1 are one and the same"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


@pytest.mark.parametrize(
    ("members", "name", "message"),
    [
        ([Gaussians(), Charges()], "energy_std", "'energy' comes from 1 of the 2 members"),
        ([Charges(), Gaussians()], "charges_std", "'charges' comes from 1 of the 2 members"),
        ([Gaussians(), Gaussians()], "charges_std", "no step can give 'charges"),
        ([Gaussians(), Gaussians()], "force_std", "no step can give 'force_std'"),
    ],
)
def test_deviations_that_cannot_be(members, name, message):
    with pytest.raises(UnknownOutputError, match=message):
        committee(members, registry=CORE)(mixed(), {name})


def test_no_committee_no_deviation():
    with pytest.raises(UnknownOutputError, match="members of a committee, and there is none"):
        pipeline(direct(Gaussians()))(mixed(), {"energy_std"})


def test_the_printed_plan():
    text = str((committee(networks()[:2], calibration=2.0, registry=CORE) + Kernel()).plan)
    assert "energy = 0.5·[0] + 0.5·[1] + [2]" in text
    assert "forces_std = 2·std(forces of [0], [1])" in text


class Push(BaseModelMixin):
    """Forces of no energy."""

    def __init__(self, strength):
        self.strength = strength
        self.model_config = ModelConfig(name="push", outputs={"forces": Analytic()}, supports_pbc=True)

    def compute(self, view, requested):
        return {"forces": -self.strength * view.positions.detach()}


def test_forces_without_an_energy_are_part_of_what_members_say():
    members = [pipeline(direct(Gaussians(), Push(0.3))), Gaussians(0.7)]
    expected = alone(members, mixed(), ("forces",))["forces"]
    pipe = committee(members, registry=CORE)
    for contributions in (False, True):
        out = pipe(mixed(), {"forces", "forces_std"}, contributions=contributions)
        assert_close(out["forces"], expected.mean(0))
        assert_close(out["forces_std"], spread(expected, "forces"))
    assert_close(pipe(mixed(), {"forces_std"})["forces_std"], spread(expected, "forces"))
    assert "forces_std = std(forces of [0] + [1], [2])" in str(pipe.plan_for({"forces_std"}))


@pytest.mark.parametrize("members", [[Push(0.3), Push(0.1)], [Push(0.3), Gaussians()]])
def test_defaults_of_members_that_push(members):
    out = committee(members, registry=CORE)(mixed(), requested={"forces", "forces_std"})
    assert_close(out["forces_std"], spread(alone(members, mixed(), ("forces",))["forces"], "forces"))
    assert "forces_std" in committee(members, registry=CORE).active_outputs


@pytest.mark.parametrize("contributions", [False, True])
@pytest.mark.parametrize("names", [{"forces"}, {"energy_std"}, {"forces_std", "energy", "charges"}])
def test_charges_and_energies_of_members_at_once(names, contributions):
    members = [pipeline(autograd(Charges(cutoff=c), Coulomb())) for c in (4.0, 3.0, 3.5)]
    values = torch.stack([byhand.charges(mixed(), cutoff=cutoff) for cutoff in (4.0, 3.0, 3.5)])
    expected = alone(members, mixed(), ("energy", "forces"))
    out = committee(members, registry=CORE)(mixed(), {*names, "charges_std"}, contributions=contributions)
    assert_close(out["charges_std"], spread(values, "charges"))
    for name in sorted(names & {"energy_std", "forces_std"}):
        of = name.removesuffix("_std")
        assert_close(out[name], spread(expected[of], of))


def test_members_of_which_only_some_give_it_have_no_doubt_by_default():
    pipe = committee([Charges(), pipeline(autograd(Charges(cutoff=3.0), Coulomb()))], registry=CORE)
    assert "energy_std" not in pipe(mixed())


def test_charges_that_are_summed():
    group = PipelineGroup([Charges(), Charges(cutoff=3.0)], committee=Committee())
    pipe = pipeline(group, additive_keys={"charges"})
    values = torch.stack([byhand.charges(mixed(), cutoff=cutoff) for cutoff in (4.0, 3.0)])
    out = pipe(mixed(), {"charges", "charges_std"})
    assert_close(out["charges"], values.mean(0))
    assert_close(out["charges_std"], spread(values, "charges"))


def test_where_members_agree_gradients_are_zero():
    members = [Gaussians(), Gaussians(0.7)]
    pipe = committee(members, registry=CORE).train()
    atom = batch_of(bulk("Ar", "fcc", a=5.2))
    pipe(atom, {"forces_std"})["forces_std"].sum().backward()
    assert all(torch.isfinite(one.grad).all() for one in pipe.parameters())


def test_no_atoms_and_no_warning():
    pipe = committee(networks(), registry=CORE)
    out = pipe(batch_of(Atoms()))
    assert (tuple(out["energy_std"].shape), tuple(out["forces_std"].shape)) == ((1, 1), (0,))
