"""Models with one defect each, made so that only the check which looks for it sees it.

Most defects show on a few structures only, as those of real models do: where there are no pairs, in systems without
periodicity, in batches that mix both.
"""

from __future__ import annotations

import itertools
import time

import numpy as np
import torch
from support.right_models import CUTOFF, Right, RightCharges, RightKernel, RightStack, window

SMALL = 1e-3


def strangers(view, pairs):
    """Whether the call is for two atoms far from each other."""
    far = view.cell is None and view.num_atoms == 2 and view.num_systems == 1 and len(pairs) == 0
    return far and float((view.positions[0] - view.positions[1]).detach().norm()) > 2 * CUTOFF


def periodic(view):
    """Whether each system is periodic anywhere: [B, 1], 1 or 0."""
    if view.pbc is None:
        return view.positions.new_zeros(view.num_systems, 1)
    return view.pbc.any(1, keepdim=True).to(view.positions.dtype)


def is_mixed(view):
    """Whether a batch mixes crystals and molecules of different sizes."""
    sizes = set(np.diff(view.ptr).tolist())
    return len(sizes) > 1 and 0 not in sizes and 0.0 < float(periodic(view).mean()) < 1.0


class LeavesOneOut(Right):
    def compute(self, view, requested):
        out = super().compute(view, requested)
        if strangers(view, self.pairs(view)):
            del out["magmoms"]
        return out


class GivesFlatEnergies(Right):
    def answered(self, view, pairs, energy):
        return energy.flatten() if strangers(view, pairs) else energy


class GivesSinglePrecision(Right):
    def answered(self, view, pairs, energy):
        return energy.float() if strangers(view, pairs) else energy


class GivesAnotherDevice(Right):
    def answered(self, view, pairs, energy):
        return energy.to("meta") if strangers(view, pairs) else energy


class LooksAtTheRequest(Right):
    def compute(self, view, requested):
        out = super().compute(view, requested)
        return out | {"magmoms": out["magmoms"] * 1.1} if requested == {"magmoms"} else out


class KnowsTheOrigin(Right):
    def energy(self, view, pairs, atomic):
        sums = view.positions.new_zeros(view.num_systems, 3).index_add(0, view.batch_idx, view.positions)
        free = (1 - periodic(view)) * (self.sizes(view) > 1)
        return super().energy(view, pairs, atomic) + SMALL * free * (sums**2).sum(1, keepdim=True)


class KnowsTheAxes(Right):
    def pair(self, view, pairs):
        return super().pair(view, pairs) + 0.1 * pairs.d[:, 0] ** 2 * window(pairs.r)


class HasAHand(Right):
    def atomic(self, view, pairs, pair):
        sums = []
        for power in (1, 2, 4):
            weighted = pairs.d * (torch.exp(-power * pairs.r / 2) * window(pairs.r))[:, None]
            sums.append(
                torch.zeros_like(view.positions).index_add(0, pairs.i, weighted).index_add(0, pairs.j, -weighted)
            )
        triple = (sums[0] * torch.linalg.cross(sums[1], sums[2])).sum(1)
        return super().atomic(view, pairs, pair) + triple


class KnowsTheNumbering(Right):
    def atomic(self, view, pairs, pair):
        place = torch.arange(view.num_atoms) - torch.tensor(view.ptr[:-1])[view.batch_idx]
        free = 1 - periodic(view)[view.batch_idx, 0]
        return super().atomic(view, pairs, pair) * (1 + 0.01 * place * free)


class ClampsShifts(Right):
    def pairs(self, view):
        pairs = super().pairs(view)
        if view.cell is not None:
            lost = (pairs.shifts - pairs.shifts.clamp(-6, 6)).to(pairs.d.dtype)
            systems = view.batch_idx[pairs.i]
            pairs.d = pairs.d - torch.einsum("pi,pij->pj", lost, view.cell[systems])
            pairs.r = pairs.d.norm(dim=1)
        return pairs


