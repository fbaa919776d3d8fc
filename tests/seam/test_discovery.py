"""What a registry makes of good and bad plugins, each a real installed distribution."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from alchemi_core.errors import DuplicateOfferError, UnknownOfferError
from alchemi_core.hookspecs import HOOKS

if TYPE_CHECKING:
    from alchemi_core.plugin_records import PluginFailure
    from alchemi_core.registry import Registry

    from .conftest import Site

MODEL = """
@hookimpl
def alchemi_models():
    return [ModelOffer(name={name!r}, summary="a model", target="nowhere:Model")]
"""


def only_failure(registry: Registry) -> PluginFailure:
    """The one failure there must be, while the good plugin and the core stand untouched."""
    (failure,) = registry.failures
    assert registry.names("model") == ("good",)
    assert [record.distribution for record in registry.records] == ["alchemi-core", "alchemi-good"]
    return failure


def test_a_good_plugin_is_on_record_with_its_offers(good: Site) -> None:
    registry = good.discover()
    record = registry.owner(registry.find("model", "good"))
    assert (record.name, record.distribution, record.version) == ("alchemi-good", "alchemi-good", "2.1")
    assert [offer.name for offer in record.offers] == ["good"]
    assert registry.failures == ()
    assert registry.duplicates == ()


def test_the_core_offers_its_own_features_through_hooks(site: Site) -> None:
    (core,) = site.discover().records
    assert core.distribution == "alchemi-core"
    assert {"vesin", "brute-force", "autograd", "finite-difference", "sum"} <= {offer.name for offer in core.offers}


def test_one_that_raises_at_import_is_on_record_with_its_traceback(good: Site) -> None:
    good.add_plugin("alchemi-bad", "def broken():\n    raise RuntimeError('boom')\n\n\nbroken()\n", version="0.2")
    failure = only_failure(good.discover())
    assert (failure.plugin, failure.distribution, failure.version) == ("alchemi-bad", "alchemi-bad", "0.2")
    assert failure.reason == "RuntimeError: boom"
    assert "alchemi_bad.py" in failure.traceback
    assert "raise RuntimeError('boom')" in failure.traceback


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import e3nn_that_is_not_there", "No module named 'e3nn_that_is_not_there'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def alchemi_models(:", "SyntaxError: invalid syntax (alchemi_bad.py, line 3)"),
        ("import warnings; warnings.warn('old', DeprecationWarning)", "DeprecationWarning: old"),
    ],
)
def test_whatever_an_import_raises_is_kept_and_quoted(good: Site, statement: str, reason: str) -> None:
    good.add_plugin("alchemi-bad", statement, version="0.2")
    registry = good.discover()
    assert only_failure(registry).reason == reason
    with pytest.raises(UnknownOfferError) as caught:
        registry.find("model", "bad")
    assert f"alchemi-bad 0.2 is installed but did not load: {reason}" in str(caught.value)
    assert "full report: alchemi plugins" in str(caught.value)


@pytest.mark.parametrize("value", ["no_such_module_anywhere", "alchemi_good:missing", "not a module"])
def test_an_entry_point_to_nowhere_is_a_failure(good: Site, value: str) -> None:
    good.add("alchemi-bad", modules={}, plugins={"bad": value})
    assert only_failure(good.discover()).plugin == "bad"


def test_entry_points_that_cannot_be_read_leave_the_others_alone(good: Site) -> None:
    good.add("alchemi-bad", modules={}, plugins={"bad": "bad"})
    (good.folder / "alchemi_bad-1.0.dist-info" / "entry_points.txt").write_text("[alchemi]\nno equals sign\n")
    registry = good.discover(ALCHEMI_PLUGINS=None, ALCHEMI_BLOCK_PLUGINS=None)
    assert "alchemi-bad" in [failure.distribution for failure in registry.failures]
    assert "good" in registry.names("model")


def test_leftovers_of_an_uninstalled_distribution_leave_the_others_alone(good: Site) -> None:
    good.add("alchemi-bad", modules={}, plugins={"bad": "bad"})
    (good.folder / "alchemi_bad-1.0.dist-info" / "METADATA").unlink()
    registry = good.discover(ALCHEMI_PLUGINS="alchemi-good")
    assert str(good.folder) in only_failure(registry).label


def test_a_hook_that_raises_leaves_the_plugins_other_hooks(good: Site) -> None:
    good.add_plugin(
        "alchemi-half",
        """
        @hookimpl
        def alchemi_models():
            raise ValueError("no weights")

        @hookimpl
        def alchemi_reductions():
            return [ReductionOffer(name="half", summary="works", target="nowhere:half")]
        """,
    )
    registry = good.discover()
    (failure,) = registry.failures
    assert failure.reason == "alchemi_models: ValueError: no weights"
    assert 'raise ValueError("no weights")' in failure.traceback
    assert registry.names("model") == ("good",)
    assert registry.owner(registry.find("reduction", "half")).distribution == "alchemi-half"


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("['not an offer']", "offered 'not an offer', of type str; expected ModelOffer"),
        ("'text'", "returned 'text', of type str; expected a list of ModelOffer"),
        ("None", "returned None; expected a list of ModelOffer"),
        ("42", "returned 42, of type int; expected a list of ModelOffer"),
        ("[GOOD, ReductionOffer(name='r', summary='s', target='a:b')]", "of type ReductionOffer; expected ModelOffer"),
        ("GOOD", "of type ModelOffer; expected a list of ModelOffer"),
        ("(one for one in [GOOD, 1 / 0])", "ZeroDivisionError: division by zero"),
        ("[ModelOffer(name='x', summary='s', target='no colon')]", "target is 'no colon'"),
    ],
)
def test_what_is_no_offer_is_refused_with_what_was_found(good: Site, returned: str, found: str) -> None:
    good.add_plugin(
        "alchemi-bad",
        f"""
        GOOD = ModelOffer(name="stray", summary="one good offer among bad", target="nowhere:Model")

        @hookimpl
        def alchemi_models():
            return {returned}
        """,
    )
    failure = only_failure(good.discover())
    assert failure.distribution == "alchemi-bad"
    assert failure.reason.startswith("alchemi_models: ")
    assert found in failure.reason


def test_a_generator_is_as_good_as_a_list(site: Site) -> None:
    site.add_plugin(
        "alchemi-lazy",
        """
        @hookimpl
        def alchemi_models():
            for name in ("one", "two"):
                yield ModelOffer(name=name, summary="a model", target="nowhere:Model")
        """,
    )
    assert site.discover().names("model") == ("one", "two")


@pytest.mark.parametrize(
    ("requirement", "wanted", "fix"),
    [
        ("alchemi-core>=99", ">=99", 'pip install "alchemi-core>=99"'),
        ("Alchemi_Core[extra] ==99.*", "==99.*", 'pip install "alchemi-core==99.*"'),
        ("alchemi-core<0.0.1", "<0.0.1", "pip install --upgrade alchemi-old"),
        ("alchemi-core<0.0.2,>=0.0.1; python_version>'3'", "<0.0.2,>=0.0.1", "pip install --upgrade alchemi-old"),
    ],
)
def test_a_plugin_for_another_core_is_refused_unseen(good: Site, requirement: str, wanted: str, fix: str) -> None:
    hooks = "from pathlib import Path\nPath('imported').touch()\n" + MODEL.format(name="old")
    good.add_plugin("alchemi-old", hooks, version="0.3", requires=["torch", requirement])
    failure = only_failure(good.discover())
    assert (failure.distribution, failure.version) == ("alchemi-old", "0.3")
    assert failure.reason == f"needs alchemi-core{wanted}, but {version('alchemi-core')} is installed"
    assert failure.fix == fix
    assert fix in str(failure)
    assert not (good.work / "imported").exists()


@pytest.mark.parametrize(
    "requires",
    [[], ["alchemi-core"], ["alchemi-core>=0.0.1"], ["alchemi-core>=99; extra == 'dev'"], ["alchemi-core-x>=9"]],
)
def test_requirements_that_hold_or_do_not_apply_are_no_obstacle(site: Site, requires: list[str]) -> None:
    site.add_plugin("alchemi-fits", MODEL.format(name="fits"), requires=requires)
    registry = site.discover()
    assert registry.failures == ()
    assert registry.names("model") == ("fits",)


def test_an_unknown_hook_means_another_version_and_nothing_half_registered(good: Site) -> None:
    good.add_plugin("alchemi-new", MODEL.format(name="new") + "\n@hookimpl\ndef alchemi_model():\n    return []\n")
    failure = only_failure(good.discover())
    assert failure.reason.startswith("made for another version of alchemi: there is no hook 'alchemi_model'")
    assert "'alchemi_models'" in failure.reason
    assert "alchemi-new" in failure.fix


def test_a_hook_with_other_arguments_means_another_version_and_nothing_half_registered(good: Site) -> None:
    hooks = "@hookimpl\ndef alchemi_models():\n    return [ModelOffer(name='new', summary='s', target='a:b')]\n"
    good.add_plugin("alchemi-new", hooks + "\n@hookimpl\ndef alchemi_reductions(registry):\n    return []\n")
    failure = only_failure(good.discover())
    assert failure.reason.startswith("made for another version of alchemi: ")
    assert "alchemi_reductions" in failure.reason
    assert "'registry'" in failure.reason


def test_a_hook_marked_optional_may_be_unknown(site: Site) -> None:
    optional = "\n@hookimpl(optionalhook=True)\ndef alchemi_samplers():\n    return []\n"
    site.add_plugin("alchemi-both", MODEL.format(name="both") + optional)
    registry = site.discover()
    assert registry.failures == ()
    assert registry.names("model") == ("both",)


def test_a_forgotten_mark_is_a_failure_not_a_silence(good: Site) -> None:
    good.add_plugin("alchemi-bad", "def alchemi_models():\n    return []\n")
    failure = only_failure(good.discover())
    assert failure.reason == "alchemi_models lacks its mark"
    assert "@hookimpl" in failure.fix


def test_a_plugin_without_hooks_is_a_failure(good: Site) -> None:
    good.add_plugin("alchemi-bad", "VALUE = 1\n")
    assert "implements no hook" in only_failure(good.discover()).reason


def test_a_name_offered_by_two_distributions_names_both_when_looked_up(good: Site) -> None:
    good.add_plugin("alchemi-a", MODEL.format(name="twin"), version="1.1")
    good.add_plugin("alchemi-b", MODEL.format(name="twin"), version="2.2")
    registry = good.discover()
    assert registry.failures == ()
    assert registry.find("model", "good").name == "good"
    with pytest.raises(
        DuplicateOfferError, match=r"'twin' is offered by alchemi-a 1\.1 .* and alchemi-b 2\.2"
    ) as caught:
        registry.find("model", "twin")
    assert caught.value.fix == "ALCHEMI_BLOCK_PLUGINS=alchemi-b"
    (duplicate,) = registry.duplicates
    assert [owner.label for owner in duplicate.owners] == ["alchemi-a 1.1", "alchemi-b 2.2"]
    assert [offer.name for offer in registry.offers("model")] == ["twin", "twin", "good"]
    mended = good.discover(ALCHEMI_BLOCK_PLUGINS="alchemi-b")
    assert mended.owner(mended.find("model", "twin")).distribution == "alchemi-a"


def test_two_distributions_with_one_plugin_name_are_both_seen(site: Site) -> None:
    site.add("alchemi-a", modules={"aa.py": hooks_of("first")}, plugins={"shared": "aa"})
    site.add("alchemi-b", modules={"bb.py": hooks_of("second")}, plugins={"shared": "bb"})
    registry = site.discover()
    assert registry.names("model") == ("first", "second")
    assert [(record.name, record.distribution) for record in registry.records[1:]] == [
        ("shared", "alchemi-a"),
        ("shared", "alchemi-b"),
    ]


def test_two_plugins_of_one_module_are_a_duplicate_of_their_offers(site: Site) -> None:
    site.add("alchemi-a", modules={"aa.py": hooks_of("one")}, plugins={"left": "aa", "right": "aa"})
    with pytest.raises(DuplicateOfferError, match=r"\(plugin left\) and .* \(plugin right\)"):
        site.discover().find("model", "one")


def test_a_plugin_may_be_an_object_with_methods(site: Site) -> None:
    body = """
