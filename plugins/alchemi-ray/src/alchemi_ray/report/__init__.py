"""The report of a run: one page with its figures, pictures and failures."""

from __future__ import annotations

from alchemi_ray.report.writing import write_report

__all__ = ["write_report"]
