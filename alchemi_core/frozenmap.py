"""A small immutable mapping: hashable, comparable, picklable, in the order it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenMap(Mapping[K, V]):
    """Immutable mapping.

    Parameters
    ----------
    items : Mapping
        Copied; later changes to it do not show.

    Examples
    --------
    >>> wire = FrozenMap({"partial_charges": "charges"})
    >>> wire["partial_charges"]
    'charges'
    >>> hash(wire) == hash(FrozenMap(wire))
    True
    """

    __slots__ = ("_items",)

    _items: dict[K, V]

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        object.__setattr__(self, "_items", dict(items or {}))

    def __getitem__(self, key: K) -> V:
        value: V = self._items[key]
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key, or the default; here rather than inherited, since hot paths ask often."""
        return self._items.get(key, default)

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"FrozenMap is immutable; cannot set {name!r}")

    def __reduce__(self) -> tuple[object, ...]:
        return FrozenMap, (dict(self._items),)

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"


def freeze(items: Mapping[str, Any] | None) -> FrozenMap[str, Any]:
    """Return a mapping with text keys as a `FrozenMap`: the converter of value classes."""
    return items if isinstance(items, FrozenMap) else FrozenMap(items)
