"""From the entry of a model in a file to the model."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import SerializationError
from alchemi_core.models import BaseModelMixin, ModelOrigin
from alchemi_core.offers import ModelOffer
from alchemi_core.serialization.contract_text import describe_config, differences
from alchemi_core.serialization.model_entries import serializer_of
from alchemi_core.serialization.portability import refuse_places
from alchemi_core.serialization.references import made_again
from alchemi_core.serialization.restoring import restore_buffers, restore_frozen, restore_modes
from alchemi_core.serialization.tensors import check_fits, fill
from alchemi_core.serialization.values import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.registry import Registry
    from alchemi_core.serialization.entries import Entry


@attrs.frozen(eq=False)
class ModelReader:
    """Rebuilds models, or checks those that the user hands over.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        All of the file.
    registry : Registry
        Where names are looked up.
    """

    tensors: Mapping[str, Tensor]
    registry: Registry

    def rebuild(self, entry: Entry, number: int) -> BaseModelMixin:
        """Make a model as the entry says.

        Raises
        ------
        SerializationError
            If it was never offered by a plugin, or what the plugin makes is not what was saved.
        """
        if entry["offer"] is None:
            raise _not_given(entry, number)
        origin = ModelOrigin(entry["offer"], decode(entry["options"], self.tensors))
        exact = ModelOrigin(entry["offer"], decode(entry.get("spec", entry["options"]), self.tensors))
        for one in origin, exact:
            refuse_places(one.options, one.offer)
        model = self._made(entry, exact)
        # Not through the model's own __setattr__: it may be frozen, or register what it is given.
        object.__setattr__(model, "origin", origin)
        self._check_contract(entry, model)
        return model

    def _made(self, entry: Entry, origin: ModelOrigin) -> BaseModelMixin:
        if "reference" in entry:
            return made_again(origin, entry["reference"], self.registry)
        made = serializer_of(origin, self.registry).rebuild(origin, self._own(entry["weights"]), self.registry)
        if not isinstance(made, BaseModelMixin):
            raise SerializationError(
                f"its serializer gave {type(made).__name__}", expected="a BaseModelMixin", who=origin.offer
            )
        return made

    def check_given(self, entry: Entry, model: BaseModelMixin, number: int) -> None:
        """Check that a model handed over is the one that was saved, weights aside.

        Raises
        ------
        SerializationError
            If it has another name, other tensors, or declares something else.
        """
        if not isinstance(model, BaseModelMixin) or model.model_config.name != entry["name"]:
            name = model.model_config.name if isinstance(model, BaseModelMixin) else model
            raise SerializationError(
                f"model {name!r} was given where {entry['name']!r} was saved",
                expected="models in the order their steps were declared",
                who="load_pipeline",
            )
        if "reference" not in entry:
            check_fits(model, self._own(entry["weights"]), entry["name"])
        if unlike := _unlike(entry, model):
            raise _other_contract(f"model {number} was given", entry, unlike)

    def restore(self, entry: Entry, model: BaseModelMixin, *, weights: bool) -> None:
        """Put back what rebuilding does not: made buffers, what is frozen, modes; in a model given, weights too."""
        if weights and "reference" not in entry:
            fill(model, self._own(entry["weights"]))
        restore_buffers(model, self._own(entry["buffers"]))
        if entry.get("frozen") is not None:
            restore_frozen(model, entry["frozen"])
        if entry.get("training") is not None:
            restore_modes(model, entry["training"])

    def _own(self, keys: Mapping[str, str]) -> dict[str, Tensor]:
        missing = [key for key in keys.values() if not isinstance(key, str) or key not in self.tensors]
        if missing:
            raise SerializationError(
                f"names a tensor that it does not hold, {missing[0]!r:.80}", expected="all tensors", who="pipeline file"
            )
        return {name: self.tensors[key] for name, key in keys.items()}

    def _check_contract(self, entry: Entry, model: BaseModelMixin) -> None:
        unlike = _unlike(entry, model)
        if not unlike:
            return
        owner = self.registry.owner(self.registry.find(ModelOffer, entry["offer"]))
        if owner.version == entry["version"]:
            raise _other_contract(f"{owner.label} makes it", entry, unlike)
        text = f"{entry['name']}: saved with {entry['plugin']} {entry['version']}, {owner.label} makes it otherwise: "
        warnings.warn(text + "; ".join(unlike), UserWarning, stacklevel=2)


def _unlike(entry: Entry, model: BaseModelMixin) -> list[str]:
    written = entry.get("contract")
    return differences(written, describe_config(model.model_config)) if isinstance(written, dict) else []


def _other_contract(how: str, entry: Entry, unlike: list[str]) -> SerializationError:
    return SerializationError(
        f"{how} with another model_config than was saved: {'; '.join(unlike)[:1000]}",
        expected="what the model declared when it was saved",
        who=str(entry["name"]),
        fix="load_pipeline(path, models=[...]) with the model as it was: its model_config was changed by hand",
    )


def _not_given(entry: Entry, number: int) -> SerializationError:
    why: Any = entry.get("why")
    return SerializationError(
        f"model {number} ({entry['name']}): {why or 'it was made by hand, so no plugin can rebuild it'}",
        expected="the models as arguments",
        who="load_pipeline",
        fix=f"load_pipeline(path, models=[...]), or models={{{number}: ...}} for this one alone",
    )
