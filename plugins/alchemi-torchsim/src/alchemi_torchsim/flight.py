"""Flight: systems under way together. Those that are done leave the batch, and waiting ones take their places."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs
from ase import Atoms

from alchemi_core.batching.release import release
from alchemi_core.errors import DataError
from alchemi_torchsim.carrying import have
from alchemi_torchsim.engine import InFlightAutoBatcher, calculate_memory_scaler, concatenate_states
from alchemi_torchsim.guarding import INDEX
from alchemi_torchsim.numerics import finite_systems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor
    from torch_sim.typing import MemoryScaling

    from alchemi_torchsim.engine import SimState
    from alchemi_torchsim.model import TorchSimModel

AHEAD = 64
"""Structures that are prepared and evaluated together before they get on."""

ATOMS_AHEAD = 5000
"""Atoms likewise, where it is not known how many fit."""


@attrs.frozen(eq=False)
class Passenger:
    """One structure on its way.

    Parameters
    ----------
    index : int
        Its place among those given.
    structure : ase.Atoms
        As given.
    """

    index: int
    structure: Atoms


Outcome = TypeVar("Outcome", covariant=True)


class Motion(Protocol[Outcome]):
    """What moves systems, and when each of them is done."""

    def admit(self, passenger: Passenger) -> SimState:
        """Return the state of one structure; an error says what is wrong with it."""

    def start(self, state: SimState) -> SimState:
        """Return a state of any number of systems, ready to move: with energies and forces."""

    def step(self, state: SimState) -> SimState:
        """Move all systems once."""

    def done(self, state: SimState) -> Tensor:
        """Tell which systems are done, [B] bool; those that failed are."""

    def land(self, passenger: Passenger, state: SimState) -> Outcome:
        """Return what became of a system that is done, the only one of its state."""

    def fail(self, passenger: Passenger, error: Exception) -> Outcome:
        """Return what became of a structure that was not admitted."""


@attrs.frozen
class Room:
    """How much goes into one batch.

    Parameters
    ----------
    scaling : {"n_atoms", "n_atoms_x_density"}
        What TorchSim counts.
    most : float or None
        How much of it fits; None lets TorchSim try.
    """

    scaling: MemoryScaling
    most: float | None


class _Batcher(InFlightAutoBatcher):  # type: ignore[misc]  # torch-sim has no type hints that mypy reads
    """TorchSim's batcher over a queue that takes back what did not fit.

    TorchSim puts it back by chaining iterators, one inside the other for each structure: after some ten thousand the
    interpreter's stack is full.
    """

    states_iterator: Any

    def _get_next_states(self) -> list[SimState]:
        queue = self.states_iterator
        states: list[SimState] = super()._get_next_states()
        if self.states_iterator is not queue:
            queue.put_back(next(self.states_iterator))
            self.states_iterator = queue
        return states


class Flight(Generic[Outcome]):
    """All structures, some of them under way.

    Parameters
    ----------
    motion : Motion
        What is done with them.
    structures : iterable of ase.Atoms
        Read as places get free; may be endless.
    model : TorchSimModel
        What TorchSim tries to find out how much fits.
    room : Room
        How much goes into one batch.
    """

    def __init__(self, motion: Motion[Outcome], structures: Iterable[Atoms], model: TorchSimModel, room: Room) -> None:
        self._motion, self._structures = motion, enumerate(structures)
        self._batcher = _Batcher(model, memory_scales_with=room.scaling, max_memory_scaler=room.most)
        self._ahead = room.most if room.most is not None and room.scaling == "n_atoms" else ATOMS_AHEAD
        self._ready: deque[SimState] = deque()
        self._aboard: dict[int, Passenger] = {}
        self._landed: dict[int, Outcome] = {}
        self._broken: Exception | None = None

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what became of each structure, in the order in which they were given; then why the source broke."""
        turn = 0
        for _ in self._rounds():
            while turn in self._landed:
                yield self._landed.pop(turn)
                turn += 1
        if self._broken is not None:
            raise self._broken

    def _rounds(self) -> Iterator[None]:
        """Move until nobody is left; yields whenever somebody may have landed."""
        state = self._first()
        while state is not None:
            done = self._motion.done(state)
            if not bool(done.any()):
                state = self._motion.step(state)
                continue
            state, arrived = self._batcher.next_batch(state, done)
            for one in arrived:
                self._land(one)
            yield
        yield

    def _land(self, state: SimState) -> None:
        passenger = self._aboard.pop(int(have(state, INDEX)))
        self._landed[passenger.index] = self._motion.land(passenger, state)

    def _first(self) -> SimState | None:
        try:
            self._batcher.load_states(self)
        except StopIteration:
            return None
        state: SimState = self._batcher.next_batch(None, None)[0]
        return state

    def __iter__(self) -> Iterator[SimState]:
        return self

    def __next__(self) -> SimState:
        """Return the next system that is ready to get on."""
        while not self._ready:
            self._prepare()
        state = self._ready.popleft()
        self._make_room(state)
        return state

    def put_back(self, state: SimState) -> None:
        """Take back a system for which there is no room yet."""
        self._ready.appendleft(state)

    def _make_room(self, state: SimState) -> None:
        """Let a structure on that is larger than a batch was meant to be: it cannot be computed in parts."""
        most = self._batcher.max_memory_scaler
        if most is not None:
            needs = calculate_memory_scaler(state, self._batcher.memory_scales_with)
            self._batcher.max_memory_scaler = max(most, needs)

    def _prepare(self) -> None:
        """Read structures and evaluate them together; those that fail at once do not get on.

        TorchSim finds out how much fits by the first ones, and ends where these fail.

        Raises
        ------
        StopIteration
            When there are no more.
        """
        chunk = self._chunk()
        if not chunk:
            raise StopIteration
        states = [state for one in chunk if (state := self._admitted(one)) is not None]
        if not states:
            return
        started = self._motion.start(concatenate_states(states))
        for state, good in zip(started.split(), finite_systems(started).tolist(), strict=True):
            self._ready.append(state) if good else self._land(state)

    def _chunk(self) -> list[Passenger]:
        """Read some structures, together not larger than a batch."""
        chunk: list[Passenger] = []
        atoms = 0
        while len(chunk) < AHEAD and atoms < self._ahead and (one := self._read()) is not None:
            chunk.append(one)
            atoms += len(one.structure) if isinstance(one.structure, Atoms) else 0
        return chunk

    def _read(self) -> Passenger | None:
        """Read one structure; where the source breaks, outcomes of those that it gave before come first."""
        try:
            return None if self._broken is not None else Passenger(*next(self._structures))
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001 - raised as it is, once its turn has come
            self._broken = error
            return None

    def _admitted(self, passenger: Passenger) -> SimState | None:
        try:
            _check(passenger)
            state = self._motion.admit(passenger)
        except Exception as error:  # noqa: BLE001 - it concerns this structure
            self._landed[passenger.index] = self._motion.fail(passenger, release(error))
            return None
        self._aboard[passenger.index] = passenger
        return state


def _check(passenger: Passenger) -> None:
    """Raise `DataError` unless it is a structure."""
    structure: object = passenger.structure
    if not isinstance(structure, Atoms):
        found = f"a {type(structure).__name__} at place {passenger.index} of the input"
        raise DataError(found, expected="an ase.Atoms", who="structure")
