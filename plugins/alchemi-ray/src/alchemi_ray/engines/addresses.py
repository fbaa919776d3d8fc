"""Addresses of Ray clusters: whether anyone listens there, which Ray itself goes on asking for minutes."""

from __future__ import annotations

import re
import socket

from alchemi_core.errors import OptionError

WITH_PORT = re.compile(r"\[?(?P<host>[^\]/]+?)\]?:(?P<port>\d{1,5})")
PATIENCE = 10.0
"""Seconds for a connection: a machine that does not answer at all is told from one that is far away."""


def check_address(address: str | None) -> None:
    """Refuse a host and port where nobody listens; ``auto`` and other words are for Ray to look up.

    Raises
    ------
    OptionError
        If no connection can be made.
    """
    found = WITH_PORT.fullmatch(address or "")
    if found is None:
        return
    try:
        socket.create_connection((found["host"], int(found["port"])), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise OptionError(
            f"nobody listens at {address}: {error}",
            expected="the address of a cluster, such as HOST:6379 or auto",
            who="--address",
            fix="ray start --head on that machine, or without --address for a cluster of our own",
        ) from error
