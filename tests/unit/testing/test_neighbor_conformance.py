"""Neighbor backends as subjects: the suite under other names, on the devices that are asked for."""

from unit.testing import broken_builders
from unit.testing.failing import failing, names

from alchemi_core.neighbors import building
from alchemi_core.offers import NeighborOffer
from alchemi_core.registry import Registry
from alchemi_core.testing.neighbor_subject import NeighborSubject
from alchemi_core.testing.neighbor_suite import role_checks
from alchemi_core.testing.offering import offering

CORE = Registry.discover({"ALCHEMI_PLUGINS": ""})


def offered(name, *devices):
    target = f"alchemi_core.neighbors.{name}"
    return NeighborOffer(name="grid", role="builder", summary="a builder", target=target, devices=devices or ("cpu",))


def of_offer(offer):
    return NeighborSubject.of_offer(offer, offering(offer, registry=CORE)).checks()


def test_every_check_of_the_role_is_there():
    expected = {"resolves", *map(str, role_checks("builder", building.build))}
    assert names(of_offer(offered("building:build"))) == expected
    assert names(NeighborSubject("builder", building.build, name="grid").checks()) == expected


def test_a_right_builder_passes_and_a_broken_one_fails_what_the_suite_fails():
    some = ("resolves", "builder/triclinic/float64/cpu", "builder/keeps-no-buffer/cpu")

    def of(build):
        return [one for one in NeighborSubject("builder", build).checks() if str(one).split("/", 2)[2] in some]

    assert failing(of(building.build)) == set()
    assert failing(of(broken_builders.drops_a_pair)) == {"builder/triclinic/float64/cpu"}
    assert failing(of(broken_builders.KeepsItsBuffer())) == {"builder/keeps-no-buffer/cpu"}


def test_what_a_backend_raises_is_a_failure():
    def raises(batch, cutoff, skin):
        raise IndexError("out of range")

    checks = NeighborSubject("builder", raises).checks()
    assert failing(checks[:2]) == {"builder/triclinic/float64/cpu"}


def test_other_devices_are_checked_where_they_are_asked_for():
    assert names(of_offer(offered("building:build", "cuda"))) == {"resolves"}
    assert names(of_offer(offered("building:build", "cpu", "cuda"))) == names(of_offer(offered("building:build")))
    asked = NeighborSubject("builder", building.build, devices=("cuda",)).checks()
    assert all(str(one).endswith("/cuda") for one in asked[1:])


def test_a_name_that_leads_nowhere_fails_the_only_check_there_is():
    for target in ("building:not_there", "config:INDEX_DTYPES"):
        checks = of_offer(offered(target))
        assert failing(checks) == names(checks) == {"resolves"}


def test_exemptions_of_an_offer_are_on_its_checks():
    reasons = {"refuses-singular-cell/cpu": "the library finds pairs all the same"}
    offer = NeighborOffer(
        name="grid", role="builder", summary="a builder", target="alchemi_core.neighbors.building:build", exempt=reasons
    )
    assert {str(one): one.exempt for one in of_offer(offer) if one.exempt} == {
        "neighbors/grid/builder/refuses-singular-cell/cpu": "the library finds pairs all the same"
    }
