"""Runs in a process of its own: rebuilds models, honest and hostile, and notes what else happens meanwhile."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import OptionError, SerializationError
from alchemi_core.offers import load_target
from alchemi_core.testing.serializer_checks.hostile import BAIT, hostile_options

if TYPE_CHECKING:
    from alchemi_core.models import ModelOrigin

ROOM = 4 * 2**30
"""Bytes of memory that hostile options may ask for beyond what the process has."""

_WATCHED = {"open", "subprocess.Popen", "os.system", "socket.connect", "pickle.find_class"}
_SYSTEM = ("/proc/", "/sys/", "/dev/")


class Onlooker:
    """Notes what Python reports to be done while it looks (https://peps.python.org/pep-0578/)."""

    def __init__(self) -> None:
        self.looks = False
        self.seen: list[str] = []
        places = [sys.prefix, sys.base_prefix, *(one for one in sys.path if one and one != str(Path.cwd()))]
        self._own = tuple(f"{Path(one).resolve()}/" for one in places if Path(one).is_dir())
        sys.addaudithook(self._note)

    def _note(self, event: str, given: tuple[Any, ...]) -> None:
        if self.looks and event in _WATCHED and self._tells(event, given):
            self.seen.append(f"{event} {given[0]}" if event != "pickle.find_class" else f"{event} {given[:2]}")

    def _tells(self, event: str, given: tuple[Any, ...]) -> bool:
        """Tell whether it is anything but Python's own business, or reading what is installed."""
        if event != "open" or isinstance(given[0], int) or given[0] is None:
            return event != "open"
        path = given[0].decode() if isinstance(given[0], bytes) else str(given[0])
        if path.endswith((".py", ".pyc", ".so")) or path.startswith(_SYSTEM):
            return False
        return not str(Path(path).absolute()).startswith(self._own)

    def during(self, call: Any) -> Any:
        """Return what a call returns, while looking."""
        self.looks = True
        try:
            return call()
        finally:
            self.looks = False
            if sys.modules.pop(BAIT, None) is not None:
                self.seen.append(f"import {BAIT}")


def main(folder: Path) -> None:
    """Work through a job, and leave what was found beside it."""
    job = pickle.loads((folder / "job.pickle").read_bytes())  # noqa: S301 - written by the parent
    serializer, onlooker = load_target(job["target"]), Onlooker()

    def rebuild(origin: ModelOrigin, tensors: Any) -> str:
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        try:
            onlooker.during(lambda: serializer.rebuild(origin, copies, job["registry"]))
        except (SerializationError, OptionError):
            return "refused"
        except Exception as error:  # noqa: BLE001 - what it raises is what is to be found out
            return f"raised {type(error).__name__}: {error}"[:300]
        return "made"

    honest = [rebuild(origin, tensors) for origin, tensors in job["written"]]
    _limit_memory()
    hostile = {}
    for origin, tensors in job["written"]:
        for what, changed in hostile_options(origin):
            hostile[f"{origin.offer}: {what}"] = rebuild(changed, tensors)
    found = {"honest": honest, "hostile": hostile, "seen": sorted(set(onlooker.seen))}
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _limit_memory() -> None:
    """Limit what this process may allocate; only Linux says how much it has already."""
    if sys.platform != "linux":
        return
    import resource

    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
