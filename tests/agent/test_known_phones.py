"""Who of ours a request means, and what an OPTIONS is answered."""

from __future__ import annotations

import pytest

from softphone_agent.dns.targets import Place
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.known_phones import KnownPhones

MASTER, SLAVE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "203.0.113.66"


def registration(address: str, *, bound: bool = True) -> Registration:
    return Registration(None, Place(f"sip:{address}"), "", 0, None, 60, bound=bound)  # type: ignore[arg-type]


class Phones(KnownPhones):
    """alice, who is told where she is registered."""

    def __init__(self) -> None:
        super().__init__()
        self.alice = self.known("alice", "sip:alice@pbx.test")

    def register(self, address: str) -> None:
        self.alice.present = registration(address)
        self.has_bound("alice", self.alice.present)

    def asked(self, source: str, user: str = "alice@") -> int:
        return self.options_code(f"sip:{user}192.0.2.9:5060", source)


@pytest.fixture
def phones() -> Phones:
    return Phones()


def test_the_pbx_where_it_is_registered_and_others_hear_that_it_is_there(phones: Phones) -> None:
    phones.register(MASTER)
    assert [phones.asked(source) for source in (MASTER, SLAVE, ELSEWHERE)] == [200, 200, 200]


def test_a_pbx_from_which_it_has_moved_hears_that_it_is_not(phones: Phones) -> None:
    phones.register(MASTER)
    phones.register(SLAVE)
    assert [phones.asked(source) for source in (MASTER, SLAVE, ELSEWHERE)] == [480, 200, 200]
    phones.register(MASTER)
    assert [phones.asked(source) for source in (MASTER, SLAVE)] == [200, 480]


def test_a_phone_without_a_binding_is_there_for_the_pbx_that_it_asks(phones: Phones) -> None:
    """That one may send an OPTIONS before its answer was read."""
    assert phones.asked(MASTER) == 480
    phones.alice.present = registration(MASTER, bound=False)
    assert [phones.asked(source) for source in (MASTER, SLAVE)] == [200, 480]


def test_of_two_phones_of_one_user_one_is_enough(phones: Phones) -> None:
    phones.known("desk", "sip:alice@pbx.test")
    phones.register(MASTER)
    assert phones.asked(MASTER) == 200
    assert phones.shares_its_aor("desk")


def test_users_that_are_not_ours_and_no_user_at_all(phones: Phones) -> None:
    assert phones.asked(MASTER, "bob@") == 404
    assert [phones.has(f"sip:{user}192.0.2.9") for user in ("bob@", "alice@", "")] == [False, True, True]
    assert phones.asked(MASTER, "") == 200, "whoever asks the agent itself"


def test_a_phone_that_is_gone_or_is_another_user_now_is_not_found(phones: Phones) -> None:
    phones.register(MASTER)
    phones.known("alice", "sip:carol@pbx.test")
    assert (phones.asked(MASTER), phones.asked(MASTER, "carol@")) == (404, 200)
    assert phones.pop("alice") is phones.alice
    assert phones.asked(MASTER, "carol@") == 404
    assert phones.pop("alice") is None
    assert (phones.bound("alice"), phones.callee("sip:carol@192.0.2.9")) == (None, None)
    phones.has_bound("alice", registration(MASTER))
    assert list(phones) == []


def test_an_escaped_user_is_the_same_user(phones: Phones) -> None:
    phones.known("u", "sip:m%C3%BCller@pbx.test").present = registration(MASTER)
    assert phones.asked(MASTER, "m%c3%bcller@") == 200
    callee = phones.callee("sip:m%c3%bcller@192.0.2.9")
    assert callee is not None
    assert callee.name == "u"
