"""How the model is written to a pipeline file and rebuilt from one, without a checkpoint file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of
from alchemi_sevennet.architecture import builder_config, check_architecture
from alchemi_sevennet.checkpoints import SHIPPED, WHO, Provenance
from alchemi_sevennet.model import SevenNet
from alchemi_sevennet.network import UNBUILDABLE, Loaded, cut_down
from alchemi_sevennet.sizes import check_sizes
from alchemi_sevennet.upstream import build_E3_equivariant_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.registry import Registry


class SevenNetSerializer:
    """Writes architecture, weights, level of theory and the name of the checkpoint.

    Whether a checkpoint was trusted is not written: rebuilding reads none.
    """

    @staticmethod
    def write(model: BaseModelMixin) -> tuple[ModelOrigin | None, dict[str, Tensor]]:
        """Return what `rebuild` needs, and the weights.

        Raises
        ------
        SerializationError
            If the model is no `SevenNet`, or its architecture one that could not be read again.
        """
        if not isinstance(model, SevenNet):
            raise SerializationError(f"is {type(model).__name__}", expected="SevenNet", who=WHO)
        tensors = tensors_of(model)
        architecture = check_architecture(model.architecture)
        check_sizes(architecture, tensors)
        key = "source" if model.provenance.checkpoint is None else "checkpoint"
        options = {key: getattr(model.provenance, key), "modal": model.modal, "network": architecture}
        return ModelOrigin(WHO, options), tensors

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> SevenNet:  # noqa: ARG004 - the hook passes it
        """Make the model again.

        Raises
        ------
        SerializationError
            If the options are not what `write` gave, or the tensors not those of the model.
        """
        options = origin.options
        provenance = _provenance(options)
        architecture = check_architecture(options.get("network"))
        modal = _modal(options.get("modal"), architecture["_modal_map"])
        check_sizes(architecture, tensors)
        model = SevenNet(_built(architecture), provenance, modal)
        check_fits(model, tensors, WHO)
        fill(model, tensors)
        return model


def _built(architecture: Mapping[str, Any]) -> Loaded:
    try:
        return cut_down(build_E3_equivariant_model(builder_config(architecture)), architecture)
    except UNBUILDABLE as error:
        raise SerializationError(
            f"sevenn cannot build its network: {type(error).__name__}: {error}",
            expected="an architecture that the installed version of sevenn knows",
            who=WHO,
        ) from error


def _provenance(options: Mapping[str, Any]) -> Provenance:
    """Return where weights came from; the options must be those that `write` gives."""
    names = set(options) - {"modal", "network"}
    if names == {"checkpoint"}:
        name = options["checkpoint"]
        if isinstance(name, str) and name in SHIPPED:
            return Provenance(checkpoint=name)
        raise SerializationError(f"checkpoint={name!r:.80}", expected=f"one of {', '.join(SHIPPED)}", who=WHO)
    source = options.get("source")
    if names != {"source"} or not isinstance(source, str) or "/" in source:
        raise SerializationError(
            f"options {sorted(map(str, options))!r:.200} with source={source!r:.80}",
            expected="modal, network, and either checkpoint or source, a file name",
            who=WHO,
        )
    return Provenance(source=source)


def _modal(found: Any, levels: Mapping[str, int]) -> str | None:
    if found is None and not levels:
        return None
    if isinstance(found, str) and found in levels:
        return found
    raise SerializationError(f"modal={found!r:.80}", expected=f"one of {', '.join(levels) or 'None'}", who=WHO)
