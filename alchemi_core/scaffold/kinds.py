"""The kinds of plugins that can be written, and the folder of templates of each."""

from __future__ import annotations

import attrs

from alchemi_core.errors import OptionError

WHO = "new-plugin"


@attrs.frozen
class Kind:
    """One kind of plugin, or one role of it.

    Parameters
    ----------
    folder : str
        Where its templates are.
    noun : str
        What it is called in sentences.
    """

    folder: str
    noun: str


KINDS = {
    "model": (Kind("model", "model"),),
    "neighbors": (Kind("builder", "builder of neighbor lists"), Kind("convert", "converter of neighbor lists")),
    "derivative": (Kind("derivative", "derivative strategy"),),
    "reduction": (Kind("reduction", "rule of reduction"),),
    "serializer": (Kind("serializer", "model with a serializer"),),
}
"""By what users write; roles, the first of which is the default, are called as their folders are."""

ROLES = tuple(kind.folder for kind in KINDS["neighbors"])


def kind_of(kind: str, role: str | None) -> Kind:
    """Return the kind that was asked for.

    Raises
    ------
    OptionError
        If there is no such kind, or it has no such role.
    """
    if kind not in KINDS:
        raise OptionError(f"kind {kind!r}", expected="one of " + ", ".join(KINDS), who=WHO)
    roles = {one.folder: one for one in KINDS[kind]}
    if role is None:
        return KINDS[kind][0]
    if kind != "neighbors":
        raise OptionError(f"--role {role} of a {kind}", expected="no role", who=WHO, fix="--kind neighbors")
    if role not in roles:
        raise OptionError(f"--role {role}", expected="one of " + ", ".join(roles), who=WHO)
    return roles[role]
