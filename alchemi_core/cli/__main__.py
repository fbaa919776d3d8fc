"""``python -m alchemi_core.cli``: the command ``alchemi`` where no script is installed."""

from __future__ import annotations

import sys

from alchemi_core.cli.main import main

sys.exit(main())
