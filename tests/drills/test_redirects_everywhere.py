"""What phones that follow any redirect do when they are led to ever new places, and what agents keep of it."""

from __future__ import annotations

import itertools
import time

import pytest

from drills import link
from drills.drill import Drill
from drills.fleets import Fleet
from drills.forger import Forger
from drills.strangers import attack, samples
from lab.measuring import private_memory, processes_of_pods
from lab.pbx import System
from lab.settings import settings
from lab.waiting import wait_until
from sip_responder import Request, answer
from softphone_agent.worker.memory import BURST_SECONDS, GIVE_BACK_SECONDS

pytestmark = [pytest.mark.lab, pytest.mark.drill, pytest.mark.timeout(600)]

SECONDS = 60
LEAST_PLACES = 1000
"""In fewer nothing would be seen of what is kept of each."""
MEGABYTES = 16
"""That a process may hold more afterwards. A place whose name is a label is ten series and 7 kB."""


def memory(phones: Fleet) -> dict[int, float]:
    """What each process of the agents holds of its own, in MB."""
    pids = processes_of_pods(pod["metadata"]["name"] for pod in phones.pods().values())
    return {pid: private_memory(pid) for pid in pids}


def series(phones: Fleet) -> int:
    """How many series all agents show."""
    return sum(1 for _ in samples(phones))


def test_redirects_to_ever_new_places(drill: Drill, phones: Fleet, pbxes: System) -> None:
    done = (
        f"For {SECONDS} s one who sees all REGISTERs redirects each, before the home PBX can, to a host of his own, "
        "where every port redirects to one that nobody has seen before. The phones have `redirectPolicy: Any`."
    )
    note = (
        "They go there: who may forge answers over UDP leads phones where he wants, unless they have `KnownPBXes`, or "
        "TLS. What counts is that agents keep nothing of each place. The phones come back by their back-off of up to "
        "60 s."
    )
    slave, host = pbxes.pbx("slave"), settings().pbx_addresses[6]
    ports = itertools.cycle(range(1024, 65536))

    def onward(request: Request) -> list[bytes]:
        return [answer(request, 302, f"Contact: <sip:{host}:{next(ports)}>")]

    with attack(drill, phones, "redirects-everywhere", done, note=note) as fault:
        held, shown = memory(phones), series(phones)
        with (
            link.bad(slave.address, loss=0, seconds=0.1),
            Forger(slave.address, slave.port, onward),
            Forger(host, None, onward) as everywhere,
        ):
            time.sleep(SECONDS)
        fault.until_all_at("slave")
        places = len(everywhere.seen)
        assert places >= LEAST_PLACES

        def gained() -> float:
            now = memory(phones)
            assert now.keys() == held.keys(), "no process was replaced"
            return max(now[pid] - held[pid] for pid in held)

        wait_until(
            lambda: gained() <= MEGABYTES,
            "the memory is given back",
            seconds=2 * (GIVE_BACK_SECONDS + BURST_SECONDS),
            explain=lambda: f"{gained():.1f} MB more",
        )
        more = series(phones) - shown
        assert more < places, "what is shown does not grow with the places"
        fault.figures["places"] = str(places)
        fault.figures["more series"] = str(more)
        fault.figures["more memory, at most"] = f"{max(0.0, gained()):.1f} MB in a process"
