"""create_model: options are checked before, the result after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import torch

from alchemi_core.errors import OptionError, PluginError, UnknownOfferError
from alchemi_core.models import BaseModelMixin, ModelConfig, ModelOrigin
from alchemi_core.offers import ModelOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry, create_model

CONFIG = ModelConfig(name="toy", outputs={"energy"})


class Toy(BaseModelMixin):
    model_config = CONFIG

    def __init__(self, functional: str, *, damping: str = "bj", name: str = "toy", cutoff: float = 15.0) -> None:
        self.options = (functional, damping, name, cutoff)

    def compute(self, view: object, requested: frozenset[str]) -> Mapping[str, torch.Tensor]:
        return {}


class Plain(Toy):
    def __init__(self) -> None:
        super().__init__("pbe")


class Network(torch.nn.Module, BaseModelMixin):
    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.model_config = CONFIG
        self.layer = torch.nn.Linear(width, 1)

    def compute(self, view: object, requested: frozenset[str]) -> Mapping[str, torch.Tensor]:
        return {}


@attrs.frozen
class Frozen(BaseModelMixin):
    model_config: ModelConfig = CONFIG

    def compute(self, view: object, requested: frozenset[str]) -> Mapping[str, torch.Tensor]:
        return {}


class Unconfigured(Toy):
    model_config = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("pbe")


def anything(**options: Any) -> Toy:
    return Toy("pbe", name=",".join(options))


def halved(size: float) -> Toy:
    return Toy("pbe", cutoff=size / 2)


def raises_value_error() -> Toy:
    raise ValueError("no such checkpoint")


def raises_option_error() -> Toy:
    raise OptionError("damping is 'x'", expected="'bj' or 'zero'")


def raises_import_error() -> Toy:
    raise ModuleNotFoundError("No module named 'e3nn'", name="e3nn")


def gives_a_class() -> type[Toy]:
    return Toy


TARGETS = {
    one.__name__.lower().replace("_", "-"): one
    for one in (
        Toy,
        Plain,
        Network,
        Frozen,
        Unconfigured,
        anything,
        halved,
        raises_value_error,
        raises_option_error,
        raises_import_error,
        gives_a_class,
    )
}
OFFERS = [
    ModelOffer(name=name, summary="s", target=f"{__name__}:{target.__name__}") for name, target in TARGETS.items()
]
REGISTRY = Registry((PluginRecord("toys", "alchemi-toys", "1.0", tuple(OFFERS)),))


def create(offer: str, /, **options: Any) -> BaseModelMixin:
    return create_model(offer, registry=REGISTRY, **options)


def test_options_reach_the_factory_and_defaults_stand() -> None:
    made = create("toy", functional="pbe", cutoff=12.0)
    assert isinstance(made, Toy)
    assert made.options == ("pbe", "bj", "toy", 12.0)


def test_an_option_may_be_called_name() -> None:
    made = create("toy", functional="pbe", name="mine")
    assert isinstance(made, Toy)
    assert made.options[2] == "mine"


def test_the_origin_is_the_offer_and_the_options_given() -> None:
    assert create("toy", functional="pbe").origin == ModelOrigin("toy", {"functional": "pbe"})
    assert Toy("pbe").origin is None
    assert Toy.origin is None


@pytest.mark.parametrize("offer", ["network", "frozen"])
def test_the_origin_suits_modules_and_frozen_models(offer: str) -> None:
    assert create(offer).origin == ModelOrigin(offer, {})


def test_the_origin_is_no_weight() -> None:
    made = create("network", width=3)
    assert isinstance(made, Network)
    assert set(made.state_dict()) == {"layer.weight", "layer.bias"}


def test_a_misspelt_option_names_the_nearest_and_lists_all_with_defaults() -> None:
    with pytest.raises(OptionError) as caught:
        create("toy", functionl="pbe")
    assert str(caught.value) == (
        "model 'toy': no option named 'functionl'\n"
        "  expected: options functional (required), damping='bj', name='toy', cutoff=15.0\n"
        "  likely fix: create_model('toy', functional='pbe')"
    )


def test_the_nearest_is_not_one_that_is_given() -> None:
    with pytest.raises(OptionError) as caught:
        create("toy", functional="pbe", functionals="x")
    assert caught.value.fix == ""


def test_a_missing_option_is_named() -> None:
    with pytest.raises(OptionError, match="option 'functional' missing") as caught:
        create("toy", cutoff=3.0)
    assert "functional (required)" in caught.value.expected
    assert caught.value.fix == "create_model('toy', cutoff=..., functional=...)"


def test_a_model_without_options_says_so() -> None:
    with pytest.raises(OptionError, match="expected: no options"):
        create("plain", width=1)


def test_a_factory_that_takes_anything_gets_it() -> None:
    made = create("anything", a=1, b=2)
    assert isinstance(made, Toy)
    assert made.options[2] == "a,b"


def test_errors_of_the_factory_pass_with_a_note_on_who_and_how() -> None:
    with pytest.raises(ValueError, match="no such checkpoint") as caught:
        create("raises-value-error")
    assert caught.value.__notes__ == ["while making model 'raises-value-error' of alchemi-toys 1.0 with {}"]
    with pytest.raises(OptionError, match="damping is 'x'"):
        create("raises-option-error")


def test_a_package_missing_only_when_the_model_is_made_is_a_plugin_error() -> None:
    with pytest.raises(PluginError, match="No module named 'e3nn'") as caught:
        create("raises-import-error")
    assert caught.value.who == "model 'raises-import-error' of alchemi-toys 1.0"
    assert caught.value.fix == "pip install --upgrade alchemi-toys, or install 'e3nn'"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("offer", "found", "expected"),
    [("gives-a-class", "gave ABCMeta", "BaseModelMixin"), ("unconfigured", "model_config is None", "ModelConfig")],
)
def test_what_is_no_model_is_refused(offer: str, found: str, expected: str) -> None:
    with pytest.raises(PluginError, match=found) as caught:
        create(offer)
    assert "alchemi-toys 1.0" in caught.value.who
    assert expected in caught.value.expected


def test_an_unknown_model_is_an_unknown_offer() -> None:
    with pytest.raises(UnknownOfferError, match="no model named 'tooy'"):
        create("tooy")


def test_a_value_of_the_wrong_kind_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="TypeError") as caught:
        create("halved", size="much")
    assert caught.value.who == "model 'halved' of alchemi-toys 1.0"
