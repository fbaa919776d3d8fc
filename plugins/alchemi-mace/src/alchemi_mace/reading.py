"""The architecture of a network at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alchemi_core.errors import SerializationError
from alchemi_mace.architecture import Architecture
from alchemi_mace.checkpoints import WHO
from alchemi_mace.upstream import o3
from alchemi_mace.vocabulary import (
    INTERACTIONS,
    NETWORKS,
    RADIAL,
    READOUTS,
    TRANSFORMS,
    gate_name,
    name_of,
)


def architecture_of(network: Any) -> Architecture:
    """Read off the arguments of the constructor.

    Raises
    ------
    SerializationError
        If the network, or a part of it, is of a class that mace-torch's constructors do not make.
    """
    kind = name_of(type(network), NETWORKS, "the network")
    try:
        return Architecture(network=kind, **_common(network), **(_dipole if "Dipoles" in kind else _energy)(network))
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, SerializationError):
            raise
        raise SerializationError(
            f"the network cannot be described: {type(error).__name__}: {error}",
            expected=f"a {kind} as mace-torch's constructor makes it",
            who=WHO,
        ) from error


def _common(network: Any) -> dict[str, Any]:
    first = network.interactions[0]
    heads = getattr(network, "heads", None)
    return {
        "interaction_cls_first": name_of(type(first), INTERACTIONS, "the first interaction"),
        "interaction_cls": name_of(type(network.interactions[-1]), INTERACTIONS, "the last interaction"),
        "max_ell": int(network.spherical_harmonics._lmax),
        "hidden_irreps": irreps_text(network.products[0].linear.irreps_out),
        "correlation": tuple(int(one.symmetric_contractions.contractions[0].correlation) for one in network.products),
        "num_bessel": int(network.radial_embedding.out_dim),
        "radial_MLP": _radial_layers(first),
        "heads": None if heads is None else tuple(heads),
        "apply_cutoff": bool(getattr(network.radial_embedding, "apply_cutoff", True)),
    }


def _radial_layers(interaction: Any) -> tuple[int, ...]:
    declared = getattr(interaction, "radial_MLP", None)
    return tuple(int(size) for size in (interaction.conv_tp_weights.hs[1:-1] if declared is None else declared))


def _dipole(network: Any) -> dict[str, Any]:
    if len(network.interactions) == 1:
        return {}
    last = network.readouts[-1]
    gate = gate_name(last.equivariant_nonlin._act_scalar)
    return {"MLP_irreps": irreps_text(last.hidden_irreps), "gate": gate}


def _energy(network: Any) -> dict[str, Any]:
    radial, count = network.radial_embedding, len(network.interactions)
    edges = getattr(network, "edge_irreps", None)
    return {
        "radial_type": name_of(type(radial.bessel_fn), RADIAL, "the radial basis"),
        "distance_transform": name_of(
            type(getattr(radial, "distance_transform", None)), TRANSFORMS, "the transform of distances"
        ),
        "edge_irreps": None if edges is None else irreps_text(edges),
        "embedding_specs": _specs(getattr(network, "embedding_specs", None)),
        "pair_repulsion": hasattr(network, "pair_repulsion_fn"),
        "use_agnostic_product": bool(getattr(network.products[0], "use_agnostic_product", False)),
        "use_last_readout_only": len(network.readouts) < count,
        "use_embedding_readout": hasattr(network, "embedding_readout"),
        "use_so3": _is_so3(network.spherical_harmonics),
        **{name: bool(getattr(network, name, False)) for name in ("use_reduced_cg", "use_edge_irreps_first")},
        **(_last_layer(network) if count > 1 else {}),
    }


def _is_so3(harmonics: Any) -> bool:
    return any(part.ir.l % 2 and part.ir.p == 1 for part in harmonics.irreps_out)


def _last_layer(network: Any) -> dict[str, Any]:
    last, hidden = network.readouts[-1], network.products[0].linear.irreps_out
    gate = getattr(last.non_linearity.acts[0], "f", None) if hasattr(last, "non_linearity") else None
    return {
        "readout_cls": name_of(type(last), READOUTS, "the last readout"),
        "MLP_irreps": irreps_text(_per_head(o3.Irreps(str(last.hidden_irreps)), int(getattr(last, "num_heads", 1)))),
        "gate": gate_name(gate),
        "keep_last_layer_irreps": len(hidden) > 1 and str(network.products[-1].linear.irreps_out) == str(hidden),
    }


def _per_head(irreps: Any, heads: int) -> Any:
    """Undo mace's ``(heads * irreps).simplify()``."""
    if len(irreps) == 1:
        return o3.Irreps([(irreps[0].mul // heads, irreps[0].ir)])
    return irreps[: len(irreps) // heads]


def _specs(given: Any) -> dict[str, Any] | None:
    """Return plain copies: they may be of the kinds that YAML is read into."""
    if given is None:
        return None
    return {str(name): {str(key): _plain(value) for key, value in spec.items()} for name, spec in given.items()}


def _plain(value: Any) -> Any:
    for kind in (bool, int, str):
        if isinstance(value, kind):
            return kind(value)
    return dict(value) if isinstance(value, Mapping) else value


def irreps_text(irreps: Any) -> str:
    """Return irreps as a file holds them, such as ``128x0e+128x1o``."""
    return str(irreps).replace(" ", "")
