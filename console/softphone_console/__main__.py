"""The program `softphone-console`. Signals are heard before anything else is imported."""

from __future__ import annotations

from softphone_agent.contract import early_stop


def main() -> None:
    """Run the console until it is told to stop."""
    early_stop.listen()
    from softphone_console.program import process

    process.main()


if __name__ == "__main__":
    main()
