"""What a model declared when it was saved, against what is made of it now."""

import attrs
import numpy as np
import pytest
from support.pipelines import pipeline
from support.toys import Gaussians

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.registry import create_model

from .plugins import plugin, registry
from .sealed import Parts, sealed


def offered(version="1.0"):
    return registry(plugin("alchemi-toys", version))


@pytest.fixture
def saved(path):
    pipeline(PipelineGroup([create_model("gaussians", registry=offered())]), registry=offered()).save(path)
    return path


def other(path, **changes):
    """Let the file say that the model declared something else."""
    parts = Parts.of(path)
    parts.document["models"][0]["contract"] |= changes
    path.write_bytes(sealed(parts))


def test_the_contract_is_in_the_file(saved):
    contract = Parts.of(saved).document["models"][0]["contract"]
    assert contract["supports_pbc"] is True
    assert contract["outputs"]["energy"]["kind"] == "OnGraph"
    assert contract["neighbor_config"]["cutoff"] == 4.0


def test_the_same_version_must_make_the_same(saved):
    other(saved, supports_pbc=False)
    with pytest.raises(SerializationError, match=r"alchemi-toys 1\.0 makes it with another model_config") as caught:
        load_pipeline(saved, registry=offered())
    assert "supports_pbc False in the file, True now" in str(caught.value)


def test_a_later_version_may_make_it_otherwise_and_says_so(saved):
    other(saved, level_of_theory="PBE")
    with pytest.warns(UserWarning, match="saved with alchemi-toys 1.0, alchemi-toys 1.1 makes it otherwise") as caught:
        load_pipeline(saved, registry=offered("1.1"))
    assert [str(one.message).count("level_of_theory 'PBE' in the file, '' now") for one in caught] == [1]


def test_a_model_that_is_handed_over_must_declare_the_same(saved):
    given = Gaussians()
    given.model_config = attrs.evolve(given.model_config, supports_pbc=False)
    with pytest.raises(SerializationError, match="model 0 was given with another model_config"):
        load_pipeline(saved, models=[given], registry=offered())
    with pytest.raises(SerializationError, match=r"neighbor_config\.cutoff 4\.0 in the file, 5\.0 now"):
        load_pipeline(saved, models=[Gaussians(cutoff=5.0)], registry=offered())


def test_a_config_changed_by_hand_is_not_lost_in_silence(path):
    model = create_model("gaussians", registry=offered())
    model.model_config = attrs.evolve(model.model_config, level_of_theory="PBE")
    pipeline(PipelineGroup([model]), registry=offered()).save(path)
    with pytest.raises(SerializationError, match="its model_config was changed by hand"):
        load_pipeline(path, registry=offered())
    assert load_pipeline(path, models=[model], registry=offered()).topology.models[0] is model


def test_notes_and_elements_of_any_kind_of_number(path):
    config = {"elements": {np.int64(11), np.int64(17)}, "contains": {"dispersion": "D3"}, "citations": ("10.1/x",)}
    model = Gaussians(**config)
    pipeline(PipelineGroup([model])).save(path)
    loaded = load_pipeline(path, models=[Gaussians(**config)])
    assert loaded.topology.models[0].model_config == model.model_config
