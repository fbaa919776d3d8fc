"""Plugins that a pipeline needs: missing, older, kept out, broken, changed; one error names all of them."""

import pytest
import torch
from packaging.requirements import Requirement
from support.pipelines import pipeline

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.plugin_records import PluginFailure
from alchemi_core.registry import create_model
from alchemi_core.serialization.needs import Need

from .plugins import plugin, registry, strategies
from .sealed import Parts

NETWORKS, SPRINGS = "alchemi-networks", "alchemi-springs"


def both(networks="1.2.0", springs="0.4"):
    return registry(
        plugin(NETWORKS, networks, ("network",)),
        plugin(SPRINGS, springs, ("gaussians", "kernel")),
        plugin(names=("shift",)),
    )


@pytest.fixture
def saved(path):
    own = both()
    models = [create_model(name, registry=own) for name in ("network", "gaussians", "kernel", "shift")]
    pipeline(PipelineGroup(models), registry=own).save(path)
    return path


def refused(path, own, **options):
    with pytest.raises(SerializationError, match="it needs") as caught:
        load_pipeline(path, registry=own, **options)
    assert str(path) in str(caught.value)
    return caught.value


def test_they_are_written(saved):
    document = Parts.of(saved).document
    assert document["needs"] == [
        {"plugin": NETWORKS, "version": "1.2.0", "offers": [["model", "network"]]},
        {"plugin": SPRINGS, "version": "0.4", "offers": [["model", "gaussians"], ["model", "kernel"]]},
    ]
    assert [(entry["plugin"], entry["licence"]) for entry in document["models"][:2]] == [
        (NETWORKS, "MIT"),
        (SPRINGS, "MIT"),
    ]
    assert document["provenance"]["plugins"].keys() == {NETWORKS, SPRINGS}


@pytest.mark.parametrize("version", ["1.2.0", "1.2", "1.2.1", "1.10", "2.0.dev1"])
def test_the_same_or_a_later_version_will_do(saved, version):
    load_pipeline(saved, registry=both(version))


@pytest.mark.parametrize("version", ["1.1.9", "1.2.0rc1", "0.9", "1.2.0.dev3"])
def test_an_older_version_is_named_with_the_command_that_replaces_it(saved, version):
    error = refused(saved, both(version))
    assert f"{NETWORKS} 1.2.0 or later: {NETWORKS} {version} is older" in error.found
    assert SPRINGS not in str(error)
    assert f"pip install '{NETWORKS}>=1.2.0'" in error.fix
    assert "allow={'older-plugins'}" in error.fix
    load_pipeline(saved, registry=both(version), allow={"older-plugins"})


def test_all_that_are_missing_are_named_at_once(saved):
    error = refused(saved, registry(plugin(names=("shift",))))
    assert f"{NETWORKS} 1.2.0 or later: it is not installed" in error.found
    assert f"{SPRINGS} 0.4 or later: it is not installed" in error.found
    assert error.fix == f"pip install '{NETWORKS}>=1.2.0' '{SPRINGS}>=0.4'"
    assert refused(saved, registry(), allow={"older-plugins"}).found == error.found


def test_missing_and_older_ones_stand_in_one_error(saved):
    error = refused(saved, registry(plugin(SPRINGS, "0.3", ("gaussians", "kernel"))))
    assert f"{NETWORKS} 1.2.0 or later: it is not installed" in error.found
    assert f"{SPRINGS} 0.4 or later: {SPRINGS} 0.3 is older" in error.found


def test_one_that_does_not_load(saved):
    broken = PluginFailure("networks", NETWORKS, "1.3", "No module named 'e3nn'")
    error = refused(saved, registry(plugin(SPRINGS, "0.4"), failures=(broken,)))
    assert f"{NETWORKS} 1.3 does not load (No module named 'e3nn')" in error.found


def test_one_that_is_kept_out(saved):
    kept = PluginFailure("networks", "Alchemi_Networks", "1.3", "by ALCHEMI_BLOCK_PLUGINS")
    error = refused(saved, registry(plugin(SPRINGS, "0.4"), blocked=(kept,)))
    assert "Alchemi_Networks 1.3 is kept out (by ALCHEMI_BLOCK_PLUGINS)" in error.found


def test_one_that_offers_the_model_no_more(saved):
    gone = registry(plugin(NETWORKS, "2.0", ("network",)), plugin(SPRINGS, "0.5", ("kernel",)))
    error = refused(saved, gone)
    assert f"{SPRINGS} 0.5 does not offer model 'gaussians'" in error.found


def test_the_name_in_another_spelling(saved):
    own = registry(
        plugin("Alchemi.Networks", "1.2", ("network",)), plugin("alchemi_springs", "1"), plugin(names=("shift",))
    )
    error = refused(saved, registry(own.records[-3], plugin(names=("shift",))))
    assert NETWORKS not in error.found
    assert SPRINGS in error.found


def test_models_that_are_handed_over_need_no_plugin(saved):
    own = both()
    whole = load_pipeline(saved, registry=own)
    first = whole.topology.models[0]
    loaded = load_pipeline(saved, models={0: first}, registry=registry(*own.records[-2:]))
    assert loaded.topology.models[0] is first
    everything = load_pipeline(saved, models=list(whole.topology.models), registry=registry())
    assert everything.topology.models == whole.topology.models


def test_strategies_are_needed_whoever_hands_over_models(path):
    own = registry(plugin(), strategies("alchemi-scaled", "1"))
    model = create_model("gaussians", registry=own)
    pipeline(PipelineGroup([model], use_autograd=True, derivative_fn="halved"), registry=own).save(path)
    error = refused(path, registry(), models=[model])
    assert "alchemi-scaled 1 or later: it is not installed" in error.found


@pytest.mark.parametrize(("version", "wanted"), [("1.2+cpu", "1.2"), ("1.2.dev3+g1a2b", "1.2.dev3"), ("1.2", "1.2")])
def test_commands_name_versions_that_pip_takes(version, wanted):
    text = Need(NETWORKS, version, ()).requirement
    assert text == f"{NETWORKS}>={wanted}"
    assert Requirement(text).specifier.contains(version, prereleases=True)


def test_versions_stand_for_weights_too(saved, crystal):
    """With another version of the plugin the weights are still those of the file."""
    own = load_pipeline(saved, registry=both())
    with torch.no_grad():
        own.topology.models[0].first.mul_(2.0)
    own.save(saved)
    later = load_pipeline(saved, registry=both("3.0"))
    assert torch.equal(later(crystal)["energy"], own(crystal)["energy"])
