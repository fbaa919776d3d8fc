"""D3 reference data for the kernels, which ship none: taken from tad-dftd3 when a model is made."""

from __future__ import annotations

import attrs
import torch
from tad_dftd3.data import R4R2
from tad_dftd3.param import get_functional_params
from tad_dftd3.reference import Reference
from tad_mctc.data import COV_D3
from torch import Tensor

from alchemi_core.errors import OptionError
from alchemi_dftd3.damping import FORMS, WHO, Damping

MESH = 5
"""References per element that the kernels read; some actinides have up to seven."""


@attrs.frozen(eq=False)
class Tables:
    """Reference data by atomic number, atomic units; row 0 is padding.

    Parameters
    ----------
    rcov : Tensor [Z]
        Covalent radii times 4/3 (Grimme, Antony, Ehrlich and Krieg 2010).
    r4r2 : Tensor [Z]
        √(½ √Z <r⁴>/<r²>).
    c6 : Tensor [Z, Z, 5, 5]
        Reference C6 coefficients, zero where there is no reference.
    cn : Tensor [Z, Z, 5, 5]
        Coordination number of the first element's reference.
    elements : frozenset of int
        Elements with references that all fit.
    """

    rcov: Tensor
    r4r2: Tensor
    c6: Tensor
    cn: Tensor
    elements: frozenset[int]


def load_tables() -> Tables:
    """Read the tables."""
    reference = Reference(dtype=torch.float64)
    count = reference.cn.shape[0]
    counts = (reference.cn >= 0).sum(dim=1)
    cn = reference.cn[:, None, :MESH, None].expand(count, count, MESH, MESH)
    return Tables(
        rcov=COV_D3(dtype=torch.float64)[:count].float(),
        r4r2=R4R2(dtype=torch.float64)[:count].float(),
        c6=reference.c6[:, :, :MESH, :MESH].float().contiguous(),
        cn=cn.float().contiguous(),
        elements=frozenset(((counts > 0) & (counts <= MESH)).nonzero().flatten().tolist()),
    )


def load_parameters(damping: Damping) -> dict[str, float]:
    """Return s6, s8, a1 and a2 of a rational damping.

    Raises
    ------
    OptionError
        If tad-dftd3 lacks the functional, which may be newer than its table.
    """
    if not damping.functional:
        return {"s6": 1.0, **damping.parameters}
    try:
        found = get_functional_params(damping.functional, FORMS[damping.form].table, dtype=torch.float64)
    except (KeyError, ValueError) as error:
        raise OptionError(
            f"tad-dftd3 has no {damping.form} parameters for {damping.functional!r}",
            expected="a functional it knows, for the Warp backend",
            who=WHO,
            fix="backend='s-dftd3', or parameters={...}",
        ) from error
    return {name: float(value) for name, value in found.items()}
