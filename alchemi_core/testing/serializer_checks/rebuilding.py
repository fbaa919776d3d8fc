"""Whether models come back as they are: at once, in float64, after training, copied, and from files."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import SerializationError
from alchemi_core.models import BaseModelMixin
from alchemi_core.serialization.contract_text import describe_config, differences
from alchemi_core.serialization.loading import load_pipeline
from alchemi_core.serialization.saving import save_pipeline
from alchemi_core.testing.failures import failure
from alchemi_core.testing.serializer_checks.evaluating import piped
from alchemi_core.testing.serializer_checks.specimens import objection

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.testing.serializer_checks.specimens import SerializerSpecimen

HANDED = "its models are handed over"


def check_plain(specimen: SerializerSpecimen) -> str:
    """Look at what is written."""
    count = 0
    for one in specimen.written:
        count += 1
        if found := objection(one, specimen.name):
            raise failure(
                f"{specimen.name}, as written",
                found,
                expected="options that mean the same everywhere, and detached tensors by name",
                fix="of a path keep the name of the file at most",
            )
    return f"{count} models" if count else HANDED


def check_model(specimen: SerializerSpecimen) -> None:
    """Compare the model before and after it is written."""
    for given in specimen.models:
        model = _copied(given)
        before = _state(model)
        specimen.serializer.write(model)
        if changed := sorted(name for name, value in _state(model).items() if not _equal(before.get(name), value)):
            raise failure(
                f"{specimen.name}, writing {model.model_config.name}",
                f"changed {', '.join(changed[:5])}",
                expected="a model left as it was: it goes on being used",
            )


def _copied(model: BaseModelMixin) -> BaseModelMixin:
    """Return a copy, which has the origin of the model as copies have."""
    copy = deepcopy(model)
    object.__setattr__(copy, "origin", model.origin)
    return copy


def _state(model: BaseModelMixin) -> dict[str, Any]:
    if not isinstance(model, torch.nn.Module):
        return {"its config": model.model_config, "its origin": model.origin}
    state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    modes = {f"the mode of {name or 'the model'}": one.training for name, one in model.named_modules()}
    grads = {f"what is trained: {name}": one.requires_grad for name, one in model.named_parameters()}
    return {**state, **modes, **grads, "its config": model.model_config, "its origin": model.origin}


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype is other.dtype and one.shape == other.shape and _same_bits(one, other)
    return bool(one == other)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one, other) or bool(torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True))


def check_rebuilds(specimen: SerializerSpecimen) -> str:
    """Compare config and outputs of what is rebuilt with those of the model."""
    said = HANDED
    for one, made in zip(specimen.written, specimen.rebuilt, strict=True):
        what = f"{one.origin.offer}, rebuilt"
        if not isinstance(made, BaseModelMixin):
            raise failure(what, f"rebuild gave {type(made).__name__}", expected="a BaseModelMixin")
        own = describe_config(one.model.model_config), describe_config(made.model_config)
        unlike = differences(*own, before="before")
        if unlike or made.model_config.citations != one.model.model_config.citations:
            raise failure(what, f"another config: {'; '.join(unlike) or 'other citations'}", expected="the same config")
        said = specimen.compared(made, one.model, what)
    return said


def check_double(specimen: SerializerSpecimen) -> str:
    """Write and rebuild models in float64."""

    def doubled(model: torch.nn.Module) -> None:
        model.double()

    return _changed(specimen, doubled, "in float64")


def check_trained(specimen: SerializerSpecimen) -> str:
    """Write and rebuild models whose parameters have moved a bit."""

    def trained(model: torch.nn.Module) -> None:
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.is_floating_point():
                    parameter.mul_(1.01)

    return _changed(specimen, trained, "after training")


def _changed(specimen: SerializerSpecimen, change: Callable[[torch.nn.Module], None], how: str) -> str:
    said = "no parameters"
    for given in specimen.models:
        model = _copied(given)
        if not isinstance(model, torch.nn.Module):
            continue
        change(model)
        one = specimen.write(model)
        if one is None:
            return HANDED
        made, what = specimen.rebuild(one), f"{one.origin.offer} {how}, rebuilt"
        if isinstance(made, torch.nn.Module):
            _check_dtypes(model, made, what)
        said = specimen.compared(made, model, what)
    return said


def _check_dtypes(model: torch.nn.Module, made: torch.nn.Module, what: str) -> None:
    own = made.state_dict()
    for name, tensor in model.state_dict().items():
        if name in own and own[name].dtype is not tensor.dtype:
            fix = "fill of alchemi_core.serialization.tensors keeps the floating type of the file"
            raise failure(what, f"{name} is {own[name].dtype}", expected=f"{tensor.dtype}", fix=fix)


def check_again(specimen: SerializerSpecimen) -> None:
    """Write what was rebuilt."""
    for one, made in zip(specimen.written, specimen.rebuilt, strict=True):
        again = specimen.write(made)
        what = f"{one.origin.offer}, rebuilt and written again"
        if again is None or dict(again.origin.options) != dict(one.origin.options):
            found = "no origin" if again is None else f"other options: {dict(again.origin.options)!r:.300}"
            raise failure(what, found, expected=f"{dict(one.origin.options)!r:.300}")
        unlike = [name for name, tensor in one.tensors.items() if not _equal(tensor, again.tensors.get(name))]
        if unlike or set(again.tensors) != set(one.tensors):
            raise failure(what, f"other tensors: {(unlike or ['other names'])[0]}", expected="the same tensors")


def check_own_tensors(specimen: SerializerSpecimen) -> None:
    """Change a second model that is rebuilt, and look at the first, and at the tensors it was rebuilt from."""
    for one, first in zip(specimen.written, specimen.rebuilt, strict=True):
        tensors = one.copies
        second = specimen.rebuild(one, tensors)
        if not isinstance(second, torch.nn.Module):
            continue
        with torch.no_grad():
            for tensor in second.state_dict().values():
                tensor.zero_()
        what, fix = f"{one.origin.offer}, rebuilt twice", "copy them: fill(model, tensors) does"
        if not all(_equal(tensor, one.tensors[name]) for name, tensor in tensors.items()):
            raise failure(what, "shares memory with the tensors given", expected="tensors of its own", fix=fix)
        specimen.compared(first, one.model, what)


def check_copies(specimen: SerializerSpecimen) -> str:
    """Copy what was rebuilt."""
    said = HANDED
    for one, made in zip(specimen.written, specimen.rebuilt, strict=True):
        what = f"{one.origin.offer}, rebuilt and copied"
        try:
            copy = deepcopy(made)
        except Exception as error:
            raise failure(what, f"raised {type(error).__name__}: {error}", expected="a copy") from error
        said = specimen.compared(copy, one.model, what)
    return said


def check_file(specimen: SerializerSpecimen) -> str:
    """Save pipelines, load them, and compare outputs."""
    said = HANDED
    for one in specimen.written:
        if objection(one, specimen.name) or not _is_rebuilt(specimen):
            return "not tried, since another check fails: plain or rebuilds"
        with TemporaryDirectory() as folder:
            path = Path(folder) / "checked.alchemi"
            save_pipeline(piped(one.model, specimen.registry), path, specimen.registry)
            try:
                loaded = load_pipeline(path, registry=specimen.registry)
            except SerializationError as error:
                text = " ".join(str(error).split())
                raise failure(f"{one.origin.offer}, saved and loaded", text, expected="the same pipeline") from error
        (model,) = loaded.topology.models
        said = specimen.compared(model, one.model, f"{one.origin.offer}, saved and loaded")
    return said


def _is_rebuilt(specimen: SerializerSpecimen) -> bool:
    try:
        check_rebuilds(specimen)
    except AssertionError:
        return False
    return True
