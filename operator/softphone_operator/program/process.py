"""The operator's program."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import sys

import structlog

from softphone_operator.program import command_line
from softphone_operator.program.lifecycle import Operator

GARBAGE_AFTER = 10_000


def main() -> None:
    """Run the operator until it is told to stop."""
    settings = command_line.parse(None)
    configure_logging(settings.log_level)
    _raise_limit_of_open_files()
    _look_for_garbage_less_often()
    try:
        asyncio.run(Operator(settings).run())
    except KeyboardInterrupt:
        sys.exit(130)


def configure_logging(level: str) -> None:
    """One JSON object a line on stderr, for our own log and for that of the libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


def _look_for_garbage_less_often() -> None:
    """Objects come and go by the thousand, hardly any of them in cycles, and what was imported stays.

    By default a sixth of all work in a burst was the search for cycles.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)


def _raise_limit_of_open_files() -> None:
    """Each agent's stream is an open file; the soft limit is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
