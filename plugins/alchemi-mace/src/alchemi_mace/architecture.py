"""What a network of mace-torch is made of, as plain values: the arguments of its constructor that no tensor tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import SerializationError
from alchemi_mace.checkpoints import WHO
from alchemi_mace.vocabulary import GATES, INTERACTIONS, NETWORKS, RADIAL, READOUTS, TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SIZE = 1_000_000
"""Of one count in a file; what is built is compared with the tensors in it as well."""

_IRREPS = re.compile(r"[1-9]\d{0,5}x(\d|1[01])[eo](\+[1-9]\d{0,5}x(\d|1[01])[eo]){0,63}")


def refused(name: str, value: object, expected: str) -> SerializationError:
    """Return the error for a value of a file that describes no network."""
    return SerializationError(f"{name} is {value!r:.80}", expected=expected, who=WHO)


def _check(good: Callable[[Any], bool], expected: str) -> Any:
    def check(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if not good(value):
            raise refused(field.name, value, expected)

    return check


def _is_count(value: Any, low: int = 1, high: int = MAX_SIZE) -> bool:
    return type(value) is int and low <= value <= high


def _are_counts(value: Any, most: int, high: int) -> bool:
    return isinstance(value, tuple) and len(value) <= most and all(_is_count(one, 1, high) for one in value)


def _is_irreps(value: Any) -> bool:
    return isinstance(value, str) and _IRREPS.fullmatch(value) is not None


def _one_of(table: Mapping[str, Any]) -> Any:
    return _check(lambda value: isinstance(value, str) and value in table, f"one of {', '.join(table)}")


def _are_heads(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, tuple) and 0 < len(value) < 1000 and all(isinstance(one, str) for one in value)


def _are_specs(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and 0 < len(value) < 100 and all(map(_is_spec, value.items())))


def _is_spec(item: tuple[Any, Any]) -> bool:
    name, spec = item
    if not (isinstance(name, str) and name.isidentifier() and isinstance(spec, dict) and "type" in spec):
        return False
    size = {"categorical": "num_classes", "continuous": "in_dim"}.get(str(spec["type"]))
    known = {"type", "per", size, "emb_dim", "offset", "use_bias"}
    return (
        spec.keys() <= known
        and spec.get("per") in ("graph", "node")
        and _is_count(spec.get(size))
        and _is_count(spec.get("emb_dim"))
        and _is_count(spec.get("offset", 0), -MAX_SIZE)
        and isinstance(spec.get("use_bias", True), bool)
    )


def _flag() -> Any:
    return attrs.field(default=False, validator=_check(lambda value: isinstance(value, bool), "True or False"))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_irreps = _check(_is_irreps, "irreps such as '128x0e+128x1o'")
_maybe_irreps = _check(lambda value: value is None or _is_irreps(value), "irreps such as '128x0e+128x1o', or none")


@attrs.frozen(kw_only=True)
class Architecture:
    """Arguments of a constructor of mace-torch, under its own names; classes and functions by name.

    Cutoff, elements, atomic energies, scales and shifts are among the tensors and not said again. Couplings of the
    contractions are as well, so that they need not be worked out anew.

    Raises
    ------
    SerializationError
        If a value is of another kind, unknown or out of bounds.
    """

    network: str = attrs.field(validator=_one_of(NETWORKS))
    interaction_cls_first: str = attrs.field(validator=_one_of(INTERACTIONS))
    interaction_cls: str = attrs.field(validator=_one_of(INTERACTIONS))
    max_ell: int = attrs.field(validator=_check(lambda value: _is_count(value, 0, 11), "0 to 11"))
    hidden_irreps: str = attrs.field(validator=_irreps)
    MLP_irreps: str | None = attrs.field(default=None, validator=_maybe_irreps)
    gate: str = attrs.field(default="None", validator=_one_of(GATES))
    correlation: tuple[int, ...] = attrs.field(
        converter=_tuple, validator=_check(lambda value: value and _are_counts(value, 32, 8), "1 to 8 for each layer")
    )
    num_bessel: int = attrs.field(validator=_check(_is_count, "a count"))
    radial_MLP: tuple[int, ...] = attrs.field(  # noqa: N815 - the name of mace-torch
        converter=_tuple, validator=_check(lambda value: _are_counts(value, 32, 65536), "sizes of layers")
    )
    radial_type: str = attrs.field(default="bessel", validator=_one_of(RADIAL))
    distance_transform: str = attrs.field(default="None", validator=_one_of(TRANSFORMS))
    readout_cls: str = attrs.field(default="NonLinearReadoutBlock", validator=_one_of(READOUTS))
    edge_irreps: str | None = attrs.field(default=None, validator=_maybe_irreps)
    embedding_specs: dict[str, Any] | None = attrs.field(
        default=None, validator=_check(_are_specs, "type, per, emb_dim and num_classes or in_dim of each input")
    )
    heads: tuple[str, ...] | None = attrs.field(
        default=None, converter=_tuple, validator=_check(_are_heads, "names of heads")
    )
    pair_repulsion: bool = _flag()
    apply_cutoff: bool = _flag()
    use_reduced_cg: bool = _flag()
    use_so3: bool = _flag()
    use_agnostic_product: bool = _flag()
    use_last_readout_only: bool = _flag()
    use_embedding_readout: bool = _flag()
    use_edge_irreps_first: bool = _flag()
    keep_last_layer_irreps: bool = _flag()

    @classmethod
    def from_options(cls, options: Any) -> Architecture:
        """Read what `options` gave.

        Raises
        ------
        SerializationError
            If it is anything else.
        """
        fields = attrs.fields_dict(cls)
        if not isinstance(options, dict) or options.keys() != fields.keys():
            found = sorted(map(str, options)) if isinstance(options, dict) else options
            raise refused("the architecture", found, f"a mapping of {', '.join(fields)}")
        return cls(**options)

    @property
    def options(self) -> dict[str, Any]:
        """All values by name, as a file holds them."""
        return {name: _listed(getattr(self, name)) for name in attrs.fields_dict(type(self))}

    @property
    def is_dipole(self) -> bool:
        """Whether it is the class that gives dipoles, whose constructor takes fewer arguments."""
        return self.network == "EnergyDipolesMACE"


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
