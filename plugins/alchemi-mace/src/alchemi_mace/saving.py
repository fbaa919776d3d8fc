"""How the model is written to a pipeline file and made again from one, without any model file of mace-torch.

What mace-torch saves is a pickle of a whole network. A pipeline file holds the arguments of the constructor as plain
values, the tensors, and a few numbers that layers keep beside them. Writing builds the network a second time and
compares it with the first layer by layer, so that what is written is known to be all there is to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of
from alchemi_mace.architecture import Architecture
from alchemi_mace.building import build
from alchemi_mace.checkpoints import WHO
from alchemi_mace.constants import constants_of, set_constants
from alchemi_mace.foundations import FOUNDATIONS
from alchemi_mace.likeness import difference
from alchemi_mace.model import DTYPES, MACE
from alchemi_mace.reading import architecture_of

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.registry import Registry

_PREFIX = "network."
_MUST = frozenset({"head", "architecture", "constants"})
_MAY = frozenset({"checkpoint", "source", "dtype"})


class MACESerializer:
    """Serves the model ``mace``."""

    @staticmethod
    def write(model: MACE) -> tuple[ModelOrigin | None, dict[str, Tensor]]:
        """Return what the network is made of, and its tensors.

        Raises
        ------
        SerializationError
            If the network is not one that mace-torch's constructors make; names the first thing in it that is not.
        """
        tensors = tensors_of(model)
        architecture, constants = architecture_of(model.network), constants_of(model.network)
        rebuilt = build(architecture, _own(tensors))
        set_constants(rebuilt, constants)
        if found := difference(model.network, rebuilt):
            raise SerializationError(
                f"the network has {found}, which a pipeline file cannot say",
                expected=f"a {architecture.network} as the constructor of mace-torch makes it",
                who=WHO,
                fix="load_pipeline(path, models=[...]) with the model made from its file, for a pipeline saved before",
            )
        return ModelOrigin(
            WHO, {**_given(model), "architecture": architecture.options, "constants": constants}
        ), tensors

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> MACE:
        """Make the model again; no file is read, and nothing is imported by a name.

        Raises
        ------
        SerializationError
            If options and tensors are not what `write` gave.
        """
        del registry
        options = _thawed(origin.options)
        _check(options)
        network = build(Architecture.from_options(options["architecture"]), _own(tensors))
        set_constants(network, options["constants"])
        try:
            model = MACE(network, head=options["head"], foundation=options.get("checkpoint"))
        except SerializationError:
            raise
        except AlchemiError as error:
            raise SerializationError(error.found, expected=error.expected, who=WHO) from error
        check_fits(model, tensors, WHO)
        fill(model, tensors)
        return model


def _own(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the network, which is all that the model has."""
    return {name.removeprefix(_PREFIX): one for name, one in tensors.items() if name.startswith(_PREFIX)}


def _given(model: MACE) -> dict[str, Any]:
    """Return the options of the model for people to read: of a path, the name of the file."""
    options = dict(model.origin.options) if model.origin is not None else {}
    found: dict[str, Any] = {"head": model.head}
    if model.foundation is not None:
        found["checkpoint"] = model.foundation
    elif name := options.get("source") or PureWindowsPath(options.get("checkpoint", "")).name.lstrip("~"):
        found["source"] = name
    return found | {name: options[name] for name in ("dtype",) if options.get(name) is not None}


def _thawed(value: Any) -> Any:
    """Return plain dicts, of whatever kind of mapping the options are."""
    return {key: _thawed(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def _check(options: dict[str, Any]) -> None:
    if not _MUST <= options.keys() <= _MUST | _MAY:
        raise SerializationError(
            f"the options are {', '.join(sorted(map(str, options))) or 'none'}",
            expected=f"{', '.join(sorted(_MUST))} and perhaps {', '.join(sorted(_MAY))}",
            who=WHO,
        )
    known: dict[str, Any] = {"checkpoint": FOUNDATIONS, "dtype": DTYPES}
    for name in ("head", *_MAY):
        value = options.get(name, "")
        if not isinstance(value, str) or (name in options and value not in known.get(name, (value,))):
            raise SerializationError(
                f"{name} is {value!r:.80}", expected="; ".join(known.get(name, ("a name",))), who=WHO
            )
