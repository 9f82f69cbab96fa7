"""What a worker keeps, without an endpoint."""

from __future__ import annotations

import multiprocessing
import time

from softphone_agent.messages import LookedUp
from softphone_agent.pjsua import Engine, EngineSettings
from softphone_agent.targets import Place, Server, Target
from softphone_agent.worker import Worker


def test_nothing_is_kept_of_places_to_which_redirects_led_once() -> None:
    ours, _theirs = multiprocessing.Pipe()
    worker, now, target = Worker(Engine(EngineSettings("test")), ours), time.monotonic(), Target("192.0.2.1", 5060)
    for number in range(100):
        uri = f"sip:host{number}.test:5060;transport=udp"
        worker._bucket(uri).reserve(now)
        worker._looked_up(LookedUp(uri, (Server((target,)),)), now)
        worker._not_before[Place(uri, target)] = now + 5.0
    worker._forget_places(now)
    assert (len(worker._buckets), len(worker._servers), len(worker._not_before)) == (100, 0, 100)
    worker._forget_places(now + 5.0)
    assert (worker._buckets, worker._servers, worker._not_before) == ({}, {}, {})
