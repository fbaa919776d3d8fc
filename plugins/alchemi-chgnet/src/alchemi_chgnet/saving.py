"""How the model is written to a pipeline file and rebuilt from one, without a checkpoint file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_chgnet.architecture import check_architecture, describe, network_like
from alchemi_chgnet.checkpoints import SHIPPED, WHO, Provenance
from alchemi_chgnet.model import CHGNetModel
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.registry import Registry

_ELEMENTS = 94
"""Rows of the tables of every network that chgnet builds."""

_NETWORK = "network."
"""What the names of its tensors begin with."""


class CHGNetSerializer:
    """Writes architecture, weights and the name of the checkpoint.

    Whether a checkpoint was trusted is not written: rebuilding reads none.
    """

    @staticmethod
    def write(model: BaseModelMixin) -> tuple[ModelOrigin | None, dict[str, Tensor]]:
        """Return what `rebuild` needs, and the weights.

        Raises
        ------
        SerializationError
            If the model is no `CHGNetModel`, or its architecture one that could not be read again.
        """
        if not isinstance(model, CHGNetModel):
            raise SerializationError(f"is {type(model).__name__}", expected="CHGNetModel", who=WHO)
        tensors = tensors_of(model)
        network = describe(model.network)
        check_architecture(network, tensors)
        key = "source" if model.provenance.checkpoint is None else "checkpoint"
        options = {
            key: getattr(model.provenance, key),
            "elements": sorted(model.model_config.elements or ()),
            "network": network,
        }
        return ModelOrigin(WHO, options), tensors

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> CHGNetModel:  # noqa: ARG004 - the hook passes it
        """Make the model again.

        Raises
        ------
        SerializationError
            If the options are not what `write` gave, or the tensors not those of the model.
        """
        options = origin.options
        provenance = _provenance(options)
        elements = _elements(options.get("elements"))
        architecture = check_architecture(options.get("network"), tensors)
        own = {name.removeprefix(_NETWORK): one for name, one in tensors.items() if name.startswith(_NETWORK)}
        model = CHGNetModel(network_like(architecture, own), provenance, elements)
        check_fits(model, tensors, WHO)
        fill(model, tensors)
        return model


def _provenance(options: Mapping[str, Any]) -> Provenance:
    """Return where weights came from; the options must be those that `write` gives."""
    names = set(options) - {"elements", "network"}
    if names == {"checkpoint"}:
        name = options["checkpoint"]
        if isinstance(name, str) and name in SHIPPED:
            return Provenance(checkpoint=name)
        raise SerializationError(f"checkpoint={name!r:.80}", expected=f"one of {', '.join(SHIPPED)}", who=WHO)
    source = options.get("source")
    if names != {"source"} or not isinstance(source, str) or "/" in source:
        raise SerializationError(
            f"options {sorted(map(str, options))!r:.200} with source={source!r:.80}",
            expected="elements, network, and either checkpoint or source, a file name",
            who=WHO,
        )
    return Provenance(source=source)


def _elements(found: Any) -> list[int]:
    known = range(1, _ELEMENTS + 1)
    if not isinstance(found, list | tuple) or not all(type(one) is int and one in known for one in found):
        raise SerializationError(
            f"elements={found!r:.80}", expected=f"a list of atomic numbers from 1 to {_ELEMENTS}", who=WHO
        )
    return list(found)
