"""Models in pipeline files: written as description, facts and tensors, rebuilt without any checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_aimnet2.about import check_facts, plain_facts, read_facts
from alchemi_aimnet2.building import UNBUILDABLE, build_network, complaint
from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.checks import entries, flag, listed, number, one_of, text, whole
from alchemi_aimnet2.descriptions import ALLOWED, check_description
from alchemi_aimnet2.loading import complete
from alchemi_aimnet2.model import DTYPES, AIMNet2
from alchemi_aimnet2.recipe import Recipe
from alchemi_aimnet2.sizes import check_sizes
from alchemi_aimnet2.terms import METHODS
from alchemi_aimnet2.upstream import resolve_model_import_policy
from alchemi_core.errors import OptionError, SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.registry import Registry

_NETWORK = "network.network."
_ELEMENTS = ".afv.weight"
"""How the name of the table of elements ends, in which those that a network was not fitted to have NaN."""

_CHOICES = {"coulomb": one_of(*METHODS, False), "dispersion": flag, "dsf_cutoff": number, "dsf_alpha": number}
_NAMES = {"checkpoint": text, "source": text, "dtype": one_of(*DTYPES)}
_OPTIONS = entries(
    {
        **_NAMES,
        **_CHOICES,
        "description": check_description,
        "about": lambda value, _: read_facts(value, "about"),
        "nan_rows": listed(whole(0, 63)),
    },
    may_lack=[*_NAMES, *_CHOICES],
)


class AIMNet2Serializer:
    """Writes and rebuilds the model ``aimnet2``.

    A model that runs code of its file, a TorchScript archive or classes that are not aimnet's, has no origin in a
    pipeline file: whoever loads it hands the model over, and with it says that the code is trusted.
    """

    @staticmethod
    def write(model: AIMNet2) -> tuple[ModelOrigin | None, dict[str, Tensor]]:
        """Return what the model was made from, None where that is code, and its tensors, 0 instead of NaN."""
        tensors, rows = _without_nan(tensors_of(model))
        if model.recipe is None:
            return None, tensors
        options = {**_options(model, model.recipe), "nan_rows": rows}
        return (ModelOrigin(WHO, options) if _readable(options) else None), tensors

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> BaseModelMixin:  # noqa: ARG004 - the hook passes it
        """Build the network that the options describe and give it the tensors.

        Raises
        ------
        SerializationError
            If an option is not what `write` gives, or the tensors are not those of the network.
        """
        given = _OPTIONS(dict(origin.options), "option")
        try:
            model = _built(given, tensors)
        except (OptionError, *UNBUILDABLE) as error:
            if isinstance(error, SerializationError):
                raise
            raise _no_network(error) from error
        check_fits(model, tensors, WHO)
        fill(model, tensors)
        with torch.no_grad():
            model.get_parameter(_NETWORK + "afv.weight")[given["nan_rows"]] = torch.nan
        return model


def _readable(options: dict[str, Any]) -> bool:
    """Tell whether `rebuild` will take options: not if the description names classes that are not aimnet's."""
    try:
        _OPTIONS(options, "option")
    except SerializationError:
        return False
    return True


def _options(model: AIMNet2, recipe: Recipe) -> dict[str, Any]:
    names = {"checkpoint": recipe.checkpoint, "source": recipe.source}
    return {
        **{name: value for name, value in names.items() if value},
        **recipe.choices,
        **({"dtype": "float64"} if model.network.dtype is torch.float64 else {}),
        "description": recipe.description,
        "about": plain_facts(model.facts),
    }


def _without_nan(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[int]]:
    """Return tensors with 0 for elements that have NaN, and the numbers of these: files with NaN are not loaded."""
    name = next(name for name in tensors if name.endswith(_ELEMENTS))
    rows = tensors[name].isnan().all(dim=1)
    return {**tensors, name: tensors[name].masked_fill(rows[:, None], 0.0)}, rows.nonzero().flatten().tolist()


def _built(given: dict[str, Any], tensors: Mapping[str, Tensor]) -> AIMNet2:
    own = {name.removeprefix(_NETWORK): one for name, one in tensors.items() if name.startswith(_NETWORK)}
    description, facts = given["description"], given["about"]
    check_sizes(description, own)
    policy = resolve_model_import_policy(sorted(ALLOWED), "replace")
    network = build_network(description, own, policy, "pipeline file")
    if wrong := complaint(network, subtracts=facts.coulomb is not None and facts.coulomb.subtracted):
        raise SerializationError(f"the saved network {wrong}", expected="what its facts say", who=WHO)
    check_facts(network, facts)
    choices = {name: given[name] for name in _CHOICES if name in given}
    recipe = Recipe(description, choices, given.get("checkpoint", ""), given.get("source", ""))
    return AIMNet2(complete(network, facts, recipe), DTYPES[given.get("dtype", "float32")])


def _no_network(error: Exception) -> SerializationError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return SerializationError(
        f"describes no network that aimnet builds: {type(error).__name__}: {first[:300]}",
        expected="what a pipeline file was given when it was saved",
        who=WHO,
        fix="install the plugin version the file names",
    )
