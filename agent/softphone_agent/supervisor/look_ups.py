"""Names of registrars are looked up for the workers, so that no SIP loop waits for DNS."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import is_uri
from softphone_agent.supervisor.configuration import Configuration
from softphone_agent.supervisor.processes import WorkerProcess
from softphone_agent.worker.messages import LookedUp, LookUp

log = structlog.get_logger()


class LookUps:
    """The look-ups that are under way."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._waiting: dict[str, list[WorkerProcess]] = {}
        """Who waits for the look-up of which registrar."""
        self.tasks: set[asyncio.Task[None]] = set()

    def ask(self, one: WorkerProcess, asked: LookUp) -> None:
        """Find out where a registrar's name leads; workers that ask meanwhile get the same answer."""
        waiting = self._waiting.get(asked.uri)
        if waiting is not None:
            waiting.append(one)
            return
        self._waiting[asked.uri] = [one]
        task = asyncio.create_task(self._answer(asked))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, asked: LookUp) -> None:
        from softphone_agent.dns.resolver import LookupFault, Resolver  # 3 MB that only host names need

        name_servers = self._configuration.current.sip.name_servers
        bind_address = self._configuration.started_with.sip.bind_address
        try:
            found = await Resolver(name_servers, bind_address).servers(self._as_written(asked.uri), asked.seconds)
            answer = LookedUp(asked.uri, found)
        except LookupFault as fault:
            answer = LookedUp(asked.uri, fault=str(fault))
        except Exception:  # who waits has to be answered, else the name is never looked up again
            log.exception("look-up failed", uri=asked.uri)
            answer = LookedUp(asked.uri, fault="the look-up failed, see the agent's log")
        for one in self._waiting.pop(asked.uri):
            one.send(answer)

    def _as_written(self, uri: str) -> str:
        """The registrar's URI, with the dot at the end of its host where the configuration has one.

        Such a name is a full one, for which no search list counts. The canonical URI has no dot, and nothing on the
        wire has one.
        """
        config = self._configuration.current
        written = {pbx.address for pbx in config.pbxs}
        written |= {name for phone in config.phones for name in (phone.pri, phone.sec, phone.cur, phone.home) if name}
        for address in sorted(written):
            if "." in address and is_uri(address):
                found = sip_uri.parse(address)
                if found.host.endswith(".") and str(found.registrar()) == uri:
                    return str(replace(found.registrar(), host=found.host))
        return uri
