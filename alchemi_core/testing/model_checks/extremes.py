"""Systems of no atoms and of one, and float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase import Atoms

from alchemi_core.testing.comparing import SINGLE, SINGLE_OTHERS, compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.model_checks.batches import rows_of
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen


def check_no_atoms(specimen: Specimen) -> str:
    """Evaluate systems without atoms: alone, none at all, and between others."""
    full = specimen.atoms(specimen.structures[0])
    empty = Atoms(cell=full.cell, pbc=full.pbc)
    expected = specimen.run(specimen.batch(full))
    for label, systems in (("a system without atoms", [empty]), ("no system at all", [])):
        _check_zero(specimen, label, specimen.batch(*systems))
    between = specimen.batch(full, empty, full, empty)
    outputs = specimen.run(between)
    for index in (0, 2):
        what = f"{specimen.structures[0]}, beside a system without atoms"
        compare(rows_of(outputs, between, index), expected, what, within=1e-9, fix=_FIX)
    if "energy" in outputs and float(outputs["energy"][1]) != 0.0:
        raise failure(
            "a system without atoms", f"has energy {float(outputs['energy'][1])} eV", expected="0 eV", fix=_FIX
        )
    return "alone, none, between others"


_FIX = "make results with new_zeros(view.num_systems) and index_add, which need no case for systems without atoms"


def _check_zero(specimen: Specimen, label: str, batch: Batch) -> None:
    for name, value in specimen.run(batch).items():
        if name == "energy" and bool(value.detach().any()):
            raise failure(label, f"has energy {value.flatten().tolist()} eV", expected="0 eV", fix=_FIX)


def check_one_atom(specimen: Specimen) -> str:
    """Evaluate an atom alone: finite, without a force."""
    structure = specimen.atoms(specimen.structures[0])
    for number in sorted(set(structure.numbers.tolist())):
        atom = Atoms([number], positions=[(0.3, 0.1, -0.2)])
        outputs = specimen.run(specimen.batch(atom))
        for name, value in outputs.items():
            if not bool(value.isfinite().all()):
                raise failure(
                    f"an atom of {atom.symbols}", f"{name} is {value.flatten().tolist()}", expected="finite values"
                )
        if "forces" in outputs and float(outputs["forces"].abs().max()) > 1e-9:
            found = f"feels a force of {float(outputs['forces'].abs().max()):.3g} eV/Å"
            raise failure(f"an atom of {atom.symbols}, alone", found, expected="none: there is nothing else")
    return "finite, no force"


def check_float32(specimen: Specimen) -> str:
    """Evaluate a model as users get it in float32, and compare with float64."""
    pipe = specimen.wrap(specimen.make())
    pipe.to(specimen.device)
    deviations = []
    for structure in specimen.structures:
        expected = specimen.run(specimen.of(structure))
        batch = specimen.of(structure, torch.float32)
        found = dict(pipe(batch, requested=frozenset(expected)))
        fix = "differences of large numbers belong into float64; constants must not overflow in float32"
        off = compare(found, expected, f"{structure}, float32 against float64", within=_single(specimen), fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


def _single(specimen: Specimen) -> dict[str, float]:
    return {name: specimen.within(SINGLE.get(name, SINGLE_OTHERS)) for name in specimen.names}


CHECKS = (
    Promise(
        "no-atoms",
        "systems without atoms have no energy and disturb no others",
        check_no_atoms,
        lambda specimen: not specimen.config.needs_pbc,
    ),
    Promise(
        "one-atom",
        "an atom alone has a finite energy and no force",
        check_one_atom,
        lambda specimen: not specimen.config.needs_pbc,
    ),
    Promise("float32", "float32 gives the numbers of float64, as far as its digits go", check_float32),
)
