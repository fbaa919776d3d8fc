"""Looking offers up in a registry made by hand."""

from __future__ import annotations

import pickle

import attrs
import pytest

from alchemi_core.errors import DuplicateOfferError, PluginError, UnknownOfferError
from alchemi_core.offers import KINDS, DerivativeOffer, ModelOffer, NeighborOffer, Offer, Role
from alchemi_core.plugin_records import PluginFailure, PluginRecord
from alchemi_core.registry import Registry, default_registry


def model(name: str, target: str = "nowhere:Model") -> ModelOffer:
    return ModelOffer(name=name, summary="a model", target=target)


def backend(name: str, *, role: Role = "builder", rank: int = 0, devices: str = "cpu") -> NeighborOffer:
    return NeighborOffer(name=name, summary="a backend", target="a:b", role=role, rank=rank, devices=devices.split())


def registry(**offers: list[Offer]) -> Registry:
    """Registry in which ``alchemi-<key>`` 1.0 offers each list."""
    return Registry(tuple(PluginRecord(key, f"alchemi-{key}", "1.0", tuple(given)) for key, given in offers.items()))


def test_find_gives_the_offer_of_that_kind_and_name() -> None:
    wanted, other = model("same"), DerivativeOffer(name="same", summary="s", target="a:b")
    found = registry(a=[other, wanted])
    assert found.find("model", "same") is wanted
    assert found.find(DerivativeOffer, "same") is other


def test_offers_come_in_the_order_of_the_plugins_and_names_sorted() -> None:
    found = registry(b=[model("z")], a=[model("y"), model("x")])
    assert [offer.name for offer in found.offers("model")] == ["z", "y", "x"]
    assert found.names("model") == ("x", "y", "z")
    assert found.offers("reduction") == ()


def test_unknown_name_lists_what_there_is_and_the_nearest() -> None:
    with pytest.raises(UnknownOfferError) as caught:
        registry(a=[model("sevennet"), model("dftd3")]).find("model", "sevenet")
    assert str(caught.value) == (
        "no model named 'sevenet'. Available: dftd3, sevennet.\n  likely fix: did you mean 'sevennet'?"
    )


def test_unknown_name_quotes_what_did_not_load() -> None:
    broken = PluginFailure("mace", "alchemi-mace", "0.2", "No module named 'e3nn'", traceback="Traceback ...")
    found = attrs.evolve(registry(a=[model("dftd3"), model("ewald")]), failures=(broken,))
    with pytest.raises(UnknownOfferError) as caught:
        found.find("model", "mace")
    assert str(caught.value) == (
        "no model named 'mace'. Available: dftd3, ewald.\n"
        "  alchemi-mace 0.2 is installed but did not load: No module named 'e3nn'\n"
        "  full report: alchemi plugins"
    )


def test_without_any_offers_there_is_none() -> None:
    with pytest.raises(UnknownOfferError, match="Available: none"):
        Registry().find("model", "x")


def test_unknown_kind_lists_the_kinds() -> None:
    for look in (Registry().offers, Registry().names):
        with pytest.raises(UnknownOfferError, match="no kind of offer named 'models'") as caught:
            look("models")
        assert all(kind in caught.value.expected for kind in KINDS)


def test_two_offers_of_one_name_name_both_owners_and_leave_the_rest() -> None:
    found = registry(a=[model("twin"), model("one")], b=[model("twin")])
    with pytest.raises(DuplicateOfferError, match=r"alchemi-a 1\.0 .*and alchemi-b 1\.0"):
        found.find("model", "twin")
    assert found.find("model", "one").name == "one"
    (duplicate,) = found.duplicates
    assert (duplicate.kind, duplicate.name) == ("model", "twin")
    assert "alchemi-a 1.0" in str(duplicate)
    assert "alchemi-b 1.0" in str(duplicate)


def test_one_name_in_two_kinds_is_no_duplicate() -> None:
    assert registry(a=[model("x")], b=[DerivativeOffer(name="x", summary="s", target="a:b")]).duplicates == ()


def test_the_remedy_never_names_the_core() -> None:
    core = PluginRecord("alchemi-core", "alchemi-core", "1.0", (model("twin"),))
    other = PluginRecord("a", "alchemi-a", "1.0", (model("twin"),))
    for records in [(core, other), (other, core)]:
        with pytest.raises(DuplicateOfferError) as caught:
            Registry(records).find("model", "twin")
        assert caught.value.fix == "ALCHEMI_BLOCK_PLUGINS=alchemi-a"


