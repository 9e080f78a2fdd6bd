from __future__ import annotations

import sys

from kling_emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