class Plugin:
    @hookimpl
    def alchemi_models(self):
        return [ModelOffer(name="method", summary="a model", target="nowhere:Model")]

plugin = Plugin()
"""
    site.add("alchemi-a", modules={"aa.py": hooks_of("unused") + body}, plugins={"a": "aa:plugin"})
    assert site.discover().names("model") == ("method",)


def test_a_plugin_cannot_change_what_another_offers(good: Site) -> None:
    good.add_plugin(
        "alchemi-greedy",
        """
        @hookimpl(wrapper=True, tryfirst=True)
        def alchemi_models():
            yield
            return [[ModelOffer(name="greedy", summary="takes all", target="nowhere:Model")]]
        """,
    )
    assert "good" in good.discover().names("model")


def test_of_two_installs_the_first_on_the_path_counts(site: Site) -> None:
    site.add("alchemi-a", "1.0", modules={"aa.py": hooks_of("first")}, plugins={"a": "aa"})
    code = """
        import sys
        sys.path.append("second")
        from alchemi_core import Registry
        print([record.version for record in Registry.discover().records if record.distribution == "alchemi-a"])
    """
    second = site.work / "second" / "alchemi_a-0.5.dist-info"
    second.mkdir(parents=True)
    (second / "METADATA").write_text("Metadata-Version: 2.3\nName: alchemi-a\nVersion: 0.5\n")
    (second / "entry_points.txt").write_text("[alchemi]\na = aa\n")
    assert site.run(code).strip() == "['1.0']"


def test_every_hook_is_asked(site: Site) -> None:
    arguments = {"alchemi_neighbors": ", role='filter'"}
    hooks = [
        f"@hookimpl\ndef {hook}():\n"
        f"    return [{kind.__name__}(name='mine', summary='mine', target='a:b'{arguments.get(hook, '')})]\n"
        for hook, kind in HOOKS.items()
    ]
    site.add_plugin("alchemi-all", "\n".join(hooks))
    registry = site.discover()
    for kind in HOOKS.values():
        assert registry.owner(registry.find(kind, "mine")).distribution == "alchemi-all"


def hooks_of(name: str) -> str:
    return "from alchemi_core import ModelOffer, hookimpl\n" + MODEL.format(name=name)
