"""The program `softphone-agent`. Signals are heard before anything else is imported."""

from __future__ import annotations

import sys

from softphone_agent import early_stop


def main() -> int:
    """Run the command of this process; returns its exit code."""
    early_stop.listen()
    from softphone_agent import command

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
