"""Software: versions of all that a run computes with."""

from __future__ import annotations

from typing import Any

from alchemi_core.cli import provenance
from alchemi_core.versions import builds_on, installed

SELF = "alchemi-ray"


def versions() -> dict[str, Any]:
    """Return what the other commands record, and this distribution, which offers nothing that they would list."""
    found = provenance.versions()
    mine = {SELF: {"version": installed(SELF), "builds_on": builds_on(SELF)}}
    return {**found, "plugins": {**found["plugins"], **mine}}
