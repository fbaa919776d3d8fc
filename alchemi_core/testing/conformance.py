"""The one handle of plugin authors: every check that belongs to a plugin, as a list or as parameters of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from alchemi_core.errors import OptionError
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.plugin_subject import PluginSubject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from alchemi_core.testing.checks import Check


Decorated = TypeVar("Decorated", bound="Callable[..., None]")


class Subject(Protocol):
    """What can be checked: a plugin, or one thing that it offers."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        ...

    def checks(self) -> Sequence[Check]:
        """Return the checks that belong to it, chosen from what it declares."""
        ...


def conformance_checks(*subjects: Subject | str, exempt: Mapping[str, str] | None = None) -> list[Check]:
    """Return every check of the given subjects.

    Parameters
    ----------
    *subjects : str or subject
        Name of an installed plugin or distribution, which stands for the plugin and all that it offers; or a
        `ModelSubject`, `NeighborSubject`, `DerivativeSubject`, `ReductionSubject` or `SerializerSubject`. One of these
        beside the plugin that offers it takes the place of what the kit would have made of that offer by itself.
    exempt : mapping of str to str, optional
        Checks that need not pass, by name or its end, each with the reason.

    Raises
    ------
    OptionError
        If something else is given, or an exemption fits no check or has no reason.
    UnknownOfferError
        If no plugin of that name is installed.
    """
    if not subjects:
        raise OptionError("nothing to check", expected="the name of a plugin, or a subject", who="conformance_checks")
    for one in subjects:
        if not isinstance(one, str) and not callable(getattr(one, "checks", None)):
            raise OptionError(
                f"{one!r:.80}",
                expected="the name of a plugin, or a subject",
                who="conformance_checks",
                fix="ModelSubject(model)",
            )
    checks = [check for subject in _whole(subjects) for check in subject.checks()]
    return exempted(checks, exempt or {}, "exempt")


def parametrize_conformance(
    *subjects: Subject | str, exempt: Mapping[str, str] | None = None
) -> Callable[[Decorated], Decorated]:
    """Make a pytest decorator that runs a test once with each check.

    ::

        @parametrize_conformance("my-plugin", exempt={"smooth-at-cutoff": "the published potential is truncated"})
        def test_conformance(check):
            check()

    Exemptions are strict: one whose check passes after all fails the test.

    Parameters
    ----------
    *subjects : str or subject
        As for `conformance_checks`.
    exempt : mapping of str to str, optional
        As for `conformance_checks`; those on offers count as well.

    Raises
    ------
    OptionError, UnknownOfferError
        As for `conformance_checks`.
    """
    import pytest

    def marks(check: Check) -> list[Any]:
        return [pytest.mark.xfail(reason=check.exempt, raises=AssertionError, strict=True)] if check.exempt else []

    checks = conformance_checks(*subjects, exempt=exempt)
    return pytest.mark.parametrize("check", [pytest.param(one, id=str(one), marks=marks(one)) for one in checks])


def _whole(subjects: Sequence[Subject | str]) -> Iterator[Subject]:
    """Yield subjects, plugins named by text taken apart, without the offers that are given on their own."""
    given = [subject for subject in subjects if not isinstance(subject, str)]
    for subject in subjects:
        if isinstance(subject, str):
            yield PluginSubject(subject, instead=tuple(given))
        else:
            yield subject
