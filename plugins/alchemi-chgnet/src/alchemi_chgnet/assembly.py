"""From a checkpoint to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_chgnet.basis import AngularBasis, RadialBasis
from alchemi_chgnet.gated import ACTIVATIONS, Branch, GatedPerceptron
from alchemi_chgnet.layers import AngleMessage, AtomUpdate, BondUpdate, Collect
from alchemi_chgnet.network import Embedding, Network
from alchemi_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

WHO = "CHGNet checkpoint"

ASSUMED = {"mlp_first": True, "conv_norm": None, "final_mlp": "MLP", "non_linearity": "silu"}
"""What is taken where a checkpoint does not say; a network that differs in the first three is refused."""


def build_network(arguments: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Network:
    """Return the network of a checkpoint.

    Parameters
    ----------
    arguments, tensors : mapping
        ``model_args`` and ``state_dict`` of the checkpoint.

    Raises
    ------
    DataError
        If the checkpoint describes a network that is not known here.
    """
    given = {**ASSUMED, **arguments}
    for name in ("mlp_first", "conv_norm", "final_mlp"):
        if given[name] != ASSUMED[name]:
            raise DataError(f"{name} = {given[name]!r}", expected=f"{ASSUMED[name]!r}", who=WHO)
    if given["non_linearity"] not in ACTIVATIONS:
        raise DataError(f"activation {given['non_linearity']!r}", expected=", ".join(ACTIVATIONS), who=WHO)
    maker = _Assembly(given, {name: tensor.detach().float() for name, tensor in tensors.items()})
    network = maker.network()
    maker.check_all_used()
    return network


@attrs.frozen(eq=False)
class _Assembly:
    """Makes the parts of one network; remembers which tensors were used, so that none is forgotten."""

    given: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    used: set[str] = attrs.field(factory=set)

    def network(self) -> Network:
        depth = self.given["n_conv"]
        bonds = range(depth - 1) if self.given.get("update_bond", True) else ()
        angles = range(depth - 1) if self.given.get("update_angle", True) else ()
        return Network(
            elements=self.take("atom_embedding.embedding.weight"),
            embedding=self._embedding(),
            atom_updates=[self._atom_update(f"atom_conv_layers.{n}") for n in range(depth)],
            bond_updates=[self._bond_update(f"bond_conv_layers.{n}") for n in bonds],
            angle_updates=[AngleMessage(self._gated(f"angle_layers.{n}.twoBody_bond")) for n in angles],
            readout=self._readout(),
            moment=self._linear("site_wise"),
            reference=self._reference(),
        )

    def take(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise DataError(f"no tensor {name!r}", expected="a checkpoint of chgnet 0.2 or later", who=WHO)
        self.used.add(name)
        return self.tensors[name].clone()

    def find(self, name: str) -> Tensor | None:
        return self.take(name) if name in self.tensors else None

    def check_all_used(self) -> None:
        if left := self.tensors.keys() - self.used:
            raise DataError(
                f"{len(left)} tensors have no place in the network, such as {min(left)!r}",
                expected="an architecture of chgnet 0.4 or earlier",
                who=WHO,
            )

    def _embedding(self) -> Embedding:
        power = self.given["cutoff_coeff"]
        radial = "bond_basis_expansion.rbf_expansion"
        return Embedding(
            long=RadialBasis(self.take(f"{radial}_ag.frequencies"), float(self.given["atom_graph_cutoff"]), power),
            short=RadialBasis(self.take(f"{radial}_bg.frequencies"), float(self.given["bond_graph_cutoff"]), power),
            angular=AngularBasis(self.take("angle_basis_expansion.fourier_expansion.frequencies")),
            bond=self.take("bond_embedding.weight").T,
            angle=self.take("angle_embedding.weight").T,
            long_weight=self.take("bond_weights_ag.weight").T,
            short_weight=self.take("bond_weights_bg.weight").T,
        )

    def _atom_update(self, name: str) -> AtomUpdate:
        return AtomUpdate(self._gated(f"{name}.twoBody_atom"), self._collect(f"{name}.mlp_out"))

    def _bond_update(self, name: str) -> BondUpdate:
        return BondUpdate(AngleMessage(self._gated(f"{name}.twoBody_bond")), self._collect(f"{name}.mlp_out"))

    def _collect(self, name: str) -> Collect:
        return Collect(self.take(f"{name}.layers.1.weight").T, self.find(f"{name}.layers.1.bias"))

    def _gated(self, name: str) -> GatedPerceptron:
        core = self._branch(f"{name}.mlp_core.layers", f"{name}.bn1")
        gate = self._branch(f"{name}.mlp_gate.layers", f"{name}.bn2")
        width = self.given["atom_fea_dim"]
        return GatedPerceptron(core, gate, (width,) * (core.first.shape[0] // width), self.given["non_linearity"])

    def _branch(self, name: str, norm: str) -> Branch:
        """Layers are numbered as in ``Sequential``: 0 and 3 with a hidden layer, else 1 after a dropout."""
        deep = f"{name}.0.weight" in self.tensors
        first = 0 if deep else 1
        return Branch(
            first=self.take(f"{name}.{first}.weight").T,
            first_bias=self.take(f"{name}.{first}.bias"),
            second=self.take(f"{name}.3.weight").T if deep else None,
            second_bias=self.take(f"{name}.3.bias") if deep else None,
            norm=self.find(f"{norm}.weight"),
            norm_bias=self.find(f"{norm}.bias"),
        )

    def _linear(self, name: str) -> torch.nn.Linear:
        weight, bias = self.take(f"{name}.weight"), self.take(f"{name}.bias")
        made = torch.nn.utils.skip_init(torch.nn.Linear, weight.shape[1], weight.shape[0])
        made.weight, made.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
        return made

    def _readout(self) -> torch.nn.Sequential:
        layers: list[torch.nn.Module] = []
        if "readout_norm.weight" in self.tensors:
            layers.append(torch.nn.LayerNorm(self.given["atom_fea_dim"]))
            layers[0].weight = torch.nn.Parameter(self.take("readout_norm.weight"))
            layers[0].bias = torch.nn.Parameter(self.take("readout_norm.bias"))
        numbers = sorted(
            int(n.split(".")[2]) for n in self.tensors if n.startswith("mlp.layers.") and n.endswith("weight")
        )
        for number in numbers:
            layers.append(self._linear(f"mlp.layers.{number}"))
            if number != numbers[-1]:
                layers.append(_Activation(self.given["non_linearity"]))
        return torch.nn.Sequential(*layers)

    def _reference(self) -> Tensor:
        stored = self.find("composition_model.fc.weight")
        return torch.zeros(len(self.tensors["atom_embedding.embedding.weight"])) if stored is None else stored.flatten()


class _Activation(torch.nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x)
