"""Models that other programs can run: what a model implements so that a pipeline of it can be exported.

Programs such as LAMMPS run TorchScript, a part of Python that is compiled. A model that can be written in it says so by
one method, `ScriptableModel.scriptable_energy`. Exporters look for the method; models without it are refused by name.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from alchemi_core.errors import DeclarationError

if TYPE_CHECKING:
    from torch.nn import Module


def _length(_instance: ScriptableEnergy, attribute: attrs.Attribute[float], value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and isfinite(value) and value >= 0.0):
        found = f"{attribute.name}={value!r}"
        raise DeclarationError(found, expected="a length in Å, 0 or more", who="ScriptableEnergy")


@attrs.frozen(eq=False)
class ScriptableEnergy:
    """The energy of a model in TorchScript.

    Parameters
    ----------
    module : torch.nn.Module
        Can be compiled by ``torch.jit.script``. Its method is::

            def forward(
                self, numbers: Tensor, first: Tensor, second: Tensor, vectors: Tensor, inputs: dict[str, Tensor]
            ) -> Tensor

        It returns the energy of each atom, [N], eV, on the graph through `vectors`, in their floating type and on their
        device. `numbers` are the atomic numbers, [N], int64. `first` and `second` are the atoms i and j of each pair,
        [E], int64. `vectors` are d = r_j − r_i + S @ cell, [E, 3], Å. The pairs are those of the model's
        ``neighbor_config``: strictly below its cutoff, each once or in both directions as it says; they come in any
        order. `inputs` holds the model's required inputs by name.

        An energy that is so computed depends on nothing but relative places, and all of it is in the energies of atoms:
        a program may divide the atoms among processes, each of which knows the atoms around its own.
    interaction_range : float, Å
        How far from an atom others can change its energy: the cutoff of a pair potential, several times that where
        messages are passed on.

    Raises
    ------
    DeclarationError
        If the range is no length.
    """

    module: Module
    interaction_range: float = attrs.field(validator=_length)


@runtime_checkable
class ScriptableModel(Protocol):
    """A model with a form in TorchScript; any class with the method is one.

    Examples
    --------
    >>> class Plain:
    ...     pass
    >>> isinstance(Plain(), ScriptableModel)
    False
    """

    def scriptable_energy(self) -> ScriptableEnergy:
        """Return the energy in TorchScript, the same as `compute` gives, with parameters as they are now.

        The model itself is not changed, and shares no tensor with what is returned.

        Raises
        ------
        ExportError
            If the model as it was made has no such form.
        """
