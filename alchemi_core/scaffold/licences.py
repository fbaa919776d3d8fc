"""Licences: which names can be written, and the texts that come with alchemi."""

from __future__ import annotations

import re

from alchemi_core.errors import OptionError, nearest

TEXTS = ("MIT", "BSD-3-Clause", "Apache-2.0")
"""SPDX names whose texts there are."""

OTHERS = (
    "AGPL-3.0-or-later",
    "BSD-2-Clause",
    "CC0-1.0",
    "EUPL-1.2",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MPL-2.0",
)
"""SPDX names whose texts are for the author to add."""


def licence_named(text: str) -> str:
    """Return the SPDX name of a licence, spelt as SPDX spells it.

    Raises
    ------
    OptionError
        If the name is unknown.

    Examples
    --------
    >>> licence_named("mit"), licence_named("LicenseRef-Proprietary")
    ('MIT', 'LicenseRef-Proprietary')
    """
    known = {name.lower(): name for name in (*TEXTS, *OTHERS)}
    if text.lower() in known:
        return known[text.lower()]
    if re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", text):
        return text
    close = nearest(text.lower(), known)
    raise OptionError(
        f"licence {text!r:.80}",
        expected="an SPDX name: " + ", ".join((*TEXTS, *OTHERS)) + ", or LicenseRef-... for one of your own",
        who="--licence",
        fix=f"--licence {known[close]}" if close else "",
    )
