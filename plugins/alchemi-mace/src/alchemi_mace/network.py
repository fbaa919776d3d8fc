"""A model of mace-torch, told apart and asked for energies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import DataError, InputFileError, OptionError, nearest
from alchemi_mace.checkpoints import WHO
from alchemi_mace.upstream import EnergyDipolesMACE

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

DEBYE = 1e-11 / (299792458 * 1.602176634e-19)
"""1 D in e·Å: 1e-21 C m²/s over c, with c and e exact since 2019."""

_STATES = {"total_charge": ("total_charge", 0.0), "total_spin": ("multiplicity", 1.0)}
"""mace's names of per-system inputs, the name here and the default, which is mace's own."""

_PARTS = ("r_max", "atomic_numbers", "node_embedding", "interactions")
"""What every model has."""


@attrs.frozen
class Traits:
    """What can be read off a model of mace-torch.

    Parameters
    ----------
    cutoff : float, Å
        Range of pairs.
    elements : frozenset of int
        Atomic numbers it was fitted to.
    heads : tuple of str
        Names of its readouts, each fitted to its own data.
    repulsion : bool
        Whether screened nuclear repulsion is added to it.
    states : tuple of str
        Inputs per system beyond the geometry, by mace's names.
    partition : bool
        Whether its atomic energies sum up to the energy.
    dipole : bool
        Whether it gives a dipole moment.
    """

    cutoff: float
    elements: frozenset[int]
    heads: tuple[str, ...]
    repulsion: bool
    states: tuple[str, ...]
    partition: bool
    dipole: bool

    @property
    def inputs(self) -> frozenset[str]:
        """Optional inputs by the names of this project."""
        charges = frozenset({"charges"}) if self.dipole else frozenset()
        return charges | {_STATES[name][0] for name in self.states}


def traits(model: Any) -> Traits:
    """Read off what a model is.

    Raises
    ------
    InputFileError
        If it needs inputs that are not known here.
    """
    states = tuple(getattr(model, "embedding_specs", None) or ())
    missing = [name for name in _PARTS if not hasattr(model, name)]
    if missing:
        raise InputFileError(f"the model lacks {', '.join(missing)}", expected="a whole model", who=WHO)
    strange = [name for name in states if name not in _STATES]
    if strange:
        raise InputFileError(
            f"the model was fitted with the inputs {', '.join(strange)}",
            expected=f"no inputs beyond the geometry, {' and '.join(_STATES)}",
            who=WHO,
        )
    return Traits(
        cutoff=float(model.r_max),
        elements=frozenset(model.atomic_numbers.tolist()),
        heads=tuple(getattr(model, "heads", None) or ("Default",)),
        repulsion=hasattr(model, "pair_repulsion_fn"),
        states=states,
        partition=not hasattr(model, "embedding_readout") and not isinstance(model, EnergyDipolesMACE),
        dipole=isinstance(model, EnergyDipolesMACE),
    )


def choose_head(heads: tuple[str, ...], head: str | None) -> str:
    """Return the head to use: the only one, or the one called default, or the one that is asked for.

    Raises
    ------
    OptionError
        If there is no such head, or one must be chosen.
    """
    listed = f"one of {', '.join(map(repr, heads))}"
    if head is None:
        default = [name for name in heads if name.lower() == "default"] or (heads if len(heads) == 1 else [])
        if default:
            return default[0]
        raise OptionError("head is missing", expected=listed, who=WHO, fix=f"head={heads[-1]!r}")
    if head in heads:
        return head
    names = {name.lower(): name for name in heads}
    near = nearest(str(head).lower(), names)
    raise OptionError(f"head={head!r}", expected=listed, who=WHO, fix=f"head={names[near]!r}" if near else "")


def graph(model: Any, view: ModelView, vectors: Tensor, head: int) -> dict[str, Tensor]:
    """Return what a model of mace-torch reads.

    Its positions are zeros and its shifts whole pair vectors: it asks its positions to require gradients, in place, and
    these are not the caller's. Gradients flow through the vectors, which a model computes with and with nothing else.

    Parameters
    ----------
    model : Module
        Of mace-torch.
    view : ModelView
        The structure.
    vectors : Tensor [E, 3], Å
        From atom i to atom j, in the floating type of the weights.
    head : int
        Number of the head.

    Returns
    -------
    dict of str to Tensor
        Under mace's names.
    """
    numbers = view.atomic_numbers[:, None] == model.atomic_numbers
    return {
        "positions": vectors.new_zeros(view.num_atoms, 3),
        "shifts": vectors,
        "edge_index": view.neighbors.neighbor_list.long().T.contiguous(),
        "cell": vectors.new_zeros(3 * view.num_systems, 3),
        "node_attrs": numbers.to(vectors.dtype),
        "batch": view.batch_idx,
        "ptr": view.batch_idx.new_tensor(view.ptr),
        "head": view.batch_idx.new_full((view.num_systems,), head),
    }


def states(model: Any, names: tuple[str, ...], view: ModelView, like: Tensor) -> dict[str, Tensor]:
    """Return charge and spin of each system, under mace's names.

    Raises
    ------
    DataError
        If the model holds no embedding of a value.
    """
    found = {}
    for name in names:
        ours, default = _STATES[name]
        given = getattr(view, ours)
        value = like.new_full((view.num_systems,), default) if given is None else given.flatten().to(like.dtype)
        _check_embedded(ours, value, model.embedding_specs[name])
        found[name] = value
    return found


def _check_embedded(name: str, value: Tensor, spec: Any) -> None:
    if spec["type"] != "categorical":
        return
    low = -int(spec.get("offset", 0))
    high = low + int(spec["num_classes"]) - 1
    wrong = (value != value.round()) | (value < low) | (value > high)
    if bool(wrong.any()):
        system = int(wrong.nonzero()[0])
        raise DataError(
            f"{name} of system {system} is {float(value[system].detach()):g}",
            expected=f"a whole number from {low} to {high}, as the model was fitted to",
            who=WHO,
        )


def dipole(out: Tensor, view: ModelView) -> Tensor:
    """Return the dipole moment [B, 3] in e·Å: the model's, in Debye, and that of fixed charges if there are any."""
    moment = out.to(view.positions.dtype) * DEBYE
    if view.charges is None:
        return moment
    return moment.index_add(0, view.batch_idx, view.charges[:, None].to(moment.dtype) * view.positions)
