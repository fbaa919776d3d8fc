"""A pipeline with the model is saved, the file of the parameters is deleted, and the pipeline is loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from alchemi_core import Batch, Registry, create_model, differentiate, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from ase.build import bulk

from alchemi_my_plugin.model import MyPlugin
from alchemi_my_plugin.saving import MyPluginSerializer

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = {"depth": 0.34, "steepness": 1.3, "distance": 2.8, "cutoff": 6.5}


@pytest.mark.parametrize("change", ["none", "double", "float", "trained"])
def test_it_loads_where_its_file_is_not(tmp_path: Path, change: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(PARAMETERS), encoding="utf-8")
    model = create_model("my-plugin", path=str(path))
    assert isinstance(model, MyPlugin)
    if change == "trained":
        torch.nn.init.constant_(model.depth, 0.5)
    elif change != "none":
        getattr(model, change)()
    pipe = differentiate(model, "autograd")
    pipe.save(tmp_path / "pipe.alchemi")
    path.unlink()
    crystal = bulk("Cu", "fcc", a=3.6, cubic=True)
    crystal.rattle(0.1, seed=1)
    batch, loaded = Batch.from_ase(crystal), load_pipeline(tmp_path / "pipe.alchemi")
    for name in ("energy", "forces", "stress"):
        assert torch.equal(loaded(batch, {name})[name], pipe(batch, {name})[name])


# FILL IN: each of your options with values of a wrong type and out of bounds
@pytest.mark.parametrize("value", [None, 1, True, "6.5", [6.5], 0.0, -1.0, 1e9, float("nan"), float("inf")])
@pytest.mark.parametrize("option", [*PARAMETERS, "path"])
def test_options_of_a_hostile_file_are_refused(option: str, value: Any) -> None:
    origin, tensors = MyPluginSerializer.write(MyPlugin(**PARAMETERS))
    hostile = ModelOrigin(origin.offer, {**origin.options, option: value})
    with pytest.raises(SerializationError, match="my-plugin"):
        MyPluginSerializer.rebuild(hostile, tensors, Registry())


def test_tensors_of_another_model_are_refused() -> None:
    origin, tensors = MyPluginSerializer.write(MyPlugin(**PARAMETERS))
    for wrong in ({}, {**tensors, "depth": torch.ones(2)}, {**tensors, "more": torch.ones(1)}):
        with pytest.raises(SerializationError):
            MyPluginSerializer.rebuild(origin, wrong, Registry())
