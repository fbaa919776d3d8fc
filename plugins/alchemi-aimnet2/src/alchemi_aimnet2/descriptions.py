"""What a description of a network may hold, where it comes from a pipeline file.

Names of classes are looked up in a table that is fixed here: a description that names any other is refused, whatever
aimnet would make of it, and no class of the table does anything but hold numbers when it is made.
"""

from __future__ import annotations

from typing import Any

from alchemi_aimnet2.checks import (
    Check,
    entries,
    flag,
    listed,
    mapped,
    not_negative,
    number,
    one_of,
    optional,
    positive,
    text,
    whole,
    wrong,
)

ACTIVATION, INITIALIZER = "torch.nn.GELU", "torch.nn.init.xavier_normal_"
NETWORKS = ("aimnet.models.AIMNet2", "aimnet.models.aimnet2.AIMNet2")

_WIDE = whole(1, 2**20)
_SHIFTS = whole(1, 512)
_KEYS: dict[str, Check] = {"key_in": text, "key_out": text}
_REFERENCES = optional(mapped(whole(0, 86), number))
_DAMPING = dict.fromkeys(("a1", "a2", "s8", "s6"), not_negative)

_PERCEPTRON: dict[str, Check] = {
    "hidden": optional(listed(_WIDE)),
    "activation_fn": one_of(ACTIVATION),
    "activation_kwargs": optional(entries({"approximate": one_of("none", "tanh")}, may_lack=["approximate"])),
    "weight_init_fn": one_of(INITIALIZER),
    "bias": flag,
    "last_linear": flag,
}
_MOMENT = entries({**_KEYS, "center_coord": flag}, may_lack=[*_KEYS, "center_coord"])
_LEARNED_DISPERSION = entries({**_DAMPING, **_KEYS}, may_lack=["s6", *_KEYS])

MODULES: dict[str, Check] = {
    "aimnet.modules.Output": entries(
        {**_KEYS, "n_in": _WIDE, "n_out": _WIDE, "mlp": entries(_PERCEPTRON, may_lack=_PERCEPTRON)}
    ),
    "aimnet.modules.AtomicShift": entries(
        {**_KEYS, "num_types": whole(1, 1024), "requires_grad": flag, "reduce_sum": flag},
        may_lack=["num_types", "requires_grad", "reduce_sum"],
    ),
    "aimnet.modules.AtomicSum": entries(_KEYS),
    "aimnet.modules.Dipole": _MOMENT,
    "aimnet.modules.Quadrupole": _MOMENT,
    "aimnet.modules.SRCoulomb": entries(
        {**_KEYS, "rc": positive, "envelope": one_of("exp", "cosine")}, may_lack=[*_KEYS, "rc", "envelope"]
    ),
    "aimnet.modules.D3TS": _LEARNED_DISPERSION,
    "aimnet.modules.lr.D3TS": _LEARNED_DISPERSION,
    "aimnet.modules.lr.DispParam": entries(
        {**_KEYS, "ref_c6": _REFERENCES, "ref_alpha": _REFERENCES}, may_lack=[*_KEYS, "ref_c6", "ref_alpha"]
    ),
}
"""Building blocks by the name that a description gives them, with what each takes."""

ALLOWED = frozenset({*NETWORKS, *MODULES, ACTIVATION, INITIALIZER})
"""All that a description may name."""

_EXPANSION: dict[str, Check] = {
    "nshifts_s": _SHIFTS,
    "nshifts_v": optional(_SHIFTS),
    "rmin": number,
    "rc_s": positive,
    "rc_v": optional(positive),
    **dict.fromkeys(("eta_s", "eta_v"), optional(number)),
    **dict.fromkeys(("shifts_s", "shifts_v"), optional(listed(number))),
}


def _module(value: Any, name: str) -> dict[str, Any]:
    found = entries({"class": text, "kwargs": lambda given, _: given}, may_lack=["kwargs"])(value, name)
    if found["class"] not in MODULES:
        raise wrong(found["class"], f"{name}.class", "a building block of aimnet: " + ", ".join(MODULES))
    return {"class": found["class"], "kwargs": MODULES[found["class"]](found.get("kwargs", {}), f"{name}.kwargs")}


def _outputs(value: Any, name: str) -> Any:
    return (mapped(text, _module) if isinstance(value, dict) else listed(_module))(value, name)


check_description = entries(
    {
        "class": one_of(*NETWORKS),
        "kwargs": entries(
            {
                "aev": entries(_EXPANSION, may_lack=_EXPANSION.keys() - {"nshifts_s"}),
                "nfeature": whole(1, 512),
                "d2features": flag,
                "ncomb_v": whole(1, 128),
                "hidden": listed(listed(_WIDE)),
                "aim_size": _WIDE,
                "outputs": _outputs,
                "num_charge_channels": one_of(1, 2),
            },
            may_lack=["num_charge_channels"],
        ),
    }
)
"""Takes a description and the name of its place; gives it back, made anew, or raises a SerializationError."""
