"""A neighbor backend as the subject of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import PluginError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.testing.checks import Check
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.guarding import guarded
from alchemi_core.testing.neighbor_suite import role_checks
from alchemi_core.testing.resolving import attempted, resolution, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from alchemi_core.offers import NeighborOffer, Role
    from alchemi_core.registry import Registry


def _as_tuple(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@attrs.frozen(eq=False)
class NeighborSubject:
    """A builder or converter of neighbor lists to be checked.

    Parameters
    ----------
    role : str
        What it does, as in `alchemi_core.offers.NeighborOffer`.
    function : callable or str
        The function, or the name under which a plugin offers it.
    name : str, optional
        What it is called in reports; by default the name of the offer or of the function.
    devices : iterable of str
        Devices to check on. Those of an offer are the host where it serves that, and none else: checks on ``"cuda"``
        are asked for here.
    exempt : mapping of str to str, optional
        Checks that need not pass, with reasons.
    registry : Registry, optional
        Where a name is looked up; by default the installed plugins.

    Examples
    --------
    >>> from alchemi_core.neighbors.brute_force import build
    >>> subject = NeighborSubject("builder", build, name="brute-force")
    >>> [str(check) for check in subject.checks()][1]
    'neighbors/brute-force/builder/triclinic/float64/cpu'
    """

    role: Role
    function: Callable[..., Any] | str
    name: str = attrs.field(kw_only=True)
    devices: tuple[str, ...] = attrs.field(default=("cpu",), converter=_as_tuple, kw_only=True)
    exempt: Mapping[str, str] = attrs.field(factory=FrozenMap, converter=freeze, kw_only=True)
    registry: Registry | None = attrs.field(default=None, kw_only=True)

    @name.default
    def _name(self) -> str:
        return self.function if isinstance(self.function, str) else getattr(self.function, "__name__", "backend")

    @classmethod
    def of_offer(cls, offer: NeighborOffer, registry: Registry) -> NeighborSubject:
        """Make the subject of a backend on offer, on the host: of one for other devices, whether it resolves."""
        devices = [device for device in offer.devices if device == "cpu"]
        return cls(offer.role, offer.name, devices=devices, exempt=offer.exempt, registry=registry)

    def checks(self) -> list[Check]:
        """Return the checks of its role on every device."""
        path = f"neighbors/{self.name}"
        function, error = attempted(self._function)
        if error is not None:
            return [resolution(path, error)]
        made = role_checks(self.role, function, self.devices)
        named = [Check(f"{path}/{one.name}", guarded(one.run, one.name), _ABOUT[self.role]) for one in made]
        return exempted([resolution(path), *named], self.exempt, self.name)

    def _function(self) -> Callable[..., Any]:
        function: Any = resolved(self.function, "neighbors", self.registry)
        if not callable(function):
            raise PluginError(f"is {function!r:.80}", expected=f"a function for the role {self.role!r}", who=self.name)
        return function  # type: ignore[no-any-return]


_ABOUT = {
    "builder": "it finds the pairs that the referee finds, and keeps what lists promise",
    "convert": "it gives exactly the list that a reader declared",
    **dict.fromkeys(
        ("filter", "to_matrix", "to_coo", "to_half", "to_full"), "it does its conversion as the core's own does"
    ),
}
