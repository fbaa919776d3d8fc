"""All that is used of aimnet's networks, imported in one place."""

from __future__ import annotations

import warp as wp

# aimnet starts Warp when it is imported, and Warp prints a banner then, unless the user has set another level
with wp.ScopedLogLevel(wp.LOG_WARNING if wp.config.log_level == wp.LOG_INFO else wp.config.log_level):
    from aimnet import nbops
    from aimnet.config import build_module
    from aimnet.models import AIMNet2
    from aimnet.models.artifact_validation import resolve_model_import_policy, validate_v2_artifact_with_policy
    from aimnet.models.base import assemble_v2_model
    from aimnet.models.utils import extract_species, named_children_rec
    from aimnet.modules import AEVSV, D3TS, DFTD3, LRCoulomb, SRCoulomb

__all__ = [
    "AEVSV",
    "D3TS",
    "DFTD3",
    "AIMNet2",
    "LRCoulomb",
    "SRCoulomb",
    "assemble_v2_model",
    "build_module",
    "extract_species",
    "named_children_rec",
    "nbops",
    "resolve_model_import_policy",
    "validate_v2_artifact_with_policy",
]