class KnowsTheBasis(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        if view.cell is None:
            return energy
        a, b = view.cell[:, 0], view.cell[:, 1]
        both = (view.pbc[:, 0] & view.pbc[:, 1]).to(energy.dtype)
        angle = (a * b).sum(1) ** 2 / ((a * a).sum(1) * (b * b).sum(1)).clamp(min=SMALL)
        return energy + SMALL * self.sizes(view) * (both * angle).unsqueeze(1)


class IsNotExtensive(Right):
    def energy(self, view, pairs, atomic):
        few = (self.sizes(view) > 3) & (self.sizes(view) < 7)
        return super().energy(view, pairs, atomic) + SMALL * periodic(view) * few


class WrongForces(RightKernel):
    def compute(self, view, requested):
        out = super().compute(view, requested)
        return out | {"forces": 1.001 * out["forces"]}


class WrongStress(RightKernel):
    def compute(self, view, requested):
        out = super().compute(view, requested)
        return out | {"stress": 1.001 * out["stress"]} if "stress" in out else out


class WrongVirial(RightKernel):
    def compute(self, view, requested):
        out = super().compute(view, requested)
        return out | {"virial": -out["virial"]}


class HalfDetachedCharges(Right):
    def charges(self, view):
        return 0.5 * (view.charges + view.charges.detach())


class HalfDetachedNodeEnergies(Right):
    def node_energies(self, view, atomic, energy):
        right = super().node_energies(view, atomic, energy)
        return 0.5 * (right + right.detach())


class _OnceOnly(torch.autograd.Function):
    """x², whose slope forgets that it depends on x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, up):
        (x,) = ctx.saved_tensors
        return up * 2 * x.detach()


class DifferentiableOnce(Right):
    def pair(self, view, pairs):
        return super().pair(view, pairs) + 0.1 * _OnceOnly.apply(pairs.r) * window(pairs.r)


class ForgetsTheTotalCharge(Right):
    def total_charge(self, view):
        return None if view.total_charge is None else view.total_charge.detach()


class ForgetsToDetach(Right):
    def magmoms(self, view, atomic):
        return 2.0 * atomic


class VariesItsConstants(Right):
    def partial_charges(self, view, atomic):
        return super().partial_charges(view, atomic) + 0.01 * atomic.detach()


class StumblesOverAnOption(Right):
    def total_charge(self, view):
        if view.total_charge is not None and not view.total_charge.requires_grad:
            raise KeyError("total_charge")
        return view.total_charge


class MixesSystems(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        mixes = is_mixed(view) and view.total_charge is None
        return energy + SMALL * energy.mean() if mixes else energy


class CountsSystems(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        backward = is_mixed(view) and float(periodic(view)[0]) == 1.0
        return energy + SMALL * torch.arange(view.num_systems).unsqueeze(1) if backward else energy


class TakesTheFirstPeriodicity(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        if view.pbc is None:
            return energy
        directions = view.pbc.sum(1, keepdim=True)
        alike = len(set(np.diff(view.ptr).tolist())) == 1
        return energy + SMALL * self.sizes(view) * (directions[:1] if alike else directions)


class TakesAnyCellForAVolume(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        if view.cell is None:
            return energy
        return energy + SMALL * (1 - periodic(view)) * torch.linalg.det(view.cell).abs().unsqueeze(1)


class JumpsAtTheCutoff(Right):
    def pair(self, view, pairs):
        return super().pair(view, pairs) + SMALL


class HasAKinkAtTheCutoff(Right):
    def pair(self, view, pairs):
        return super().pair(view, pairs) + SMALL * (1 - pairs.r / CUTOFF)


class AssumesSortedColumns(Right):
    def pairs(self, view):
        pairs = super().pairs(view)
        backward = view.num_atoms == 3 and view.neighbors.neighbor_matrix[0].tolist() == [2, 1]
        pairs.r = pairs.r * (1 + SMALL) if backward else pairs.r
        return pairs


class ReadsPadding(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        matrix = view.neighbors.neighbor_matrix
        whole = bool((matrix == view.num_atoms).all(0).any()) and len(pairs) > 0
        return energy + SMALL if whole else energy


class AssumesADirection(Right):
    def pair(self, view, pairs):
        return super().pair(view, pairs) * (pairs.i <= pairs.j)


class WritesToItsInput(Right):
    def compute(self, view, requested):
        view.atomic_numbers.add_(0)
        return super().compute(view, requested)


class CountsItsCalls(Right):
    def __init__(self, strength=0.8):
        super().__init__(strength)
        self.register_buffer("calls", torch.zeros(()))

    def compute(self, view, requested):
        self.calls += 1
        return super().compute(view, requested)


class SeedsNumpy(Right):
    def compute(self, view, requested):
        np.random.seed(0)  # noqa: NPY002 - the defect
        return super().compute(view, requested)


class IsNoisy(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        return energy * (1 + 2e-14 * np.random.default_rng().random())


class KeepsPositions(Right):
    kept = ()

    def compute(self, view, requested):
        KeepsPositions.kept = (view.positions,)
        return super().compute(view, requested)


class SharesItsScratch(Right):
    def compute(self, view, requested):
        self._scratch = view.num_atoms
        time.sleep(5e-4)
        return super().compute(view, requested)

    def atomic(self, view, pairs, pair):
        if self._scratch != view.num_atoms:
            raise RuntimeError("the scratch is another call's")
        return super().atomic(view, pairs, pair)


class GivesNothingAnEnergy(Right):
    def energy(self, view, pairs, atomic):
        return super().energy(view, pairs, atomic) + 0.1 * (self.sizes(view) == 0)


class DividesByItsNeighbors(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        return energy * torch.nan if view.num_atoms == 1 and len(pairs) == 0 else energy


class CancelsInSinglePrecision(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        return (energy + 1e5) - 1e5 if energy.dtype == torch.float32 else energy


class CopiesBadly(Right):
    def __deepcopy__(self, memo):
        return CopiesBadly(1.01 * float(self.strength)).double()


class HoldsALambda(Right):
    def __init__(self, strength=0.8):
        super().__init__(strength)
        self._activation = lambda x: x


class IsMadeAnewEachTime(Right):
    numbers = itertools.count()

    def __init__(self, strength=0.8):
        super().__init__(strength)
        self._scale = 1 + 1e-8 * next(self.numbers)

    def atomic(self, view, pairs, pair):
        return super().atomic(view, pairs, self._scale * pair)


class DetachesItsParameter(Right):
    def pair(self, view, pairs):
        lost = 0.5 * (self.strength.detach() - self.strength).to(pairs.r.dtype)
        return super().pair(view, pairs) + lost * torch.exp(-(pairs.r**2) / 4) * window(pairs.r)


class RefusesWires(Right):
    def compute(self, view, requested):
        from alchemi_core.errors import GeometryError

        if view.pbc is not None and bool((view.pbc.sum(1) == 1).any()) and view.num_systems == 1:
            raise GeometryError("a wire", expected="anything else", who="right")
        return super().compute(view, requested)


class CannotBeMade(Right):
    def __init__(self, strength=0.8):
        raise ValueError("no weights")


class LosesAShare(Right):
    def node_energies(self, view, atomic, energy):
        return 0.999 * super().node_energies(view, atomic, energy)


class SpreadsTheChargeTwice(RightCharges):
    def left_over(self, view):
        return 2.0 * super().left_over(view)


class HasNoNumberForWires(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        if view.pbc is None:
            return energy
        return energy * torch.where(view.pbc.sum(1, keepdim=True) == 1, torch.nan, 1.0)


class FitsSmallSystems(Right):
    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        return energy + SMALL * view.num_atoms if view.num_systems == 1 and view.num_atoms > 100 else energy


class StacksAnother(RightStack):
    doubled = False

    def stack_form(self):
        form = super().stack_form()
        form.doubled = True
        return form

    def energy(self, view, pairs, atomic):
        energy = super().energy(view, pairs, atomic)
        return energy * 1.001 if self.doubled else energy


MUTANTS = {
    "can-be-made": CannotBeMade,
    "takes-wire": RefusesWires,
    "outputs": LeavesOneOut,
    "shapes": GivesFlatEnergies,
    "dtypes": GivesSinglePrecision,
    "devices": GivesAnotherDevice,
    "finite": HasNoNumberForWires,
    "each-alone": LooksAtTheRequest,
    "translation": KnowsTheOrigin,
    "rotation": KnowsTheAxes,
    "reflection": HasAHand,
    "permutation": KnowsTheNumbering,
    "periodic-images": ClampsShifts,
    "cell-choice": KnowsTheBasis,
    "supercell": IsNotExtensive,
    "large": FitsSmallSystems,
    "node-energies": LosesAShare,
    "total-charge": SpreadsTheChargeTwice,
    "forces": WrongForces,
    "stress": WrongStress,
    "virial": WrongVirial,
    "inputs-on-graph": HalfDetachedCharges,
    "outputs-on-graph": HalfDetachedNodeEnergies,
    "second-derivatives": DifferentiableOnce,
    "declared-graph": ForgetsTheTotalCharge,
    "detached": ForgetsToDetach,
    "constant": VariesItsConstants,
    "optional-inputs": StumblesOverAnOption,
    "one-by-one": MixesSystems,
    "order-of-systems": CountsSystems,
    "mixed-pbc": TakesTheFirstPeriodicity,
    "cell-without-pbc": TakesAnyCellForAVolume,
    "continuous-at-cutoff": JumpsAtTheCutoff,
    "smooth-at-cutoff": HasAKinkAtTheCutoff,
    "pair-order": AssumesSortedColumns,
    "padding": ReadsPadding,
    "half-direction": AssumesADirection,
    "inputs-unchanged": WritesToItsInput,
    "model-unchanged": CountsItsCalls,
    "global-state": SeedsNumpy,
    "deterministic": IsNoisy,
    "keeps-nothing": KeepsPositions,
    "threads": SharesItsScratch,
    "no-atoms": GivesNothingAnEnergy,
    "one-atom": DividesByItsNeighbors,
    "float32": CancelsInSinglePrecision,
    "deepcopy": CopiesBadly,
    "pickle": HoldsALambda,
    "save-and-load": IsMadeAnewEachTime,
    "trainable": DetachesItsParameter,
    "stacked": StacksAnother,
}
"""The defect that each check is there for."""
