# ruff: noqa: UP006, UP035, UP045 - metatomic compares annotations with those of `typing`, as objects
"""The module that engines run: neighbor lists in, the weighted sum of the terms' energies out."""

from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from alchemi_metatomic.upstream import Labels, ModelOutput, NeighborListOptions, System, TensorBlock, TensorMap


class ExportedPipeline(torch.nn.Module):
    """A pipeline in TorchScript, with the interface of `metatomic.torch.ModelInterface`.

    Parameters
    ----------
    modules : list of torch.jit.ScriptModule
        The terms: energies of atoms, see `alchemi_core.scripting.ScriptableEnergy`.
    weights : list of float
        Factor on each.
    lists : list of (float, bool)
        Cutoff and whether each pair comes once, of every neighbor list that is needed.
    reads : list of int
        Which of these each term reads; −1 for none.
    inputs : dict of str to (str, str)
        Name and unit in metatomic of inputs beside the geometry, by the name that terms know.
    """

    # Empty lists and mappings say nothing of what is in them: torch.jit.script reads it here.
    weights: List[float]
    reads: List[int]
    lists: List[NeighborListOptions]
    names: Dict[str, str]
    units: Dict[str, str]

    def __init__(
        self,
        modules: List[Any],
        weights: List[float],
        lists: List[Tuple[float, bool]],
        reads: List[int],
        inputs: Dict[str, Tuple[str, str]],
    ) -> None:
        super().__init__()
        self.terms = torch.nn.ModuleList(modules)
        self.weights, self.reads = weights, reads
        self.lists = [NeighborListOptions(cutoff, full_list=not half, strict=True) for cutoff, half in lists]
        self.names = {name: outside for name, (outside, _) in inputs.items()}
        self.units = dict(inputs.values())

    @torch.jit.export
    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        """Return the neighbor lists that an engine has to bring."""
        return self.lists

    @torch.jit.export
    def requested_inputs(self) -> Dict[str, ModelOutput]:
        """Return what an engine has to bring beside the geometry."""
        requested: Dict[str, ModelOutput] = {}
        for name, unit in self.units.items():
            requested[name] = ModelOutput(unit=unit, sample_kind="atom")
        return requested

    def forward(
        self, systems: List[System], outputs: Dict[str, ModelOutput], selected_atoms: Optional[Labels]
    ) -> Dict[str, TensorMap]:
        """Return the energy, eV: of systems, or of atoms where these are asked for."""
        results: Dict[str, TensorMap] = {}
        if "energy" not in outputs or len(systems) == 0:
            return results
        atoms = self._energies(systems)
        samples = _atoms_of(systems)
        if selected_atoms is not None:
            kept = samples.select(selected_atoms)
            samples = Labels(["system", "atom"], samples.values.index_select(0, kept))
            atoms = atoms.index_select(0, kept)
        if outputs["energy"].sample_kind == "atom":
            results["energy"] = _as_map(atoms, samples)
            return results
        of = samples.column("system").to(torch.int64)
        total = atoms.new_zeros(len(systems)).index_add(0, of, atoms)
        numbers = torch.arange(len(systems), device=atoms.device).unsqueeze(1)
        results["energy"] = _as_map(total, Labels(["system"], numbers))
        return results

    def _energies(self, systems: List[System]) -> Tensor:
        """Return the energy of each atom of all systems, [N]."""
        numbers = torch.cat([system.types for system in systems]).to(torch.int64)
        vectors = systems[0].positions.new_zeros(0, 3)
        nothing = (numbers[:0], numbers[:0], vectors)
        pairs = [_pairs_of(systems, options) for options in self.lists]
        inputs = self._inputs(systems)
        total: Tensor = vectors.new_zeros(numbers.shape[0])
        for n, term in enumerate(self.terms):
            first, second, vectors = pairs[self.reads[n]] if self.reads[n] >= 0 else nothing
            total = total + self.weights[n] * term(numbers, first, second, vectors, inputs)
        return total

    def _inputs(self, systems: List[System]) -> Dict[str, Tensor]:
        """Return inputs beside the geometry, each [N], by the names that terms know."""
        inputs: Dict[str, Tensor] = {}
        for name, outside in self.names.items():
            values = [system.get_data(outside).block().values.flatten() for system in systems]
            inputs[name] = torch.cat(values)
        return inputs


def _pairs_of(systems: List[System], options: NeighborListOptions) -> Tuple[Tensor, Tensor, Tensor]:
    """Return atoms i and j of all pairs, counted over all systems, and their vectors [E, 3]."""
    firsts: List[Tensor] = []
    seconds: List[Tensor] = []
    vectors: List[Tensor] = []
    start = 0
    for system in systems:
        block = system.get_neighbor_list(options)
        firsts.append(block.samples.column("first_atom").to(torch.int64) + start)
        seconds.append(block.samples.column("second_atom").to(torch.int64) + start)
        vectors.append(block.values.reshape(-1, 3))
        start += len(system)
    return torch.cat(firsts), torch.cat(seconds), torch.cat(vectors)


def _atoms_of(systems: List[System]) -> Labels:
    """Return the labels of all atoms."""
    rows: List[Tensor] = []
    for n, system in enumerate(systems):
        atoms = torch.arange(len(system), device=system.positions.device)
        rows.append(torch.stack([torch.full_like(atoms, n), atoms], dim=1))
    return Labels(["system", "atom"], torch.cat(rows))


def _as_map(values: Tensor, samples: Labels) -> TensorMap:
    """Return energies as metatomic has them."""
    zero = torch.zeros(1, 1, dtype=torch.int64, device=values.device)
    block = TensorBlock(
        values=values.unsqueeze(1),
        samples=samples,
        components=torch.jit.annotate(List[Labels], []),
        properties=Labels(["energy"], zero),
    )
    return TensorMap(keys=Labels(["_"], zero), blocks=[block])
