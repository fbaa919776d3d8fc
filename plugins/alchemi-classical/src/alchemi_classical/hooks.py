"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

MORSE = ("10.1103/PhysRev.34.57",)
"""Morse, Phys. Rev. 34, 57 (1929)."""

BUCKINGHAM = ("10.1098/rspa.1938.0173",)
"""Buckingham, Proc. R. Soc. A 168, 264 (1938)."""

BORN_MAYER = ("10.1007/BF01340511",)
"""Born and Mayer, Z. Phys. 75, 1 (1932)."""

ZBL_BOOK = ("Ziegler, Biersack and Littmark, The Stopping and Range of Ions in Solids (Pergamon, 1985)",)
"""The universal screening function."""

COVALENT_RADII = ("10.1039/b801115j",)
"""Cordero et al., Dalton Trans., 2832 (2008)."""

SWITCH = ("10.1021/ct0502256",)
"""Van der Spoel and van Maaren, J. Chem. Theory Comput. 2, 1 (2006)."""


RANGE = {"cutoff": "Å", "switch_on": "Å", "pairs.cutoff": "Å", "pairs.switch_on": "Å"}
"""Units that the potentials with a table of pairs share."""

MORSE_UNITS = RANGE | {"pairs.D": "eV", "pairs.a": "1/Å", "pairs.r0": "Å"}
BUCKINGHAM_UNITS = RANGE | {"pairs.A": "eV", "pairs.rho": "Å", "pairs.C": "eV·Å⁶"}
BORN_MAYER_UNITS = BUCKINGHAM_UNITS | {"pairs.sigma": "Å", "pairs.D": "eV·Å⁸"}
ZBL_UNITS = {"outer": "Å", "inner": "Å"}

# Points are lengths or fractions of the cell: they have to be plain numbers.
POSITION_UNITS = {"k": "eV/Å²", "flat": "Å"}
DISTANCE_UNITS = {"restraints.r0": "Å", "restraints.k": "eV/Å²", "restraints.flat": "Å"}
ANGLE_UNITS = {"restraints.theta0": "deg", "restraints.k": "eV/rad²", "restraints.flat": "deg"}


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the pair potentials and the restraints."""
    return [
        _offer("morse", "Morse pair potential, parameters by pair of elements", "morse:Morse", MORSE, MORSE_UNITS),
        _offer("zbl", "screened repulsion of nuclei at short distances, any elements", "zbl:ZBL", ZBL_BOOK, ZBL_UNITS),
        _offer(
            "buckingham",
            "exp-6 pair potential, guarded against collapse",
            "buckingham:Buckingham",
            BUCKINGHAM,
            BUCKINGHAM_UNITS,
        ),
        _offer(
            "born-mayer",
            "exponential repulsion with r^-6 and r^-8 terms",
            "born_mayer:BornMayer",
            BORN_MAYER,
            BORN_MAYER_UNITS,
        ),
        _restraint("positions", "springs from atoms to points in space", "RestrainPositions", POSITION_UNITS),
        _restraint("distances", "springs on distances between atoms", "RestrainDistances", DISTANCE_UNITS),
        _restraint("angles", "springs on angles between three atoms", "RestrainAngles", ANGLE_UNITS),
    ]


def _offer(name: str, summary: str, target: str, citations: tuple[str, ...], units: dict[str, str]) -> ModelOffer:
    return ModelOffer(
        name=name,
        summary=summary,
        target=f"alchemi_classical.{target}",
        licence="Apache-2.0",
        citations=citations,
        units=units,
    )


def _restraint(kind: str, summary: str, name: str, units: dict[str, str]) -> ModelOffer:
    return _offer(f"restrain-{kind}", summary, f"restraints.{kind}:{name}", (), units)
