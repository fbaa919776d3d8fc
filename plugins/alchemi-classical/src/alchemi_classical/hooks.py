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


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the pair potentials and the restraints."""
    return [
        _offer("morse", "Morse pair potential, parameters by pair of elements", "morse:Morse", MORSE),
        _offer("zbl", "screened repulsion of nuclei at short distances, any elements", "zbl:ZBL", ZBL_BOOK),
        _offer("buckingham", "exp-6 pair potential, guarded against collapse", "buckingham:Buckingham", BUCKINGHAM),
        _offer("born-mayer", "exponential repulsion with r^-6 and r^-8 terms", "born_mayer:BornMayer", BORN_MAYER),
        _restraint("positions", "springs from atoms to points in space", "RestrainPositions"),
        _restraint("distances", "springs on distances between atoms", "RestrainDistances"),
        _restraint("angles", "springs on angles between three atoms", "RestrainAngles"),
    ]


def _offer(name: str, summary: str, target: str, citations: tuple[str, ...] = ()) -> ModelOffer:
    target = f"alchemi_classical.{target}"
    return ModelOffer(name=name, summary=summary, target=target, licence="Apache-2.0", citations=citations)


def _restraint(kind: str, summary: str, name: str) -> ModelOffer:
    return _offer(f"restrain-{kind}", summary, f"restraints.{kind}:{name}")
