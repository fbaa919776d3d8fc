"""The foundation models that mace-torch knows by name: where it keeps them, and what they were fitted to.

Names, addresses and file names are those of ``mace.calculators.foundations_models`` and of ``mace_run_train``, which
tells the models of other families by ``..._off``, ``mace_omol`` and ``mace_anicc``. Levels of theory are those of the
table of foundation models in mace-torch's README and, for the heads of mh-0 and mh-1, of their paper
(https://arxiv.org/abs/2510.25380). Licences are those of the table at https://github.com/ACEsuit/mace-foundations, of
https://huggingface.co/mace-foundations/mace-mh-1 and, for other families, of what
their functions of mace-torch say.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from alchemi_mace import theories
from alchemi_mace.upstream import get_cache_dir

if TYPE_CHECKING:
    from alchemi_mace.theories import Theory

_RELEASES = "https://github.com/ACEsuit/mace-{}/releases/download/"
_MP, _FOUNDATIONS = _RELEASES.format("mp"), _RELEASES.format("foundations")
_MATPES = _FOUNDATIONS + "mace_matpes_0/MACE-matpes-{}-omat-ft.model"
_OFF = "https://raw.githubusercontent.com/ACEsuit/mace-off/main/mace_off23/"
_ANICC = "https://github.com/ACEsuit/mace/raw/main/mace/calculators/foundations_models/ani500k_large_CC.model"

HEADS = {
    "omat_pbe": theories.PBE_U,
    "mp_pbe_refit_add": theories.PBE_U,
    "oc20_usemppbe": theories.PBE,
    "matpes_r2scan": theories.R2SCAN,
    "rgd1_b3lyp": theories.B3LYP_D3,
    "spice_wB97M": theories.WB97M_D3,
    "omol": theories.WB97M_V,
}
"""Of the models mh-0 and mh-1."""

MIT = "MIT"
ACADEMIC = "ASL"
"""Academic Software License, https://github.com/gabor1/ASL: no commercial use."""

_FUNCTION = {
    "mp": "mace_mp('{size}')",
    "off": "mace_off('{size}')",
    "omol": "mace_omol()",
    "anicc": "mace_anicc('cpu')",
}


@attrs.frozen
class Foundation:
    """A foundation model.

    Parameters
    ----------
    url : str
        Where its file is published.
    family : str
        Which function of mace-torch fetches it: mp, off, omol or anicc.
    theory : Theory
        What it was fitted to.
    heads : dict of str to Theory
        The same by head, for a model of several.
    licence : str
        Of the file: `MIT` or `ACADEMIC`.
    size : str
        What that function calls it.
    """

    url: str
    family: str = "mp"
    theory: Theory = theories.UNKNOWN
    heads: dict[str, Theory] = attrs.field(factory=dict)
    licence: str = MIT
    size: str = ""

    @property
    def is_fetched(self) -> bool:
        """Whether the file is fetched without a question: under MIT only, and only into mace-torch's cache."""
        return self.licence == MIT and self.family == "mp"

    @property
    def path(self) -> Path:
        """Where mace-torch keeps the file; there need not be one yet."""
        name = self.url.rpartition("/")[2]
        if self.family == "anicc":
            return _package() / "calculators" / "foundations_models" / name
        if self.family == "mp":
            name = "".join(letter for letter in name if letter.isalnum() or letter == "_")
        return Path(get_cache_dir()) / name

    @property
    def command(self) -> str:
        """What fetches the file, for those that are not fetched here."""
        function = _FUNCTION[self.family].format(size=self.size)
        return f'python -c "from mace.calculators import *; {function}"'

    def theory_of(self, head: str) -> Theory:
        """Return what a head was fitted to."""
        return self.heads.get(head, self.theory)


def _package() -> Path:
    spec = find_spec("mace")
    places = (spec.submodule_search_locations if spec else None) or [""]
    return Path(places[0])


def _materials(address: str, theory: Theory) -> Foundation:
    return Foundation(address, theory=theory)


def _academic(name: str, address: str, theory: Theory, heads: dict[str, Theory] | None = None) -> Foundation:
    return Foundation(address, theory=theory, heads=heads or {}, licence=ACADEMIC, size=name)


FOUNDATIONS = {
    "small": _materials(_MP + "mace_mp_0/2023-12-10-mace-128-L0_energy_epoch-249.model", theories.PBE_U),
    "medium": _materials(_MP + "mace_mp_0/2023-12-03-mace-128-L1_epoch-199.model", theories.PBE_U),
    "large": _materials(_MP + "mace_mp_0/MACE_MPtrj_2022.9.model", theories.PBE_U),
    "small-0b": _materials(_MP + "mace_mp_0b/mace_agnesi_small.model", theories.PBE_U),
    "medium-0b": _materials(_MP + "mace_mp_0b/mace_agnesi_medium.model", theories.PBE_U),
    "small-0b2": _materials(_MP + "mace_mp_0b2/mace-small-density-agnesi-stress.model", theories.PBE_U),
    "medium-0b2": _materials(_MP + "mace_mp_0b2/mace-medium-density-agnesi-stress.model", theories.PBE_U),
    "large-0b2": _materials(_MP + "mace_mp_0b2/mace-large-density-agnesi-stress.model", theories.PBE_U),
    "medium-0b3": _materials(_MP + "mace_mp_0b3/mace-mp-0b3-medium.model", theories.PBE_U),
    "medium-mpa-0": _materials(_MP + "mace_mpa_0/mace-mpa-0-medium.model", theories.PBE_U),
    **{
        name: _academic(name, address, theory)
        for name, address, theory in (
            ("small-omat-0", _MP + "mace_omat_0/mace-omat-0-small.model", theories.PBE_U),
            ("medium-omat-0", _MP + "mace_omat_0/mace-omat-0-medium.model", theories.PBE_U),
            ("mace-matpes-pbe-0", _MATPES.format("pbe"), theories.PBE),
            ("mace-matpes-r2scan-0", _MATPES.format("r2scan"), theories.R2SCAN),
        )
    },
    **{
        name: _academic(name, f"{_FOUNDATIONS}mace_mh_1/mace-{name}.model", theories.UNKNOWN, HEADS)
        for name in ("mh-0", "mh-1")
    },
    **{
        f"{size}_off": Foundation(
            _OFF + f"MACE-OFF23_{size}.model", "off", theories.WB97M_D3, licence=ACADEMIC, size=size
        )
        for size in ("small", "medium", "large")
    },
    "mace_omol": Foundation(
        _FOUNDATIONS + "mace_omol_0/MACE-omol-0-extra-large-1024.model", "omol", theories.WB97M_V, licence=ACADEMIC
    ),
    "mace_anicc": Foundation(_ANICC, "anicc", theories.COUPLED_CLUSTER),
}
"""By name."""


def canonical(name: str) -> str:
    """Return the name as mace-torch writes it; neither case nor the kind of dash matters.

    >>> canonical("Small-OFF"), canonical("mace_matpes_pbe_0")
    ('small_off', 'mace-matpes-pbe-0')
    """
    return _SPELLED.get(_plain(name), name)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


_SPELLED = {_plain(name): name for name in FOUNDATIONS}
