"""Results as far as they can be stored: a structure that no file takes is a failure, and costs no other its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import ModelOutputError
from alchemi_ray.tables import content_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_ray.dataset.reader import Entry
    from alchemi_ray.tasks.answer import Answer
    from alchemi_ray.tasks.settings import Settings


@attrs.frozen(eq=False)
class Storable:
    """What of a shard can be stored.

    Parameters
    ----------
    content : bytes
        Results, as a worker hands them over.
    found : sequence
        Structures that these are of.
    refused : sequence
        Structures whose results cannot be stored, with the reason.
    """

    content: bytes
    found: Sequence[tuple[Entry, Answer]]
    refused: Sequence[tuple[Entry, BaseException]] = ()

    @classmethod
    def of(cls, found: Sequence[tuple[Entry, Answer]], settings: Settings, run: str) -> Storable:
        """Try the whole shard, and one structure after the other only where that fails."""
        try:
            return cls(content_of(found, settings, run), found)
        except Exception:  # noqa: BLE001 - which structure it is of is found out below
            reasons = [_reason(one, settings, run) for one in found]
        kept = [one for one, reason in zip(found, reasons, strict=True) if reason is None]
        refused = [(one[0], reason) for one, reason in zip(found, reasons, strict=True) if reason is not None]
        return cls(content_of(kept, settings, run), kept, refused)


def _reason(one: tuple[Entry, Answer], settings: Settings, run: str) -> ModelOutputError | None:
    """Return why the results of one structure cannot be stored; None where they can."""
    try:
        content_of([one], settings, run)
    except Exception as error:  # noqa: BLE001 - the reason of this structure, whatever Arrow or ASE makes of it
        told = f"its results cannot be stored: {type(error).__name__}: {' '.join(str(error).split())}"
        fix = "--form parquet" if settings.form == "extxyz" else ""
        return ModelOutputError(told, expected=f"what a file of {settings.form} holds", who="map", fix=fix)
    return None
