"""Serializers with one defect each, of the kinds that real ones have."""

from __future__ import annotations

import importlib
import threading
import warnings
from itertools import count
from pathlib import Path

import attrs
import torch

from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of
from alchemi_core.testing.serializer_checks.bench_model import Layers

NAME = "bench-layers"
_calls = count()


class Right:
    """Writes and rebuilds `Layers` as it should be."""

    @classmethod
    def write(cls, model):
        options = {"widths": model.widths, "scale": model.scale, "label": model.label}
        return ModelOrigin(NAME, options), tensors_of(model)

    @classmethod
    def rebuild(cls, origin, tensors, registry):
        model = cls.made(origin.options)
        check_fits(model, tensors, NAME)
        fill(model, tensors)
        return cls.finished(model)

    @classmethod
    def made(cls, options):
        if set(options) != {"widths", "scale", "label"}:
            raise SerializationError(f"options {sorted(options)}", expected="widths, scale, label", who=NAME)
        return Layers(**options)

    @classmethod
    def finished(cls, model):
        return model


class KeepsThePath(Right):
    @classmethod
    def write(cls, model):
        origin, tensors = super().write(model)
        return attrs.evolve(origin, options={**origin.options, "source": "/data/models/layers.pt"}), tensors

    @classmethod
    def made(cls, options):
        return super().made({name: value for name, value in options.items() if name != "source"})


class SwitchesToTraining(Right):
    @classmethod
    def write(cls, model):
        return super().write(model.train(not model.training))


class ForgetsWhatToCite(Right):
    @classmethod
    def finished(cls, model):
        model.model_config = attrs.evolve(model.model_config, citations=("somebody else",))
        return model


class RebuildsInSinglePrecision(Right):
    @classmethod
    def finished(cls, model):
        return model.float()


class MakesWeightsAnew(Right):
    """As they were before any training."""

    @classmethod
    def finished(cls, model):
        if next(model.parameters()).dtype is torch.float32:
            model.load_state_dict(Layers(model.widths, model.scale, model.label).state_dict())
        return model


class GrowsWithEverySave(Right):
    @classmethod
    def write(cls, model):
        origin, tensors = super().write(model)
        return attrs.evolve(origin, options={**origin.options, "saves": getattr(model, "_saves", 0)}), tensors

    @classmethod
    def made(cls, options):
        model = super().made({name: value for name, value in options.items() if name != "saves"})
        object.__setattr__(model, "_saves", options.get("saves", 0) + 1 if isinstance(options.get("saves"), int) else 1)
        return model


class UsesTheTensorsItIsGiven(Right):
    @classmethod
    def rebuild(cls, origin, tensors, registry):
        model = super().rebuild(origin, tensors, registry)
        for name, own in model.state_dict(keep_vars=True).items():
            own.data = tensors[name]
        return model


class HoldsALock(Right):
    @classmethod
    def finished(cls, model):
        object.__setattr__(model, "_lock", threading.Lock())
        return model


class AddsAFilter(Right):
    @classmethod
    def finished(cls, model):
        warnings.filterwarnings("ignore", message=f"number {next(_calls)}")
        return model


class TakesAnyTensors(Right):
    @classmethod
    def rebuild(cls, origin, tensors, registry):
        model = cls.made(origin.options)
        fits = {name: tensor for name, tensor in tensors.items() if name in model.state_dict()}
        model.to(next(iter(fits.values())).dtype)
        model.load_state_dict(fits, strict=False)
        return model


class Remembers(Right):
    """Which model it wrote, of which it gives a copy."""

    made_of: dict = {}  # noqa: RUF012 - the defect

    @classmethod
    def write(cls, model):
        cls.made_of[NAME] = {"widths": model.widths, "scale": model.scale, "label": model.label}
        return super().write(model)

    @classmethod
    def made(cls, options):
        if NAME not in cls.made_of:
            raise SerializationError("is not known here", expected="what was written", who=NAME)
        return super().made(options)


class LooksForAFile(Right):
    @classmethod
    def finished(cls, model):
        try:
            Path(model.label).read_bytes()
        except OSError:
            return model
        return model


class LooksForAModule(Right):
    @classmethod
    def finished(cls, model):
        try:
            importlib.import_module(model.label)
        except (ImportError, ValueError):
            return model
        return model


class TakesAnyOptions(Right):
    @classmethod
    def made(cls, options):
        return Layers(tuple(options["widths"]), options["scale"], options["label"])


class ChangesASetting(Right):
    @classmethod
    def finished(cls, model):
        model.unit = "meV"
        return model


class NeverWritesAnOrigin(Right):
    """Right: whoever loads a file hands the model over."""

    @classmethod
    def write(cls, model):
        return None, super().write(model)[1]


no_serializer = 3.0
