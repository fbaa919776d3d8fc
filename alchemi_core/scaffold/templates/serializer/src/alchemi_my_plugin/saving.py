"""The model in pipeline files: its parameters in place of the file that they came from.

A pipeline file may come from anybody: every value of it is checked, no file is opened, and nothing is imported by a
name or unpickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of

from alchemi_my_plugin.hooks import NAME
from alchemi_my_plugin.model import MyPlugin
from alchemi_my_plugin.parameters import expected, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core import Registry
    from torch import Tensor


class MyPluginSerializer:
    """Writes and rebuilds the model."""

    @staticmethod
    def write(model: MyPlugin) -> tuple[ModelOrigin, dict[str, Tensor]]:
        """Return what makes the model again, and its tensors.

        Returns
        -------
        origin : ModelOrigin
            The name of the model and plain values.
        tensors : dict of str to Tensor
            Parameters and buffers.
        """
        # FILL IN: all that making the model again needs beside its tensors; of a path no more than the name of the file
        options = {
            "depth": model.depth.item(),
            "steepness": model.steepness.item(),
            "distance": model.distance.item(),
            "cutoff": model.cutoff,
        }
        return ModelOrigin(NAME, options), tensors_of(model)

    @staticmethod
    def rebuild(
        origin: ModelOrigin,
        tensors: Mapping[str, Tensor],
        registry: Registry,
    ) -> MyPlugin:
        """Make the model of what `write` returned.

        Parameters
        ----------
        origin : ModelOrigin
            Name and options, as a file has them.
        tensors : mapping of str to Tensor
            As a file has them.
        registry : Registry
            Where other models could be looked up.

        Raises
        ------
        SerializationError
            If options or tensors are not what `write` gives.
        """
        if found := fault(origin.options):
            raise SerializationError(found, expected=expected(), who=NAME)
        model = MyPlugin(**origin.options)
        check_fits(model, tensors, NAME)
        fill(model, tensors)
        return model
