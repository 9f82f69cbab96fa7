"""The main function of a worker process: it opens the SIP engine. Only here the rooms above sip/ meet pjsua2."""

from __future__ import annotations

from multiprocessing.connection import Connection

from softphone_agent.sip.engine import Engine
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.worker.loop import Worker


def run(pipe: Connection, settings: EngineSettings) -> None:
    """Run until told to stop, or until the supervisor is gone. Raises RuntimeError where the engine does not start."""
    engine = Engine(settings)
    engine.open()
    try:
        Worker(engine, pipe).run()
    finally:
        engine.close()