def test_owner_of_equal_offers_is_whose_object_it_is() -> None:
    first, second = model("twin"), model("twin")
    found = registry(a=[first], b=[second])
    assert found.owner(first).distribution == "alchemi-a"
    assert found.owner(second).distribution == "alchemi-b"
    assert found.owner(model("twin")).distribution == "alchemi-a"


def test_owner_of_a_strange_offer_is_an_error() -> None:
    with pytest.raises(UnknownOfferError, match="'x' was not offered"):
        registry(a=[model("y")]).owner(model("x"))


def test_load_imports_the_target() -> None:
    path_join = model("x", target="os.path:join")
    assert registry(a=[path_join]).load(path_join)("a", "b").startswith("a")


@pytest.mark.parametrize(
    ("target", "cause", "fix"),
    [
        ("no_such_package.models:X", ModuleNotFoundError, "install 'no_such_package'"),
        ("os.path:no_such_name", AttributeError, "tell its author"),
    ],
)
def test_a_target_that_does_not_load_names_the_plugin(target: str, cause: type[Exception], fix: str) -> None:
    offer = model("x", target=target)
    with pytest.raises(PluginError) as caught:
        registry(a=[offer]).load(offer)
    assert caught.value.who == "model 'x' of alchemi-a 1.0"
    assert target in caught.value.found
    assert caught.value.fix == f"pip install --upgrade alchemi-a, or {fix}"
    assert isinstance(caught.value.__cause__, cause)


def test_the_highest_rank_that_serves_device_and_role_wins() -> None:
    found = registry(
        a=[backend("slow", rank=-10, devices="cpu cuda"), backend("core"), backend("f", role="filter", rank=9)],
        b=[backend("gpu", rank=10, devices="cuda")],
    )
    assert found.best_neighbors("builder", "cpu").name == "core"
    assert found.best_neighbors("builder", "cuda").name == "gpu"
    assert found.best_neighbors("filter", "cpu").name == "f"


def test_a_device_nobody_serves_is_an_error_that_lists_those_served() -> None:
    found = registry(a=[backend("a", devices="cpu cuda"), backend("b", role="filter", devices="mps")])
    with pytest.raises(UnknownOfferError, match="no neighbor backend of role 'builder' serves device 'mps'") as caught:
        found.best_neighbors("builder", "mps")
    assert caught.value.expected == "one of cpu, cuda"


def test_a_tie_at_the_top_names_both() -> None:
    found = registry(a=[backend("x", rank=5)], b=[backend("y", rank=5)], c=[backend("z", rank=4)])
    with pytest.raises(DuplicateOfferError) as caught:
        found.best_neighbors("builder", "cpu")
    assert "rank 5 by 'x' of alchemi-a 1.0 and 'y' of alchemi-b 1.0" in str(caught.value)
    assert "alchemi-c" not in str(caught.value)
    assert caught.value.fix == "ALCHEMI_BLOCK_PLUGINS=alchemi-b"


def test_a_tie_below_the_top_is_none() -> None:
    found = registry(a=[backend("x"), backend("top", rank=1)], b=[backend("y")])
    assert found.best_neighbors("builder", "cpu").name == "top"


def test_a_registry_is_a_value() -> None:
    found = registry(a=[model("x")])
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(registry(a=[model("x")]))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.records = ()  # type: ignore[misc]


def test_the_default_registry_is_made_once() -> None:
    assert default_registry() is default_registry()
    assert default_registry().find("derivative", "autograd").target == "alchemi_core.derivatives.autograd:Autograd"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("role", ["builder", "filter", "to_matrix", "to_coo", "to_half", "to_full"])
def test_the_core_alone_serves_every_role(role: Role, device: str) -> None:
    core = Registry.discover(environ={"ALCHEMI_PLUGINS": ""})
    assert callable(core.load(core.best_neighbors(role, device)))


def test_everything_the_core_offers_loads() -> None:
    (core,) = Registry.discover(environ={"ALCHEMI_PLUGINS": ""}).records
    found = Registry((core,))
    assert all(callable(found.load(offer)) for offer in core.offers)
    assert {offer.kind for offer in core.offers} == set(KINDS) - {"model"}
