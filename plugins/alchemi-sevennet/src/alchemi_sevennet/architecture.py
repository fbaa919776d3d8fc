"""The architecture of a network as plain values: written to pipeline files, and checked when it comes from one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from alchemi_core.errors import SerializationError
from alchemi_sevennet.checkpoints import WHO
from alchemi_sevennet.upstream import Rescale

Check: TypeAlias = "Callable[[Any], bool]"

_MOST_LAYERS = 16
_MOST_LEVELS = 64
_LONGEST_TEXT = 100
_HIGHEST_DEGREE = 6
_LARGEST = 10_000_000
_ELEMENTS = 119
"""sevenn counts from 0 on, which is no element."""

_IRREP = r"[1-9]\d{0,6}x[0-6][eo]"
_IRREPS = re.compile(rf"{_IRREP}(\+{_IRREP}){{0,13}}", re.ASCII)


def _number(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _one_of(*names: str | None) -> Check:
    return lambda value: (value is None or isinstance(value, str)) and value in names


def _list_of(check: Check, low: int, high: int) -> Check:
    return lambda value: isinstance(value, list | tuple) and low <= len(value) <= high and all(map(check, value))


def _record(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    known = {**required, **optional}

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        return required.keys() <= value.keys() <= known.keys() and all(known[key](one) for key, one in value.items())

    return check


def _numbering(key: Check, low: int, high: int) -> Check:
    """Accept a mapping to 0, 1, 2 and so on, in any order."""

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping) or not low <= len(value) <= high:
            return False
        numbers = list(value.values())
        return all(map(key, value)) and all(map(_whole(0, high), numbers)) and {*numbers} == {*range(len(numbers))}

    return check


def _irreps(value: Any) -> bool:
    return isinstance(value, str) and _IRREPS.fullmatch(value) is not None


def _name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


_ACTIVATIONS = ("relu", "silu", "tanh", "abs", "ssp", "sigmoid", "elu")
_BY_PARITY = _record({"e": _one_of("ssp", "silu"), "o": _one_of("tanh", "abs")}, {})
_SIZES = _list_of(_whole(1, _LARGEST), 0, _MOST_LAYERS)
_POLYNOMIAL = _record({"cutoff_function_name": _one_of("poly_cut")}, {"poly_cut_p_value": _number(1, 100)})
_XPLOR = _record({"cutoff_function_name": _one_of("XPLOR"), "cutoff_on": _number(0.0, 100.0)}, {})

_CHECKS: dict[str, Check] = {
    "cutoff": _number(0.1, 100.0),
    "_type_map": _numbering(_whole(0, _ELEMENTS - 1), 1, _ELEMENTS),
    "_modal_map": _numbering(_name, 0, _MOST_LEVELS),
    "irreps_manual": _list_of(_irreps, 2, _MOST_LAYERS + 1),
    "lmax": _whole(0, _HIGHEST_DEGREE),
    "radial_basis": _record(
        {"radial_basis_name": _one_of("bessel")},
        {"bessel_basis_num": _whole(1, 1000), "trainable_coeff": _flag},
    ),
    "cutoff_function": lambda value: _POLYNOMIAL(value) or _XPLOR(value),
    "weight_nn_hidden_neurons": _SIZES,
    "readout_fcn_hidden_neurons": lambda value: value is None or _SIZES(value),
    "readout_fcn_activation": _one_of(None, *_ACTIVATIONS),
    "act_radial": _one_of(*_ACTIVATIONS),
    "act_scalar": _BY_PARITY,
    "act_gate": _BY_PARITY,
    "self_connection_type": _list_of(_one_of("nequip", "linear"), 1, _MOST_LAYERS),
    **dict.fromkeys(("is_parity", "_normalize_sph", "use_bias_in_linear", "readout_as_fcn", "species_wise"), _flag),
    **dict.fromkeys(("train_shift_scale", "train_denominator"), _flag),
    **dict.fromkeys(("use_modal_wise_shift", "use_modal_wise_scale", "use_modal_node_embedding"), _flag),
    **dict.fromkeys(("use_modal_self_inter_intro", "use_modal_self_inter_outro", "use_modal_output_block"), _flag),
}
"""All that is read of an architecture. The names are sevenn's, but for ``species_wise``."""


def describe(config: Mapping[str, Any], layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the architecture of a network, in plain values.

    Features are written out as irreps, from which the builder gets the same network as from a channel count.

    Parameters
    ----------
    config : mapping
        Of a checkpoint, completed by sevenn.
    layers : mapping of str to Module
        What sevenn built from it.
    """
    steps, connection = config["num_convolution_layer"], config["self_connection_type"]
    output = layers["readout_FCN"].irreps_in if config["readout_as_fcn"] else _without_levels(layers)
    features = [layers[f"{step}_self_interaction_1"].irreps_out for step in range(steps)]
    resolved = {
        **{name: False for name in _CHECKS if name.startswith("use_modal_")},  # left out where there are no levels
        **config,
        "irreps_manual": [str(irreps) for irreps in (*features, output)],
        "lmax": config["lmax_edge"] if config["lmax_edge"] > 0 else config["lmax"],
        "self_connection_type": [connection] * steps if isinstance(connection, str) else connection,
        "species_wise": not isinstance(layers["rescale_atomic_energy"], Rescale),
        "_modal_map": (config.get("_modal_map") or {}) if config.get("use_modality") else {},
    }
    return {name: _plain(resolved.get(name)) for name in _CHECKS}


def _without_levels(layers: Mapping[str, Any]) -> Any:
    return layers["reduce_input_to_hidden"]._irreps_in_wo_modal


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def check_architecture(found: Any) -> dict[str, Any]:
    """Return an architecture that came from a file.

    Raises
    ------
    SerializationError
        If it is not what `describe` returns.
    """
    if not isinstance(found, Mapping) or set(found) != set(_CHECKS):
        names = sorted(map(str, found)) if isinstance(found, Mapping) else found
        raise SerializationError(
            f"its architecture is {names!r:.200}", expected=f"the entries {', '.join(_CHECKS)}", who=WHO
        )
    wrong = [name for name, check in _CHECKS.items() if not check(found[name])]
    if wrong or len(found["self_connection_type"]) != len(found["irreps_manual"]) - 1:
        name = wrong[0] if wrong else "self_connection_type"
        raise SerializationError(
            f"its architecture has {name}={found[name]!r:.80}", expected="a value that sevenn writes", who=WHO
        )
    return dict(found)


def builder_config(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration from which sevenn builds a network of an architecture."""
    levels = dict(architecture["_modal_map"])
    steps = len(architecture["irreps_manual"]) - 1
    number = 1.0  # of shifts, scales and denominators: the real ones are among the weights
    constant = [number] * _ELEMENTS if architecture["species_wise"] and not levels else number
    return {
        **architecture,
        "irreps_manual": [*architecture["irreps_manual"]],
        "num_convolution_layer": steps,
        "channel": 1,
        "lmax_edge": -1,
        "lmax_node": -1,
        "interaction_type": "nequip",
        "conv_denominator": number,
        "weight_nn_hidden_neurons": [*architecture["weight_nn_hidden_neurons"]],
        "readout_fcn_hidden_neurons": [*(architecture["readout_fcn_hidden_neurons"] or ())],
        "_number_of_species": len(architecture["_type_map"]),
        "shift": constant,
        "scale": constant,
        "use_modality": bool(levels),
        "_modal_map": levels or None,
        "_number_of_modalities": len(levels),
    }
