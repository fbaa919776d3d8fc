"""Options that nobody wrote: what files from anybody may hold in place of what a serializer gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.models import ModelOrigin

BAIT = "alchemi_conformance_bait"
"""A module, and the stem of a file, that nobody has a reason to touch."""

FILE = f"{BAIT}.pt"

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**12,
    1e308,
    math.nan,
    math.inf,
    "",
    BAIT,
    FILE,
    f"{BAIT}:bait",
    [],
    {},
    [[10**9, 10**9]],
    {BAIT: BAIT},
)
"""In place of each option."""

INNER: tuple[Any, ...] = (None, 10**12, math.nan, BAIT)
"""In place of each value inside an option that is a mapping or a sequence."""

MOST = 80
"""So many changes of one model are tried."""


def hostile_options(origin: ModelOrigin) -> Iterator[tuple[str, ModelOrigin]]:
    """Yield origins with something wrong, each with what is wrong about it."""
    for what, options in islice(_changed(dict(origin.options)), MOST):
        yield what, attrs.evolve(origin, options=options)


def _changed(options: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield f"an option {BAIT!r} more", {**options, BAIT: 1}
    yield "no options", {}
    for name in options:
        yield f"no {name}", {key: value for key, value in options.items() if key != name}
    for name in options:
        for value in VALUES:
            yield f"{name}={value!r}", {**options, name: value}
    for name, whole in options.items():
        for where, changed in _inside(whole):
            yield f"{name}{where}", {**options, name: changed}


def _inside(whole: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(whole, Mapping):
        for key in whole:
            for value in INNER:
                yield f"[{key!r}]={value!r}", {**whole, key: value}
    elif isinstance(whole, list | tuple):
        for value in INNER:
            if whole:
                yield f"[0]={value!r}", type(whole)([value, *whole[1:]])
