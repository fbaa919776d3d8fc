"""The model as alchemi sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import torch

from alchemi_aimnet2.checkpoints import DEFAULT, WHO
from alchemi_aimnet2.families import family_named
from alchemi_aimnet2.hooks import CITATIONS
from alchemi_aimnet2.inputs import check_inputs, make_inputs
from alchemi_aimnet2.loading import load
from alchemi_core.contract import OnGraph
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from alchemi_aimnet2.loaded import Loaded
    from alchemi_core.data.view import ModelView

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@final
class AIMNet2(BaseModelMixin, torch.nn.Module):
    """AIMNet2: messages between neighbors, and charges that are passed on, equilibrated, and give the energy.

    `load_aimnet2` makes it of a checkpoint.

    Parameters
    ----------
    loaded : Loaded
        The network with its terms, which becomes part of the model, and what is known of it.
    dtype : torch.dtype
        Floating type of the weights.
    """

    def __init__(self, loaded: Loaded, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network = loaded.network
        self.recipe = loaded.recipe
        self.facts, self.terms = loaded.facts, loaded.terms
        self.model_config = _config(loaded)
        if dtype is not torch.float32:
            self.to(dtype)
        self.eval()

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - all come together
        """Compute energy and charges.

        Raises
        ------
        DataError
            If a system is periodic and Coulomb is summed over all pairs, or has a charge or multiplicity that the model
            was not made for.
        """
        check_inputs(view, self.facts, self.terms)
        if not view.num_atoms:
            return _nothing(view)
        found = self.network(make_inputs(view, self.facts, self.terms, self.network.dtype), view.num_systems)
        names = sorted(self.model_config.outputs - {"energy"})
        atoms = {name: found[name][:-1].to(view.positions.dtype) for name in names}
        return {"energy": found["energy"].to(view.positions.dtype).unsqueeze(1), **atoms}


def load_aimnet2(
    checkpoint: str | Path = DEFAULT,
    *,
    coulomb: str | bool | None = None,
    dispersion: bool | None = None,
    dsf_cutoff: float | None = None,
    dsf_alpha: float | None = None,
    dtype: str = "float32",
    trusted: bool = False,
) -> AIMNet2:
    """AIMNet2: messages between neighbors, and charges that are passed on, equilibrated, and give the energy.

    Anstine, Zubatyuk and Isayev, Chem. Sci. 16, 10228 (2025), https://doi.org/10.1039/D4SC08572H. Open-shell networks:
    Kalita et al., Angew. Chem. Int. Ed. (2026), https://doi.org/10.1002/anie.202516763.

    The package aimnet reads the checkpoint and builds the network, and its modules run. With no further options the
    energy is the published one: network, Coulomb over all pairs, and D3 with the parameters of the checkpoint. With
    ``coulomb=False`` it is what Ewald completes: Coulomb at short range, which the network has learned, is taken off,
    so that the Coulomb energy of `charges` can be added in full.

    Parameters
    ----------
    checkpoint : str or Path
        Name in aimnet's registry (``aimnet2``, ``aimnet2-2025``, ``aimnet2-nse``, ..., found in aimnet's cache) or path
        of a file.
    coulomb : {"simple", "dsf", False}, optional
        Over all pairs of a molecule; damped and shifted, for periodic systems too; or none. By default ``"simple"``
        where the checkpoint has a Coulomb sum.
    dispersion : bool, optional
        Whether D3 is added; by default where the checkpoint has parameters for it.
    dsf_cutoff : float, Å, optional
        Range of ``"dsf"``, 15 by default.
    dsf_alpha : float, 1/Å, optional
        Damping of ``"dsf"``, 0.2 by default.
    dtype : {"float32", "float64"}
        Floating type of the weights. Values come in that of the positions.
    trusted : bool
        Whether a file may hold code: a TorchScript archive, or a description that names classes outside of aimnet.

    Raises
    ------
    OptionError
        If there is no such checkpoint, or an option does not fit it.
    InputFileError
        If a file is no checkpoint, or must not be read without trust.
    """
    weights = floating_type(dtype)
    wanted = {"coulomb": coulomb, "dispersion": dispersion, "dsf_cutoff": dsf_cutoff, "dsf_alpha": dsf_alpha}
    return AIMNet2(load(checkpoint, wanted, dtype=dtype, trusted=trusted), weights)


def floating_type(name: Any) -> torch.dtype:
    """Return the type that an option names.

    Raises
    ------
    OptionError
        If it is none that weights can have.
    """
    if not isinstance(name, str) or name not in DTYPES:
        raise OptionError(f"dtype={name!r}", expected="'float32' or 'float64'", who=WHO, fix="dtype='float64'")
    return DTYPES[name]


def _config(loaded: Loaded) -> ModelConfig:
    facts, family = loaded.facts, family_named(loaded.facts.family)
    names = ["energy", "charges", *(["spin_charges"] if facts.open_shell else [])]
    reach = loaded.terms.reach(facts.cutoff)
    return ModelConfig(
        name=WHO,
        outputs=dict.fromkeys(names, OnGraph({"positions", "cell"})),
        optional_inputs={"total_charge", "multiplicity"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(reach, NeighborListFormat.MATRIX),
        elements=facts.elements,
        contains={**family.contains, **loaded.contains},
        level_of_theory=family.level,
        citations=(*CITATIONS, *family.citations),
    )


def _nothing(view: ModelView) -> dict[str, Tensor]:
    """Return the values of systems without atoms, on the graph as others are."""
    none = view.positions.sum() * 0.0
    atoms = none.expand(0)
    return {"energy": none.expand(view.num_systems, 1), "charges": atoms, "spin_charges": atoms}
