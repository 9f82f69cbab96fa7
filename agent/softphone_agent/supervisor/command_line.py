"""The command `softphone-agent`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from importlib.metadata import version
from pathlib import Path

import structlog

from softphone_agent.contract import reading
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.phone.named_files import file_faults

EXIT_FAULTY = 2
NO_PJSUA2 = "pjsua2 is not there: make agent installs it too, make pjsua2 builds its wheel (images/pjsua2/README.md)"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 2 for a faulty configuration, 1 where the agent cannot start."""
    parser = argparse.ArgumentParser(prog="softphone-agent", description="Registers softphones with SIP PBXes.")
    parser.add_argument("--version", action="version", version=version("softphone-fleet"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="register the phones of a configuration file")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="configuration, JSON or YAML")
    run.add_argument(
        "--check",
        action="store_true",
        help="check the file, and those that it names, and end: 0 if all is good, else 2",
    )
    options = parser.parse_args(arguments)
    try:
        config, digest = reading.load(options.config)
    except ConfigFaults as refused:
        return _refused(options.config, refused)
    if options.check:
        if faults := file_faults(config):
            return _refused(options.config, ConfigFaults(faults))
        phones, pbxs = len(config.phones), len(config.pbxs)
        counts = f"{phones} phone{'' if phones == 1 else 's'}, {pbxs} PBX{'' if pbxs == 1 else 'es'}"
        print(f"{options.config.name}: {counts}, ok")  # noqa: T201
        return 0
    _log_json_lines()
    try:  # here, since --check needs none of it
        from softphone_agent.sip import library
        from softphone_agent.supervisor.showing import Versions
        from softphone_agent.supervisor.supervisor import Supervisor
        from softphone_agent.worker import process
    except ModuleNotFoundError as error:
        if error.name != "pjsua2":
            raise
        print(f"softphone-agent: cannot start: {NO_PJSUA2}", file=sys.stderr)  # noqa: T201
        return 1
    versions = Versions(version("softphone-fleet"), library.version())
    try:
        asyncio.run(Supervisor(options.config, config, digest, versions, process.run).run())
    except OSError as error:
        print(f"softphone-agent: cannot start: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _refused(file: Path, refused: ConfigFaults) -> int:
    for fault in refused.faults:
        print(f"{file.name}: {fault}", file=sys.stderr)  # noqa: T201
    return EXIT_FAULTY


def _log_json_lines() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
