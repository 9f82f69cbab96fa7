"""`python -m softphone_monitoring` writes rules and dashboards into the chart, and docs/metrics.md."""

from __future__ import annotations

from softphone_monitoring.files import files


def main() -> None:
    """Write all that is generated."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
