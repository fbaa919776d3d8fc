"""From a checkpoint to a network: every constant factor is multiplied into the weights once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import DataError
from alchemi_sevennet.convolution import Convolution
from alchemi_sevennet.gate import Gate
from alchemi_sevennet.irreps import SCALAR, Block
from alchemi_sevennet.layout import harmonic_irreps, layer_layouts
from alchemi_sevennet.linear import ElementLinear, Linear
from alchemi_sevennet.network import Interaction, Network, Readout
from alchemi_sevennet.radial import PairEncoding, Perceptron, RadialNetwork, make_envelope, scaled_layers
from alchemi_sevennet.stored import WHO, StoredTensors, split_linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_sevennet.irreps import Blocks
    from alchemi_sevennet.layout import LayerLayout


def build_network(config: Mapping[str, Any], tensors: Mapping[str, Tensor], modality: int | None) -> Network:
    """Return the network of a checkpoint.

    Parameters
    ----------
    config, tensors : mapping
        ``config`` and ``model_state_dict`` of the checkpoint.
    modality : int, optional
        Which of several levels of theory a model fitted to all of them should give.

    Raises
    ------
    DataError
        If the checkpoint describes a network that is not known here.
    """
    stored = StoredTensors(tensors)
    maker = _Assembly(config, stored, modality, config.get("_number_of_modalities", 0) if modality is not None else 0)
    network = maker.network()
    stored.check_all_used()
    return network


@attrs.frozen(eq=False)
class _Assembly:
    """Makes the parts of one network."""

    config: Mapping[str, Any]
    stored: StoredTensors
    modality: int | None
    modalities: int

    def network(self) -> Network:
        layouts = layer_layouts(self.config)
        scale, shift = self._scales()
        return Network(
            encoding=self._encoding(),
            embedding=self._embedding(layouts[0].reads),
            layers=[self._interaction(number, layout) for number, layout in enumerate(layouts)],
            readout=self._readout(layouts[-1].gives),
            scale=scale,
            shift=shift,
        )

    def _encoding(self) -> PairEncoding:
        if self.config["radial_basis"]["radial_basis_name"] != "bessel":
            raise DataError(f"radial basis {self.config['radial_basis']}", expected="'bessel'", who=WHO)
        return PairEncoding(
            self.stored.take("edge_embedding.basis_function.coeffs"),
            make_envelope(self.config),
            cutoff=float(self.config["cutoff"]),
            highest=len(harmonic_irreps(self.config)) - 1,
            unit=bool(self.config.get("_normalize_sph", _version(self.config) >= (0, 10))),
        )

    def _embedding(self, gives: Blocks) -> Tensor:
        elements = self.config["_number_of_species"]
        made = self._linear("onehot_to_feature_x", (Block(elements, SCALAR),), gives, "use_modal_node_embedding")
        table = getattr(made, made.names[SCALAR]).detach()
        return table if made.bias is None else table + made.bias.detach()

    def _interaction(self, number: int, layout: LayerLayout) -> Interaction:
        radial, collect = self._convolution(number, layout)
        return Interaction(
            before=self._linear(f"{number}_self_interaction_1", layout.reads, layout.reads, "use_modal_self_inter_intro"),
            after=self._linear(
                f"{number}_self_interaction_2", layout.coupled, layout.before_gate, "use_modal_self_inter_outro"
            ),
            keep=self._self_connection(number, layout),
            radial=radial,
            collect=collect,
            gate=Gate(layout, self.config["act_scalar"], self.config["act_gate"]),
        )

    def _convolution(self, number: int, layout: LayerLayout) -> tuple[RadialNetwork, Convolution]:
        name = f"{number}_convolution"
        *hidden, last = scaled_layers(self.stored.perceptron(f"{name}.weight_nn"), self.config["act_radial"])
        last = last / self.stored.take(f"{name}.denominator")
        paths = layout.unsorted_paths if _version(self.config) < (0, 11) else layout.paths
        columns = last.split([path.source.count for path in paths], dim=1)
        degrees = len(harmonic_irreps(self.config))
        collect = Convolution(layout, dict(zip(paths, columns, strict=True)), self.stored.signs(name), degrees)
        return RadialNetwork(hidden, self.config["act_radial"]), collect

    def _self_connection(self, number: int, layout: LayerLayout) -> Linear | ElementLinear:
        given = self.config["self_connection_type"]
        kind = given if isinstance(given, str) else given[number]
        name = f"{number}_self_connection_intro"
        if kind == "linear":
            return self._linear(name, layout.reads, layout.before_gate)
        if kind == "nequip":
            return self._element_linear(name, layout)
        raise DataError(f"self connection {kind!r}", expected="'linear' or 'nequip'", who=WHO)

    def _element_linear(self, name: str, layout: LayerLayout) -> ElementLinear:
        """Matrices are stored as [count in, elements, count out] and scaled by 1/√(count in · elements)."""
        elements, counts = self.config["_number_of_species"], {b.irrep: b.count for b in layout.before_gate}
        shapes = [(b.irrep, b.count, counts[b.irrep]) for b in layout.reads if b.irrep in counts]
        flat = self.stored.take(f"{name}.fc_tensor_product.weight").reshape(-1)
        parts = flat.split([rows * elements * columns for _, rows, columns in shapes])
        weights = {
            irrep: part.reshape(rows, elements, columns).transpose(0, 1) / (rows * elements) ** 0.5
            for part, (irrep, rows, columns) in zip(parts, shapes, strict=True)
        }
        return ElementLinear(weights)

    def _readout(self, reads: Blocks) -> Readout | Perceptron:
        if self.config.get("readout_as_fcn", False):
            name = self.config["readout_fcn_activation"]
            return Perceptron(scaled_layers(self.stored.perceptron("readout_FCN.fcn"), name), name)
        hidden = (Block(reads[0].count // 2, SCALAR),)
        return Readout(
            self._linear("reduce_input_to_hidden", reads, hidden, "use_modal_output_block"),
            self._linear("reduce_hidden_to_energy", hidden, (Block(1, SCALAR),)),
        )

    def _linear(self, name: str, reads: Blocks, gives: Blocks, modal_key: str = "") -> Linear:
        modalities = self.modalities if modal_key and self.config.get(modal_key, False) else 0
        weights, extra = split_linear(self.stored.take(f"{name}.linear.weight"), reads, gives, modalities)
        bias = None if extra is None or self.modality is None else extra[self.modality]
        if self.stored.has(f"{name}.linear.bias"):
            own = self.stored.take(f"{name}.linear.bias").reshape(-1)
            bias = own if bias is None else bias + own
        return Linear(weights, bias)

    def _scales(self) -> tuple[Tensor, Tensor]:
        elements = self.config["_number_of_species"]
        tables = (self.stored.take(f"rescale_atomic_energy.{name}") for name in ("scale", "shift"))
        scale, shift = (table[self.modality] if table.ndim == 2 else table for table in tables)
        return scale.expand(elements).clone(), shift.expand(elements).clone()


def _version(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return the version of sevenn that wrote the file; the development version of 0.11 counts as 0.10."""
    major, minor, *rest = str(config["version"]).split(".")
    return int(major), int(minor) - (1 if minor == "11" and "dev0" in rest else 0)
