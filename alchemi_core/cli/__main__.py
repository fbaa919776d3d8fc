"""``python -m alchemi_core.cli``: the command ``alchemi`` where no script is installed."""

from __future__ import annotations

import sys

try:
    from alchemi_core.cli.main import main
except KeyboardInterrupt:
    sys.stderr.write("alchemi: interrupted\n")
    sys.exit(130)

sys.exit(main())
