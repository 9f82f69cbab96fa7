"""The console's process: its settings, its log, its exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import structlog

from softphone_console.program import command_line, console
from softphone_console.watch.cluster import ClusterError


def main() -> None:
    """Run the console until it is told to stop."""
    settings = command_line.parse(None, os.environ)
    configure_logging(settings.log_level)
    try:
        asyncio.run(console.run(settings))
    except (ClusterError, OSError) as error:
        sys.exit(f"softphone-console: {error}")


def configure_logging(level: str) -> None:
    """One JSON object a line on stderr."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=level.upper(), format="%(message)s", force=True)
