"""``alchemi check``: whether a model, or all that a plugin offers, is right."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from alchemi_core.cli.check_lines import listed_lines
from alchemi_core.cli.check_names import CheckName
from alchemi_core.cli.check_report import report
from alchemi_core.cli.composing import chosen_device, compose, model_file
from alchemi_core.cli.progress import waiting
from alchemi_core.errors import OptionError, nearest
from alchemi_core.expressions import Term, offered_name, parse_expression, plain_options
from alchemi_core.offers import ModelOffer
from alchemi_core.registry import default_registry
from alchemi_core.testing.conformance import conformance_checks
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.model_subject import ModelSubject
from alchemi_core.testing.running import CheckResult, run_checks

if TYPE_CHECKING:
    import argparse

    from alchemi_core.testing.checks import Check


def run(arguments: argparse.Namespace) -> int:
    """Run the checks, or list them."""
    exempt = dict(_exemption(text) for text in arguments.exempt or ())
    with waiting(f"loading {arguments.model or arguments.plugin}"):
        every = _checks_of(arguments)
    checks = _chosen(exempted(every, exempt, "--exempt"), arguments.only)
    if arguments.list:
        return _listed(checks, as_json=arguments.json)
    if arguments.json:
        results = list(run_checks(checks))
        _write_json([_described(one.check) | _outcome(one) for one in results])
    else:
        results = report(checks, timed=arguments.times)
    return 0 if all(one.is_right for one in results) else 1


def _checks_of(arguments: argparse.Namespace) -> list[Check]:
    """Return all checks of what is to be checked."""
    if (arguments.model is None) == (arguments.plugin is None):
        both = arguments.plugin is not None
        raise OptionError(
            "MODEL and --plugin together" if both else "neither MODEL nor --plugin",
            expected="one of them",
            who="alchemi check",
            fix="alchemi models and alchemi plugins list what there is",
        )
    if arguments.plugin is None:
        return _made(_subject(arguments).checks())
    for name in ("accuracy", "device"):
        if getattr(arguments, name) is not None:
            raise OptionError(f"--{name} with --plugin", expected="MODEL with it", who="alchemi check")
    return conformance_checks(arguments.plugin)


def _subject(arguments: argparse.Namespace) -> ModelSubject:
    """Make the subject that MODEL names: one model as it is on offer, or a whole pipeline."""
    written, accuracy, device = arguments.model, arguments.accuracy or 0.0, chosen_device(arguments)
    path = model_file(written)
    alone = None if path else _alone(written)
    if alone is None:
        name = path.name if path else " ".join(written.split())
        return ModelSubject(
            compose(written, device, arguments.accept), name=name, accuracy=accuracy, device=str(device)
        )
    registry = default_registry()
    offer = registry.find(ModelOffer, offered_name(alone.name, registry.names(ModelOffer)))
    options = plain_options(alone) or offer.example
    exempt = offer.exempt if dict(options) == dict(offer.example) else {}
    return ModelSubject(offer.name, options, exempt=exempt, accuracy=accuracy, device=str(device))


def _alone(written: str) -> Term | None:
    """Return the only term of an expression, where it is one model of weight one without renames."""
    terms = parse_expression(written).terms
    one = terms[0] if len(terms) == 1 else None
    return one if isinstance(one, Term) and one.weight == 1.0 and not one.wire else None


def _made(checks: list[Check]) -> list[Check]:
    """Return checks of a model. Where options that were typed are wrong, that is an error and no failed check."""
    if len(checks) == 1:  # that it can be made
        try:
            checks[0]()
        except AssertionError as failure:
            if isinstance(failure.__cause__, OptionError):
                raise failure.__cause__ from None
    return checks


def _exemption(text: str) -> tuple[str, str]:
    name, _, reason = (part.strip() for part in text.partition("="))
    if not name or not reason:
        fix = f'--exempt "{name or "forces"}=why it need not pass"'
        raise OptionError(f"{text!r}", expected="NAME=REASON", who="--exempt", fix=fix)
    return name, reason


def _chosen(checks: list[Check], only: str | None) -> list[Check]:
    """Return the checks that have one of the words in their name; every word has to be in one."""
    if only is None or _is_silent(checks):
        return checks
    words = only.replace(",", " ").split()
    for word in words or [only]:
        if not any(word in check.name for check in checks):
            raise _unknown(word, [CheckName.of(check.name).group for check in checks])
    return [check for check in checks if any(word in check.name for word in words)]


def _is_silent(checks: list[Check]) -> bool:
    """Whether they are of one thing that cannot be made or does not answer: nothing is left to choose from."""
    return any(check.alone for check in checks) and len({CheckName.of(check.name).title for check in checks}) == 1


def _unknown(word: str, groups: list[str]) -> OptionError:
    close = nearest(word, groups)
    return OptionError(
        f"no check has {word!r} in its name",
        expected="a part of one of " + ", ".join(dict.fromkeys(groups)),
        who="--only",
        fix=f"--only {close}" if close else "",
    )


def _listed(checks: list[Check], *, as_json: bool) -> int:
    if as_json:
        _write_json([_described(check) for check in checks])
    else:
        sys.stdout.write("\n".join(listed_lines(checks)) + "\n")
    return 0


def _write_json(entries: list[dict[str, object]]) -> None:
    sys.stdout.write(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")


def _described(check: Check) -> dict[str, object]:
    name = CheckName.of(check.name)
    about = {"check": check.name, "kind": name.kind, "subject": name.subject}
    return {**about, "about": check.about, "exempt": check.exempt}


def _outcome(result: CheckResult) -> dict[str, object]:
    return {"status": result.status, "text": result.text, "seconds": round(result.seconds, 3)}
