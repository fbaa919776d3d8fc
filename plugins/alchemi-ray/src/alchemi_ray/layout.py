"""Layout: what lies where in the folder of a run, and what is in it.

Everything that a run knows is in its folder; there is no state elsewhere::

    DIR/
      run.json               what was asked, of what, with what, and how far it is
      pipeline.alchemi       the pipeline, as ``pipe.save`` writes it
      shards.json            how the dataset was cut
      ledger.jsonl           one line for each shard that is done
      results/000000.parquet the structures of shard 0 with their results (or .extxyz)
      failures/000000.parquet those of shard 0 that have none, with the reason; not there where all went well
      failures.csv           all failures in one table, written when a run ends or is stopped
      report.html            written when a run ends

**A shard is done when the ledger has its line.** The line is written, and brought to the disk, after the files of the
shard are in their places. A reader of a folder whose run was killed takes the shards of the ledger and no other file;
a run that goes on removes what has no line. A last line that is not whole (no newline at its end) does not count.

**Numbers.** The dataset is all its files, in the order of ``run.json``. ``number`` counts structures through the whole
dataset, from 0; ``index`` counts them in their file, from 0; records that cannot be read count too. A structure is
identified by ``source`` and ``index``, and its content by ``digest``. Every number of the dataset is once in the
results or once in the failures, never in both.

``digest`` is 32 hexadecimal digits, SHA-256 over atomic numbers, positions, cell, pbc, constraints, and what else of
``info`` and ``arrays`` the row keeps, see `alchemi_ray.digests.digest_of`; the same in every format that keeps floats
exactly. Of a record that cannot be read it is that of its bytes where there are any, else null.

run.json
--------

========================= =============================================================================================
``command``               words of the command line
``status``                ``"running"``, ``"interrupted"``, ``"failed"`` (with ``error``) or ``"done"``
``started``, ``finished`` UTC, ISO 8601; ``finished`` once a part came to an end, whatever its status
``run``                   SHA-256 of what decides the results: dataset, pipeline, options, size of shards
``task``                  ``"singlepoint"``, ``"relax"`` or ``"phonons"``
``outputs``               names of what was asked of the pipeline
``options``               of the task, such as ``{"fmax": 0.005, ...}`` of ``relax``
``contributions``         whether ``--contributions`` was given
``form``                  of the results: ``"parquet"`` or ``"extxyz"``
``device``, ``dtype``     where and in which precision
``model``                 ``expression`` or ``file`` and ``sha256``; ``plan`` (list of lines); ``citations``;
                          ``labels``, the names of the steps, as in ``energy_terms``; ``written``, what ``--model``
                          said, with an absolute path; ``accept``
``pipeline``              ``sha256`` of ``pipeline.alchemi``
``inputs``                for each file: ``source`` (as in the rows), ``path`` (absolute), ``kind`` (``"extxyz"``,
                          ``"database"``, ``"parquet"``), ``bytes``, ``sha256``, ``structures``
``structures``            of the whole dataset
``shard_size``            structures of a shard; the last one may have fewer
``shards``                how many
``versions``              as of the other commands: Python, core, plugins
``parts``                 one for the start and for each time it went on: ``started``, ``ended`` (null where it was
                          killed), ``engine`` (``"local"`` or ``"ray"``), ``workers``, ``asked`` (``workers``,
                          ``address`` and ``gpus`` as given, null where not), ``structures`` and ``seconds`` of this
                          part, ``versions``
``totals``                sums over the ledger, brought up to date when a part begins and ends: ``done``, ``failed``,
                          ``not_converged`` (of ``relax``), ``atoms``, ``seconds`` (sum over shards, worker time),
                          ``errors`` (class of error → how many)
========================= =============================================================================================

ledger.jsonl
------------

One JSON object a line, in the order in which shards were finished:

=========================== ===========================================================================================
``shard``                   its number, from 0
``first``                   number of its first structure
``structures``              how many it has: ``done`` + ``failed``
``done``, ``failed``        rows of its results, and of its failures
``not_converged``           of ``relax``: rows of the results that did not converge; else 0
``atoms``                   in structures that are done
``seconds``                 wall-clock time of the worker for this shard, reading included
``started``, ``finished``   UTC, ISO 8601 with milliseconds
``worker``                  name of the worker, such as ``"local-0"`` or ``"ray-1"``
``host``                    name of its machine
``attempts``                1; more where workers died
``errors``                  class of error → how many
``results``, ``failures``   ``{"file", "bytes", "sha256"}``, ``file`` relative to the folder; null where there is none
=========================== ===========================================================================================

Results
-------

Columns of the Parquet files. Lengths in Å, energies in eV, forces in eV/Å, stress in eV/Å³:

=================== ==================== ==============================================================================
``number``          int64                place in the dataset
``source``          string               file, as it was named
``index``           int64                place in the file
``digest``          string               of the structure that was read
``numbers``         list<int32>          atomic numbers
``positions``       list<list<double>>   n × 3; of ``relax`` those of the end
``cell``            list<list<double>>   3 × 3, rows are lattice vectors
``pbc``             list<bool>           3
``info``            string or null       JSON (of `ase.io.jsonio`) of ``atoms.info`` where there is any
``arrays``          string or null       the same of further arrays by atom, such as ``initial_charges`` or ``tags``
``constraints``     string or null       JSON list of constraints as ASE's ``todict`` gives them, such as ``FixAtoms``
``energy``          double
``forces``          list<list<double>>   n × 3
``stress``          list<double> or null 6, order xx yy zz yz xz xy; null where there is no volume, or models give none
``energy_terms``    map<string, double>  weighted energy of each step by its label
=================== ==================== ==============================================================================

Further columns, by task and request:

======================================================= ===============================================================
``relax``                                               ``converged`` bool, ``steps`` int32, ``largest_force`` double
                                                        (generalised forces on the cell included),
                                                        ``energy_before`` double
``phonons``                                             ``frequencies_at_gamma_THz`` list<double>,
                                                        ``lowest_frequency_THz`` double, ``imaginary_modes`` bool,
                                                        ``supercell_atoms`` int32, ``primitive_atoms`` int32, and, per
                                                        mole of primitive cells, ``zero_point_energy_kJ_per_mol``,
                                                        ``free_energy_300K_kJ_per_mol``,
                                                        ``entropy_300K_J_per_K_mol``,
                                                        ``heat_capacity_300K_J_per_K_mol`` double
``singlepoint`` with ``--contributions``                ``forces_terms`` map<string, list<list<double>>>,
                                                        ``stress_terms`` map<string, list<double>>
``singlepoint`` with ``--outputs`` and committees       a column of the output's name: double where it is one number a
                                                        structure, list<double> or list<list<double>> of others
======================================================= ===============================================================

The first ten columns are a dataset: these files can be mapped again, and files with ``numbers`` and ``positions`` of
any origin are read; ``cell``, ``pbc``, ``info`` and ``arrays`` are optional there. The metadata of each file has the
key ``alchemi``: JSON with ``shard``, and ``run``, ``task``, ``outputs``, ``options``, ``model``, ``pipeline``,
``device``, ``dtype`` and ``versions`` as in ``run.json``.

In extended XYZ energy, forces, stress, charges, magnetic moments and dipole are where ASE has them, and all else is
in ``atoms.info["alchemi"]``: a dictionary of ``run``, ``number``, ``source``, ``index``, ``digest``, ``energy_terms``
and the further columns by their names.

Failures
--------

=================== ======== ======================================================
``number``          int64
``source``          string
``index``           int64
``digest``          string   or null
``formula``         string   or null where the record cannot be read, or no worker survived it
``atoms``           int64    or null
``error``           string   class, such as ``"GeometryError"``, ``"InputFileError"``,
                             ``"WorkerDied"``
``message``         string
=================== ======== ======================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pathlib import Path

ENDINGS = {"parquet": ".parquet", "extxyz": ".extxyz"}
"""Of the files of results, by form."""


@attrs.frozen
class Layout:
    """Places in the folder of a run.

    Parameters
    ----------
    folder : Path
        Of the run.
    form : {"parquet", "extxyz"}
        Of its results.
    """

    folder: Path
    form: str = "parquet"

    @property
    def record(self) -> Path:
        """What was asked, and how far it is."""
        return self.folder / "run.json"

    @property
    def pipeline(self) -> Path:
        """The pipeline."""
        return self.folder / "pipeline.alchemi"

    @property
    def shards(self) -> Path:
        """How the dataset was cut."""
        return self.folder / "shards.json"

    @property
    def ledger(self) -> Path:
        """What is done."""
        return self.folder / "ledger.jsonl"

    @property
    def all_failures(self) -> Path:
        """Failures of all shards as CSV."""
        return self.folder / "failures.csv"

    @property
    def report(self) -> Path:
        """Figures and pictures."""
        return self.folder / "report.html"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is not of one shard."""
        return (self.record, self.pipeline, self.shards, self.ledger, self.all_failures, self.report)

    @property
    def results_folder(self) -> Path:
        """Where files of results are."""
        return self.folder / "results"

    @property
    def failures_folder(self) -> Path:
        """Where files of failures are."""
        return self.folder / "failures"

    def results(self, shard: int) -> Path:
        """Results of one shard."""
        return self.results_folder / f"{shard:06d}{ENDINGS[self.form]}"

    def failures(self, shard: int) -> Path:
        """Failures of one shard."""
        return self.failures_folder / f"{shard:06d}.parquet"
