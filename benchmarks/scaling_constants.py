"""Measured constants, and the run that they make for a dataset, a cluster and a model."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from scaling_model import Run

FIGURES = Path(__file__).parent / "scaling.json"
KINDS = 2
"""Batches of a shard on a device that could take it in one: crystals and molecules apart. Those of the first shards of
a worker are smaller, until it has found how much fits."""

SYNCS = 3
"""How often the driver waits for the disk for a shard: for the file of results, for its name, and for the ledger."""


@attrs.frozen
class Constants:
    """What scaling.py measured.

    Parameters
    ----------
    figures : dict
        As in scaling.json.
    """

    figures: dict[str, Any]

    @classmethod
    def read(cls, path: Path = FIGURES) -> Constants:
        """Read the figures of the repository, or others."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    @property
    def sizes(self) -> np.ndarray:
        """Atoms of structures of the measured set, [structures]."""
        counts = self.figures["batches"]["structures by atoms"]
        return np.repeat([float(atoms) for atoms in counts], list(counts.values()))

    @property
    def atoms(self) -> float:
        """Atoms of a structure in the mean."""
        return float(self.sizes.mean())

    def term(self, *names: str) -> tuple[float, float]:
        """Return what a structure and an atom add, in seconds or bytes."""
        found = self.figures
        for name in names:
            found = found[name]
        return found["seconds"]["structure"], found["seconds"]["atom"]

    def host(self, form: str = "extxyz") -> tuple[float, float]:
        """Return seconds of a worker's core for a structure and for an atom: to read, batch, take apart, and pack."""
        parts = [
            self.term("files", "formats", form, "read"),
            self.term("batches", "fits", "around"),
            self.term("files", "packing", "pack"),
        ]
        sending = self.figures["driver"]["sending"] / 1000
        return sending + sum(one[0] for one in parts), sum(one[1] for one in parts)

    def per_structure(self, *names: str) -> float:
        """Return what a structure of mean size takes."""
        structure, atom = self.term(*names)
        return structure + atom * self.atoms

    def seconds_on(self, model: str) -> float:
        """Return seconds of a core that a model takes for a structure of the measured set, in the mean."""
        return float(self.figures["batches"]["seconds of a structure"][model])

    def relative_sizes(self, form: str = "extxyz") -> np.ndarray:
        """Return what each structure takes of a core and of a device, as shares of the mean, [structures, 2]."""
        structure, atom = self.host(form)
        host = structure + atom * self.sizes
        return np.stack([host / host.mean(), self.sizes / self.atoms], axis=1)

    def run(
        self,
        *,
        structures: int,
        shard: int = 1000,
        gpus: int = 64,
        per_gpu: int = 1,
        per_atom: float = 0.0,
        per_batch: float = 0.0,
        form: str = "extxyz",
        storage: float = inf,
        lifetime: float = inf,
    ) -> Run:
        """Return the run of a dataset like the measured one on devices that take so long for an atom and a batch."""
        count = KINDS
        storing = self.figures["driver"]["storing"]["processor"]["seconds"]
        structure, atom = self.host(form)
        transport = self.figures["start"]["transport"]["1000"]
        begin = sum(self.figures["start"]["processor"]["chgnet"][name] for name in ("import", "load"))
        once = self.per_structure("files", "formats", form, "survey") + self.figures["report"]["structure"]
        return Run(
            structures=structures,
            shard=shard,
            gpus=gpus,
            per_gpu=per_gpu,
            host=structure + atom * self.atoms,
            device=per_atom * self.atoms,
            job=count * self.figures["batches"]["fits"]["around"]["seconds"]["batch"],
            device_job=count * per_batch,
            send=max(0.0, transport["seconds"] - transport["driver"]),
            driver_shard=storing["shard"] + SYNCS * self.figures["driver"]["sync"],
            driver_structure=storing["structure"],
            bytes_in=self.per_structure("files", "formats", form, "bytes"),
            bytes_out=self.figures["driver"]["storing"]["bytes of a structure"],
            storage=storage,
            start=begin,
            serial=begin + structures * once,
            lifetime=lifetime,
            spread=float(self.sizes.std() / self.atoms / shard**0.5),
        )
