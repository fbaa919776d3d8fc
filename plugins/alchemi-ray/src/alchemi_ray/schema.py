"""Columns of results and failures, and their types: the same for every shard of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from alchemi_ray.tasks.settings import Settings

NUMBERS = pa.list_(pa.float64())
ROWS = pa.list_(NUMBERS)

IDENTITY = [("number", pa.int64()), ("source", pa.string()), ("index", pa.int64()), ("digest", pa.string())]
STRUCTURE = [
    ("numbers", pa.list_(pa.int32())),
    ("positions", ROWS),
    ("cell", ROWS),
    ("pbc", pa.list_(pa.bool_())),
    ("info", pa.string()),
    ("arrays", pa.string()),
    ("constraints", pa.string()),
]
RESULTS = [
    ("energy", pa.float64()),
    ("forces", ROWS),
    ("stress", NUMBERS),
    ("energy_terms", pa.map_(pa.string(), pa.float64())),
]
PARTS = [("forces_terms", pa.map_(pa.string(), ROWS)), ("stress_terms", pa.map_(pa.string(), NUMBERS))]
OF_TASK = {
    "singlepoint": [],
    "relax": [
        ("converged", pa.bool_()),
        ("steps", pa.int32()),
        ("largest_force", pa.float64()),
        ("energy_before", pa.float64()),
    ],
    "phonons": [
        ("frequencies_at_gamma_THz", NUMBERS),
        ("lowest_frequency_THz", pa.float64()),
        ("imaginary_modes", pa.bool_()),
        ("supercell_atoms", pa.int32()),
        ("primitive_atoms", pa.int32()),
        ("zero_point_energy_kJ_per_mol", pa.float64()),
        ("free_energy_300K_kJ_per_mol", pa.float64()),
        ("entropy_300K_J_per_K_mol", pa.float64()),
        ("heat_capacity_300K_J_per_K_mol", pa.float64()),
    ],
}

FAILURES = pa.schema(
    [
        *IDENTITY,
        ("formula", pa.string()),
        ("atoms", pa.int64()),
        ("error", pa.string()),
        ("message", pa.string()),
    ]
)


def schema_of(settings: Settings) -> pa.Schema:
    """Return the columns of the results of a run."""
    parts = PARTS if settings.contributions else []
    known = {name for name, _ in RESULTS}
    further = [(name, type_of(name)) for name in settings.outputs if name not in known]
    return pa.schema([*IDENTITY, *STRUCTURE, *RESULTS, *parts, *OF_TASK[settings.task], *further])


def type_of(output: str) -> pa.DataType:
    """Return how the values of one structure of a quantity are kept."""
    quantity = QUANTITIES[output]
    axes = len(quantity.shape) + (1 if quantity.per_atom else 0)
    if not quantity.per_atom and quantity.shape == (1,):
        return pa.float64()
    kind = pa.float64()
    for _ in range(axes):
        kind = pa.list_(kind)
    return kind
