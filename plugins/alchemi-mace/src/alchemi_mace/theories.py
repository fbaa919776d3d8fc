"""What models were fitted to, and which physics is in it."""

from __future__ import annotations

import attrs


@attrs.frozen
class Theory:
    """A level of theory.

    Parameters
    ----------
    level : str
        Name of the functional or method, empty where it is not known.
    dispersion : str
        How dispersion is in it, empty where it is not.
    """

    level: str = ""
    dispersion: str = ""


UNKNOWN = Theory()
PBE_U = Theory("PBE / PBE+U")
PBE = Theory("PBE")
R2SCAN = Theory("r2SCAN")
B3LYP_D3 = Theory("B3LYP-D3", "D3")
WB97M_D3 = Theory("wB97M-D3(BJ)", "D3(BJ)")
WB97M_V = Theory("wB97M-V", "VV10")
COUPLED_CLUSTER = Theory("CCSD(T)*/CBS", "of coupled clusters")
