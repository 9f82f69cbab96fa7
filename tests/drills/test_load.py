"""Thousands of phones whose PBX is restarted every minute: `make drill` for 20 minutes, `make soak HOURS=n` for longer.

LOAD_PHONES and LOAD_MINUTES make it smaller, to try it.
"""

from __future__ import annotations

import os
import time
from statistics import median

import pytest

from drills import fleets
from drills.drill import Drill, Fault
from drills.fleets import Fleet
from drills.growth import Watch
from drills.history import History
from lab.kube import Kube
from lab.measuring import RATE, busiest_second, processes_of_pods
from lab.pbx import System, default_system

pytestmark = [pytest.mark.lab, pytest.mark.drill]

PHONES = int(os.environ.get("LOAD_PHONES", "2000"))
MINUTES = int(os.environ.get("LOAD_MINUTES", "20"))
HOURS = float(os.environ.get("HOURS", "1"))
PER_AGENT = max(1, min(1000, PHONES // 2))
EXPIRES_SECONDS = 30
MINUTE = 60.0
DOWN_SECONDS = 10.0
LOOK_SECONDS = 10.0
PATIENCE = 600.0

DONE = f"Its home PBX is killed every minute, and started again {DOWN_SECONDS:.0f} s later, for"
NOTE = (
    "A phone whose home dies is out until its agent has noticed, and moves; it comes home with its next refresh. "
    "Both happen to every phone in every minute. An agent sends a PBX at most registerRate REGISTERs a second of its "
    f"own accord, {RATE:.0f} by default, and after a time of quiet as many at once; each may be challenged and then "
    "comes twice. So two agents of 1000 phones may send 4000 in a second, when all lose their home at the same moment."
)


def asked_the_standby(registers: int) -> str:
    """What it means that phones went to the second entry, and why their outages are the longest."""
    return (
        f"{registers} REGISTERs came to the standby. Phones ask it only where the primary has not served them: no "
        "answer within 4 s, or a redirect back to the dead home, given by a PBX that had no time to notice. Such a "
        "round costs up to 4 s and its back-off, on top of the up to 4 s until the ping fails, and a busy machine has "
        "more of them: they are the longest outage."
    )


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Fleet:
    registration = {"expiresSeconds": EXPIRES_SECONDS}
    return fleets.make(namespace, History(default_system()), PHONES, PER_AGENT, registration=registration)


def processes(phones: Fleet, operator: Kube) -> dict[str, int]:
    """The agents' processes and the operator's, by what they are."""
    found = {"operator": processes_of_pods(operator.names("pods"))[0]}
    for number, pod in sorted(phones.pods().items()):
        supervisor, *workers = processes_of_pods([pod["metadata"]["name"]])
        found[f"agent {number}, supervisor"] = supervisor
        found |= {f"agent {number}, worker {index}": pid for index, pid in enumerate(workers)}
    return found


def restart_every_minute(fault: Fault, pbx: str, minutes: int) -> list[float]:
    """When it was killed, each time."""
    killed = []
    begun = time.monotonic()
    for minute in range(minutes):
        time.sleep(max(0, begun + minute * MINUTE - time.monotonic()))
        killed.append(time.time())
        fault.kill(pbx)
        time.sleep(DOWN_SECONDS)
        fault.start(pbx)
    time.sleep(max(0, begun + minutes * MINUTE - time.monotonic()))
    return killed


def tell(fault: Fault, phones: Fleet, pbxes: System, since: dict[str, int], watch: Watch, killed: list[float]) -> None:
    """What came of it so far, into the row."""
    end, ledger = time.time(), fault.ledger()
    parts = [ledger.figures(begin, until) for begin, until in zip(killed, [*killed[1:], end], strict=True)]
    out = sum(gap.end - gap.begin for user in phones.users for gap in ledger.outages(user, killed[0], end))
    fault.figures = {
        "registered, mean of all phones over all the time": f"{1 - out / (end - killed[0]) / PHONES:.2%}",
        "longest outage of a minute, median": f"{median(part.longest_outage for part in parts):.1f} s",
        "REGISTERs a second, most": ", ".join(
            f"{busiest_second(pbx.registers(since=since[pbx.name]))} at {pbx.name}" for pbx in pbxes.pbxes
        ),
    }
    if asked := len(pbxes.pbx("standby").registers(since=since["standby"])):
        fault.note = f"{NOTE} {asked_the_standby(asked)}"
    if watch.ended:
        ended = ", ".join(f"{process} after {after:.0f} s" for process, after in sorted(watch.ended.items()))
        fault.figures["processes that ended"] = ended
    fault.growth = watch.found()


def endure(phones: Fleet, pbxes: System, operator: Kube, drill: Drill, name: str, minutes: int) -> None:
    """Restart the phones' PBX every minute, and see that all of them come back each time and that nothing grows."""
    since = {pbx.name: pbx.position() for pbx in pbxes.pbxes}
    long = f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
    with (
        drill("load", name, f"{DONE} {long}.", note=NOTE, patience=PATIENCE) as fault,
        Watch(processes(phones, operator), LOOK_SECONDS) as watch,
    ):
        killed = restart_every_minute(fault, "slave", minutes)
        tell(fault, phones, pbxes, since, watch, killed)
    assert not watch.ended
    assert [each for each in fault.growth if each.grew] == []


@pytest.mark.timeout(MINUTES * MINUTE + 1200)
def test_a_pbx_restarted_every_minute(phones: Fleet, pbxes: System, operator: Kube, drill: Drill) -> None:
    endure(phones, pbxes, operator, drill, "restarts", MINUTES)


@pytest.mark.soak
@pytest.mark.timeout(HOURS * 3600 + 1200)
def test_the_same_for_long(phones: Fleet, pbxes: System, operator: Kube, drill: Drill) -> None:
    endure(phones, pbxes, operator, drill, "soak", round(HOURS * 60))
