"""How the dispersion energy is damped at short range, and with which parameters."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import attrs
from dftd3 import interface

from alchemi_core.errors import OptionError, nearest
from alchemi_core.frozenmap import FrozenMap
from alchemi_dftd3.functionals import known_functionals

if TYPE_CHECKING:
    from collections.abc import Mapping

WHO = "dftd3"
LONGEST = 64
"""Letters of the name of a functional."""


@attrs.frozen
class Form:
    """A damping function as s-dftd3 implements it.

    Parameters
    ----------
    handle : type
        Its class in `dftd3.interface`.
    table : str
        Its name in s-dftd3's table of parameters.
    doi : str
        Where it was published.
    """

    handle: type[interface.DampingParam]
    table: str
    doi: str


FORMS: FrozenMap[str, Form] = FrozenMap(
    {
        "bj": Form(interface.RationalDampingParam, "bj", "10.1002/jcc.21759"),
        "zero": Form(interface.ZeroDampingParam, "zero", "10.1063/1.3382344"),
        "mbj": Form(interface.ModifiedRationalDampingParam, "bjm", "10.1021/acs.jpclett.6b00780"),
        "mzero": Form(interface.ModifiedZeroDampingParam, "zerom", "10.1021/acs.jpclett.6b00780"),
        "op": Form(interface.OptimizedPowerDampingParam, "op", "10.1021/acs.jctc.7b00176"),
        "cso": Form(interface.CSODampingParam, "cso", "10.1021/acs.jctc.5b00400"),
    }
)
"""Damping functions by the name users write."""


@attrs.frozen
class Damping:
    """A damping function with its parameters; makes s-dftd3's object anew whenever one is needed.

    Parameters
    ----------
    form : str
        A key of `FORMS`.
    functional : str
        Whose parameters to take; empty when they are given.
    parameters : FrozenMap of str to float
        All that were given, in atomic units.
    atm : bool
        Whether the three-body term of Axilrod, Teller and Muto is added.
    """

    form: str
    functional: str
    parameters: FrozenMap[str, float]
    atm: bool

    def handle(self) -> interface.DampingParam:
        """Return s-dftd3's damping object, which cannot be copied nor shared between processes."""
        kind = FORMS[self.form].handle
        if self.functional:
            return kind(method=self.functional, atm=self.atm)
        return kind(**{"s9": float(self.atm), **self.parameters})


def read_damping(
    functional: str | None, damping: str, parameters: Mapping[str, float] | None, *, atm: bool | None
) -> Damping:
    """Make a `Damping` of what a user gave.

    Raises
    ------
    OptionError
        If the damping or functional is unknown, or parameters are missing, unknown or contradict `atm`.
    """
    form = _form(damping)
    if (functional is None) == (parameters is None):
        raise OptionError(
            "neither functional nor parameters" if functional is None else "both functional and parameters",
            expected="one of them",
            who=WHO,
            fix="functional='pbe'" if functional is None else f"functional={functional!r} alone",
        )
    if parameters is not None:
        _check_parameters(form, parameters)
        return Damping(form, "", FrozenMap(parameters), _three_body(parameters, atm=atm))
    known = Damping(form, str(functional), FrozenMap(), bool(atm))
    _check_functional(known)
    return known


def _form(damping: str) -> str:
    name = str(damping).lower().removeprefix("d3")
    if name not in FORMS:
        close = nearest(name, FORMS)
        raise OptionError(
            f"damping={damping!r}",
            expected="one of " + ", ".join(repr(form) for form in FORMS),
            who=WHO,
            fix=f"damping={close!r}" if close else "",
        )
    return name


def _check_functional(damping: Damping) -> None:
    if len(damping.functional) > LONGEST:  # s-dftd3 copies names without a look at their length
        raise OptionError(
            f"functional is {len(damping.functional)} letters long", expected=f"at most {LONGEST}", who=WHO
        )
    if _loads(damping):
        return
    known = known_functionals(FORMS[damping.form].table)
    close = nearest(damping.functional.lower(), known)
    others = [form for form in FORMS if _loads(attrs.evolve(damping, form=form))]
    fix = f"functional={close!r}" if close else "parameters={...}, with the values of a publication"
    raise OptionError(
        f"s-dftd3 has no {damping.form} parameters for the functional {damping.functional!r}",
        expected=f"one of its {len(known)} names, such as " + ", ".join(known[:8]),
        who=WHO,
        fix=" or ".join(f"damping={form!r}" for form in others) or fix,
    )


def _loads(damping: Damping) -> bool:
    try:
        damping.handle()
    except RuntimeError:
        return False
    return True


def _check_parameters(form: str, parameters: Mapping[str, float]) -> None:
    wanted = inspect.signature(FORMS[form].handle.new_param).parameters
    for name, value in parameters.items():
        if name not in wanted:
            close = nearest(name, wanted)
            raise OptionError(
                f"{form} damping has no parameter {name!r}",
                expected="some of " + ", ".join(wanted),
                who=WHO,
                fix=f"parameters={{{close!r}: {value!r}}}" if close else "",
            )
        if not (isinstance(value, int | float) and math.isfinite(value)):
            raise OptionError(f"parameter {name}={value!r}", expected="a finite number", who=WHO)
    missing = [n for n, p in wanted.items() if p.default is inspect.Parameter.empty and n not in parameters]
    if missing:
        raise OptionError(
            f"{form} damping without {', '.join(missing)}", expected="all of " + ", ".join(wanted), who=WHO
        )


def _three_body(parameters: Mapping[str, Any], *, atm: bool | None) -> bool:
    """Tell whether the three-body term is on: a given s9 decides, and must not contradict `atm`."""
    given = parameters.get("s9")
    if given is None:
        return bool(atm)
    if atm is not None and atm != (given != 0):
        raise OptionError(f"atm={atm} with s9={given}", expected="the same from both", who=WHO, fix="leave out atm")
    return bool(given != 0)
