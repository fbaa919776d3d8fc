"""Fields of rows that hold JSON: written so that equal values are equal texts, and read without guessing."""

from __future__ import annotations

import json
import math
from typing import Any

from ase.io.jsonio import encode, object_hook


def field_of(value: Any) -> str:
    """Return a value as JSON, arrays as ASE writes them; the order of keys does not count, within values neither."""
    return json.dumps(json.loads(encode(value)), sort_keys=True)


def content_of_field(field: object) -> Any:
    """Return what a field holds; None where it is empty, for which Arrow has None and pandas NaN.

    Raises
    ------
    ValueError, TypeError
        If it is no JSON.
    """
    if field is None or field == "" or (isinstance(field, float) and math.isnan(field)):
        return None
    if not isinstance(field, str):
        raise TypeError(f"{field!r} where there should be JSON")
    # Not ASE's decode, which makes numbers of keys and arrays of lists.
    return json.loads(field, object_hook=object_hook)
