"""The program that `helm test` runs (trial.py). Signals are heard before anything else is imported."""

from __future__ import annotations

from softphone_agent.contract import early_stop


def main() -> None:
    """Run the test and exit: 0 Ready, 1 not Ready, 2 it could not be tried."""
    early_stop.listen(code=2)
    from softphone_operator.program import trial

    trial.main()


if __name__ == "__main__":
    main()
