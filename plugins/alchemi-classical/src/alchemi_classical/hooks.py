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

# Points are lengths or fractions of the cell: they have to be plain numbers.
POSITION_UNITS = {"k": "eV/Å²", "flat": "Å"}
DISTANCE_UNITS = {"restraints.r0": "Å", "restraints.k": "eV/Å²", "restraints.flat": "Å"}
ANGLE_UNITS = {"restraints.theta0": "deg", "restraints.k": "eV/rad²", "restraints.flat": "deg"}


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the pair potentials and the restraints."""
    return [
        ModelOffer(
            name="morse",
            summary="Morse pair potential, parameters by pair of elements",
            target="alchemi_classical.morse:Morse",
            licence="Apache-2.0",
            citations=MORSE,
            units=MORSE_UNITS,
        ),
        ModelOffer(
            name="zbl",
            summary="screened repulsion of nuclei at short distances, any elements",
            target="alchemi_classical.zbl:ZBL",
            licence="Apache-2.0",
            citations=ZBL_BOOK,
            units={"outer": "Å", "inner": "Å"},
        ),
        ModelOffer(
            name="buckingham",
            summary="exp-6 pair potential, guarded against collapse",
            target="alchemi_classical.buckingham:Buckingham",
            licence="Apache-2.0",
            citations=BUCKINGHAM,
            units=BUCKINGHAM_UNITS,
        ),
        ModelOffer(
            name="born-mayer",
            summary="exponential repulsion with r^-6 and r^-8 terms",
            target="alchemi_classical.born_mayer:BornMayer",
            licence="Apache-2.0",
            citations=BORN_MAYER,
            units=BORN_MAYER_UNITS,
        ),
        _restraint("positions", "springs from atoms to points in space", "RestrainPositions", POSITION_UNITS),
        _restraint("distances", "springs on distances between atoms", "RestrainDistances", DISTANCE_UNITS),
        _restraint("angles", "springs on angles between three atoms", "RestrainAngles", ANGLE_UNITS),
    ]


def _restraint(kind: str, summary: str, name: str, units: dict[str, str]) -> ModelOffer:
    return ModelOffer(
        name=f"restrain-{kind}",
        summary=summary,
        target=f"alchemi_classical.restraints.{kind}:{name}",
        licence="Apache-2.0",
        units=units,
    )
