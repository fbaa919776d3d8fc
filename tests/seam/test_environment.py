"""ALCHEMI_PLUGINS and ALCHEMI_BLOCK_PLUGINS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alchemi_core.errors import UnknownOfferError

if TYPE_CHECKING:
    from .conftest import Site


@pytest.fixture
def pair(site: Site) -> Site:
    """Two distributions, whose plugins have other names than they."""
    for letter in "ab":
        text = f"""
            from alchemi_core import ModelOffer, hookimpl

            @hookimpl
            def alchemi_models():
                return [ModelOffer(name="model-{letter}", summary="a model", target="nowhere:Model")]
            """
        site.add(
            f"alchemi-{letter}", modules={f"hooks_{letter}.py": text}, plugins={f"plug-{letter}": f"hooks_{letter}"}
        )
    return site


def test_unset_lets_in_all(pair: Site) -> None:
    assert {"model-a", "model-b"} <= set(pair.discover(ALCHEMI_PLUGINS=None).names("model"))


@pytest.mark.parametrize("name", ["alchemi-a", "plug-a", "Alchemi_A", " plug-a ,"])
def test_allow_list_names_plugins_or_distributions(pair: Site, name: str) -> None:
    registry = pair.discover(ALCHEMI_PLUGINS=name)
    assert registry.names("model") == ("model-a",)
    assert "alchemi-b" in [kept_out.distribution for kept_out in registry.blocked]
    assert registry.failures == ()


def test_an_empty_allow_list_leaves_the_core(pair: Site) -> None:
    registry = pair.discover(ALCHEMI_PLUGINS="")
    assert [record.distribution for record in registry.records] == ["alchemi-core"]
    assert registry.failures == ()


@pytest.mark.parametrize("name", ["alchemi-a", "plug-a"])
def test_block_list_wins_over_the_allow_list(pair: Site, name: str) -> None:
    registry = pair.discover(ALCHEMI_BLOCK_PLUGINS=name)
    assert registry.names("model") == ("model-b",)
    (blocked,) = [one for one in registry.blocked if one.distribution == "alchemi-a"]
    assert blocked.reason == "blocked by ALCHEMI_BLOCK_PLUGINS"


def test_a_blocked_plugin_is_not_imported(pair: Site) -> None:
    code = "import sys\nfrom alchemi_core import Registry\nRegistry.discover()\nprint('hooks_a' in sys.modules)"
    assert pair.run(code).strip() == "True"
    assert pair.run(code, ALCHEMI_BLOCK_PLUGINS="alchemi-a").strip() == "False"


def test_a_missing_name_says_what_is_kept_out(pair: Site) -> None:
    with pytest.raises(UnknownOfferError) as caught:
        pair.discover(ALCHEMI_BLOCK_PLUGINS="plug-a").find("model", "model-a")
    assert "\n  kept out: alchemi-a 1.0 (blocked by ALCHEMI_BLOCK_PLUGINS)" in str(caught.value)
    assert caught.value.fix == "did you mean 'model-b'?"


@pytest.mark.parametrize("variable", ["ALCHEMI_PLUGINS", "ALCHEMI_BLOCK_PLUGINS"])
def test_a_name_that_fits_nothing_is_reported_and_quoted(pair: Site, variable: str) -> None:
    registry = pair.discover(**{variable: "alchemi-aa"})
    (failure,) = registry.failures
    assert f"{variable} names 'alchemi-aa'" in failure.reason
    assert failure.fix == "did you mean 'alchemi-a'?"
    with pytest.raises(UnknownOfferError, match="names 'alchemi-aa'"):
        registry.find("model", "nothing-like-it")


def test_the_core_may_be_allowed_but_not_blocked(pair: Site) -> None:
    registry = pair.discover(ALCHEMI_PLUGINS="alchemi-core,alchemi-a", ALCHEMI_BLOCK_PLUGINS="alchemi-core")
    assert [record.distribution for record in registry.records] == ["alchemi-core", "alchemi-a"]
    (failure,) = registry.failures
    assert "cannot be blocked" in failure.reason
