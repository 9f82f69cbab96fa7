"""The program `softphone-agent`. Signals are heard before anything else is imported."""

from __future__ import annotations

import sys

from softphone_agent.contract import early_stop


def main() -> int:
    """Run the command of this process; returns its exit code."""
    early_stop.listen()
    from softphone_agent.supervisor import command_line

    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
