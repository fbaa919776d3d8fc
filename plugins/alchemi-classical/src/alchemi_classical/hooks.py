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


COPPER = {"Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866}}
"""Girifalco and Weizer, Phys. Rev. 114, 687 (1959)."""

MAGNESIA = {"Mg-O": {"A": 821.6, "rho": 0.3242}, "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}
"""Lewis and Catlow, J. Phys. C 18, 1149 (1985)."""

SALT = {
    "Na-Na": {"A": 0.2637, "rho": 0.317, "sigma": 2.340, "C": 1.0486, "D": -0.4993},
    "Na-Cl": {"A": 0.2110, "rho": 0.317, "sigma": 2.755, "C": 6.9906, "D": -8.6758},
    "Cl-Cl": {"A": 0.1582, "rho": 0.317, "sigma": 3.170, "C": 72.4022, "D": -145.4285},
}
"""Tosi and Fumi, J. Phys. Chem. Solids 25, 45 (1964)."""

EXAMPLES: dict[str, dict[str, object]] = {
    "morse": {"pairs": COPPER, "cutoff": 9.0, "switch_on": 7.0},
    # As compared with LAMMPS: long enough that every structure has pairs inside.
    "zbl": {"inner": 2.0, "outer": 3.5},
    "buckingham": {"pairs": MAGNESIA, "non_interacting": "Mg-Mg", "cutoff": 12.0, "switch_on": 10.0},
    "born-mayer": {"pairs": SALT, "cutoff": 12.0, "switch_on": 10.0},
    "restrain-positions": {"k": 5.0, "atoms": (0,), "reference": ((0.1, 0.2, 0.3),)},
    "restrain-distances": {"restraints": ({"atoms": (0, 1), "r0": 2.4, "k": 5.0},)},
    "restrain-angles": {"restraints": ({"atoms": (0, 1, 2), "theta0": 104.5, "k": 5.0},)},
}
"""Options that the conformance kit makes each model with."""

NUMBERED = "a restraint acts on the atoms of given numbers"
ONCE = "a restraint acts on the atoms of given numbers, in a supercell as often as in the cell"
ABSENT = "a restraint needs the atoms that it names: a system without them is an error"
PLACED = "the atom is held at a point that does not move with the structure"

BY_NUMBER = {"permutation": NUMBERED, "supercell": ONCE, "large": ONCE, "no-atoms": ABSENT}
SMALL = ("copper", "rock-salt", "left-handed", "outside-the-cell", "slab")
"""Structures of the kit with fewer than three atoms; the first has one."""

EXEMPT: dict[str, dict[str, str]] = {
    "restrain-positions": BY_NUMBER | dict.fromkeys(("translation", "rotation", "reflection", "one-atom"), PLACED),
    "restrain-distances": BY_NUMBER | dict.fromkeys((f"takes-{SMALL[0]}", "one-atom"), ABSENT),
    "restrain-angles": BY_NUMBER | dict.fromkeys((*(f"takes-{one}" for one in SMALL), "one-atom"), ABSENT),
}
"""Checks of the kit that a model does not pass with its example, and why."""


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
        example=EXAMPLES[name],
        exempt=EXEMPT.get(name, {}),
    )


def _restraint(kind: str, summary: str, name: str, units: dict[str, str]) -> ModelOffer:
    return _offer(f"restrain-{kind}", summary, f"restraints.{kind}:{name}", (), units)
