"""Which server of a name is asked first, and which after it (RFC 2782)."""

from __future__ import annotations

import random
from collections import Counter

from softphone_agent.dns.targets import Server, Target, by_weight, choose

ONE, TWO, THREE = (Target(f"192.0.2.{number}", 5060) for number in (1, 2, 3))


def server(target: Target, priority: int = 0, weight: int = 0) -> Server:
    return Server((target,), priority, weight)


def unknown(target: Target) -> None:
    return None


def test_a_lower_priority_is_asked_first_whatever_its_weight() -> None:
    servers = (server(TWO, 20, 1000), server(ONE, 10), server(THREE, 30))
    assert choose(servers, None, unknown, random.Random(1).random) == (ONE, TWO, THREE)


def test_within_a_priority_a_server_comes_first_as_often_as_its_weight_says() -> None:
    servers = (server(ONE, weight=3), server(TWO, weight=1), server(THREE, weight=0))
    draw = random.Random(4711).random
    first = Counter(by_weight(servers, draw)[0].targets[0] for _ in range(4000))
    assert 2850 < first[ONE] < 3150
    assert 850 < first[TWO] < 1150
    assert first[THREE] == 0


def test_servers_that_are_known_to_be_silent_come_last() -> None:
    servers = (server(ONE, 1), server(TWO, 2), server(THREE, 3))
    assert choose(servers, None, lambda target: target != ONE, lambda: 0.0) == (TWO, THREE, ONE)
    assert choose(servers, None, lambda target: False, lambda: 0.0) == (ONE, TWO, THREE)


def test_a_phone_stays_where_it_is() -> None:
    servers = (server(ONE, 1, 100), server(TWO, 1, 1))
    assert choose(servers, TWO, unknown, lambda: 0.9) == (TWO, ONE)


def test_a_phone_does_not_stay_at_a_server_that_is_silent_or_that_dns_names_no_more() -> None:
    assert choose((server(ONE), server(TWO)), TWO, lambda target: target == ONE, lambda: 0.0) == (ONE, TWO)
    assert choose((server(ONE),), TWO, unknown, lambda: 0.0) == (ONE,)


def test_a_phone_goes_back_to_a_server_of_better_priority_once_that_is_known_to_answer() -> None:
    servers = (server(ONE, 1), server(TWO, 2))
    assert choose(servers, TWO, unknown, lambda: 0.0) == (TWO, ONE)
    assert choose(servers, TWO, lambda target: True, lambda: 0.0) == (ONE, TWO)
