"""The PBXes keep the rules of a redundant system, as seen by a client that knows nothing of our agent.

They run a system of their own, so that nobody who uses the lab's three PBXes is disturbed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.pbx import Pbx, PbxSpec, System
from lab.sandbox import Sandbox
from lab.settings import settings
from lab.sip_client import SipClient
from lab.waiting import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not Sandbox(settings()).running, reason="the lab is down (make lab-up)"),
]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """Master, slave and standby of these tests; alice is at home at the slave, bob at the master."""
    addresses = settings().pbx_addresses_in_lab[17:20]
    specs = [
        PbxSpec("t-master", addresses[0]),
        PbxSpec("t-slave", addresses[1], redirects_to="t-master"),
        PbxSpec("t-standby", addresses[2], redirects_to="t-master"),
    ]
    system = System(settings(), specs, {"alice": "t-slave", "bob": "t-master"}, {"u[0-9]+": "t-slave"})
    for pbx in system.pbxes:
        pbx.start()
    yield system
    for pbx in system.pbxes:
        pbx.kill()


@pytest.fixture
def pbxes(system: System) -> Iterator[tuple[Pbx, Pbx, Pbx]]:
    """All three of them up and empty of surprises."""
    for pbx in system.pbxes:
        pbx.start()
    for pbx in system.pbxes:
        pbx.wait_ready()
    master, slave, standby = system.pbxes
    yield master, slave, standby
    system.reset_homes()


@pytest.fixture
def alice() -> Iterator[SipClient]:
    with SipClient("alice") as client:
        yield client


def users(pbx: Pbx) -> set[str]:
    return {binding.aor for binding in pbx.bindings()}


@pytest.mark.proves("I1", "I3")
def test_every_pbx_leads_to_the_home_and_only_the_home_keeps(pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient) -> None:
    master, slave, standby = pbxes
    answer, asked = alice.follow(standby.address)
    assert (answer.code, asked) == (200, [standby.address, master.address, slave.address])
    assert answer.granted == 60
    assert users(slave) == {"alice"}
    assert users(master) == users(standby) == set()
    alice.register(slave.address, expires=0)
    assert users(slave) == set()


@pytest.mark.proves("I2")
def test_a_slave_sends_users_of_others_to_its_master(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    master, slave, _ = pbxes
    with SipClient("bob") as bob:
        answer, asked = bob.follow(slave.address)
        assert (answer.code, asked) == (200, [slave.address, master.address])
        bob.register(master.address, expires=0)


@pytest.mark.proves("I6")
def test_over_tcp_a_redirect_says_tcp(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    master, slave, _ = pbxes
    with SipClient("alice", tcp=True) as client:
        assert client.register(master.address).redirected_to == f"sip:{slave.address}:5060;transport=tcp"
        assert client.register(slave.address).code == 200
        client.register(slave.address, expires=0)


@pytest.mark.proves("I5")
def test_the_master_keeps_while_the_home_is_dead_and_gives_back_when_it_returns(
    pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient
) -> None:
    master, slave, _ = pbxes
    assert alice.follow(master.address)[0].code == 200
    slave.kill()
    killed = time.monotonic()
    wait_until(lambda: alice.register(master.address).code == 200, "master keeps", seconds=5)
    assert time.monotonic() - killed < 3
    assert users(master) == {"alice"}
    assert alice.register(master.address).code == 200, "a refresh is kept as well"

    slave.start()
    slave.wait_ready()
    assert users(slave) == set(), "a PBX that was killed comes back empty"
    wait_until(lambda: alice.register(master.address).code == 302, "master gives back", seconds=5)
    assert users(master) == set(), "what was kept is given up with the redirect"
    assert alice.follow(master.address)[1] == [master.address, slave.address]
    assert users(slave) == {"alice"}
    alice.register(slave.address, expires=0)


def test_a_register_without_contact_changes_no_binding(pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient) -> None:
    master, slave, _ = pbxes
    slave.kill()
    wait_until(lambda: alice.register(master.address).code == 200, "master keeps", seconds=5)
    here = master.position()
    with SipClient("alice", asks=True) as asking:
        kept = asking.register(master.address)
        assert (kept.code, kept.granted is not None) == (200, True), "it is told the binding"
        slave.start()
        slave.wait_ready()
        wait_until(lambda: asking.register(master.address).code == 302, "master redirects", seconds=5)
        assert users(master) == {"alice"}, "what is kept is not given up for a question"
        told = asking.register(slave.address)
        assert (told.code, told.granted) == (200, None), "no binding there"
    assert users(slave) == set()
    assert master.registers(since=here) == []
    assert {query.code for query in master.queries(since=here)} == {401, 200, 302}
    assert alice.register(master.address).code == 302
    assert users(master) == set()


@pytest.fixture
def slaves_standby() -> Iterator[tuple[Pbx, Pbx, Pbx]]:
    """Master, slave, and the slave's standby."""
    addresses = settings().pbx_addresses_in_lab[14:17]
    specs = [
        PbxSpec("s-master", addresses[0]),
        PbxSpec("s-slave", addresses[1], redirects_to="s-master", stand_in="s-standby"),
        PbxSpec("s-standby", addresses[2], redirects_to="s-slave"),
    ]
    master, slave, standby = System(settings(), specs, {"alice": "s-slave"}).pbxes
    for pbx in (master, slave, standby):
        pbx.start()
    for pbx in (master, slave, standby):
        pbx.wait_ready()
    yield master, slave, standby
    for pbx in (master, slave, standby):
        pbx.kill()


@pytest.mark.proves("I5")
def test_users_of_a_slave_that_is_dead_are_sent_to_its_standby(
    slaves_standby: tuple[Pbx, Pbx, Pbx], alice: SipClient
) -> None:
    master, slave, standby = slaves_standby
    assert alice.follow(master.address)[1] == [master.address, slave.address]
    assert alice.follow(standby.address)[1] == [standby.address, slave.address]
    slave.kill()
    there = f"sip:{standby.address}:5060"
    wait_until(lambda: alice.register(master.address).redirected_to == there, "master points to the standby", seconds=5)
    wait_until(lambda: alice.register(standby.address).code == 200, "the standby has noticed it too", seconds=5)
    assert users(standby) == {"alice"}
    slave.start()
    slave.wait_ready()
    wait_until(lambda: alice.register(standby.address).code == 302, "the standby gives back", seconds=5)
    assert users(standby) == set()


@pytest.mark.proves("I4", "I5")
def test_the_standby_keeps_while_the_master_is_silent(pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient) -> None:
    master, _, standby = pbxes
    master.pause()
    try:
        wait_until(lambda: alice.register(standby.address).code == 200, "standby keeps", seconds=5)
        assert users(standby) == {"alice"}
    finally:
        master.resume()
    wait_until(lambda: alice.register(standby.address).code == 302, "standby gives back", seconds=5)
    assert users(standby) == set()


def test_what_a_standby_keeps_can_be_ended_there_after_the_home_is_back(
    pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient
) -> None:
    master, slave, _ = pbxes
    slave.kill()
    wait_until(lambda: alice.register(master.address).code == 200, "master keeps", seconds=5)
    slave.start()
    slave.wait_ready()
    wait_until(lambda: "t-slave" in master.reachable(), "master sees the slave", seconds=5)
    assert alice.register(master.address, expires=0).code == 200
    assert users(master) == set()


def test_a_wrong_password_is_challenged_again(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    _, slave, _ = pbxes
    with SipClient("alice", password="wrong") as client:
        assert client.register(slave.address).code == 401
    assert users(slave) == set()


def test_an_own_name_for_authentication_is_accepted_and_another_users_is_not(
    pbxes: tuple[Pbx, Pbx, Pbx],
) -> None:
    _, slave, _ = pbxes
    with SipClient("alice", auth_user="auth-alice") as client:
        assert client.register(slave.address).code == 200
        client.register(slave.address, expires=0)
    with SipClient("alice", auth_user="bob", password="pw-bob") as client:
        assert client.register(slave.address).code == 403


def test_a_user_of_nobody_is_not_found(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    for pbx in pbxes:
        with SipClient("nobody") as client:
            assert client.register(pbx.address).code == 404


def test_a_users_home_can_be_moved(system: System, pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient) -> None:
    master, slave, _ = pbxes
    system.set_home("alice", "t-master")
    assert alice.follow(slave.address)[1] == [slave.address, master.address]
    alice.register(master.address, expires=0)
    system.set_home("u7", "t-master")
    system.reset_homes()
    assert alice.register(slave.address).code == 200
    with SipClient("u7") as client:
        assert client.register(slave.address).code == 200
        client.register(slave.address, expires=0)
    alice.register(slave.address, expires=0)


def test_short_expiries_are_raised_to_the_minimum(pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient) -> None:
    _, slave, _ = pbxes
    assert alice.register(slave.address, expires=3).granted == slave.spec.min_expires
    alice.register(slave.address, expires=0)


def test_the_log_tells_what_was_asked_and_answered(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    master, slave, _ = pbxes
    here, there = master.position(), slave.position()
    began = time.time()
    with SipClient("alice", headers={"X-Physical-Location": "berlin 3"}, domain="site-7.test") as client:
        client.follow(master.address)
        client.register(slave.address, expires=0)
    [redirected] = master.registers(since=here)
    assert (redirected.code, redirected.redirected_to) == (302, "t-slave")
    assert not redirected.credentials_given
    assert began - 1 < redirected.time < time.time() + 1
    challenged, accepted, *ended = slave.registers(since=there, aor="sip:alice@site-7.test")
    assert (challenged.code, challenged.credentials_given) == (401, False)
    assert (accepted.code, accepted.user_name, accepted.redirected_to) == (200, "alice", None)
    assert accepted.aor == "alice@site-7.test"
    assert accepted.from_domain == "site-7.test"
    assert accepted.location_header == "berlin 3"
    assert (accepted.call_id, accepted.cseq, accepted.expires) == (client.call_id, 3, 60)
    assert accepted.contact_uri.startswith("sip:alice@")
    assert accepted.source.startswith("udp:")
    assert ended[-1].unregisters


def test_a_binding_is_told_with_all_its_parts(pbxes: tuple[Pbx, Pbx, Pbx], alice: SipClient) -> None:
    _, slave, _ = pbxes
    alice.register(slave.address, expires=40)
    [binding] = slave.bindings("sip:alice@pbx.test")
    assert binding.call_id == alice.call_id
    assert binding.cseq == 2
    assert 38 <= binding.expires_seconds <= 40
    assert binding.contact.startswith("sip:alice@")
    alice.register(slave.address, expires=0)


def test_a_dead_pbx_answers_nothing_and_refuses_tcp(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    _, slave, _ = pbxes
    slave.kill()
    assert not slave.running
    assert not slave.answers()
    with SipClient("alice", tcp=True) as client, pytest.raises(ConnectionRefusedError):
        client.register(slave.address)


def test_a_thousand_users_register_within_seconds(pbxes: tuple[Pbx, Pbx, Pbx]) -> None:
    _, slave, _ = pbxes
    with SipClient("u0") as client:
        for index in range(1000):
            caller = replace(client, user=f"u{index}", call_id=f"many-{index}")
            assert caller.register(slave.address).code == 200
    assert len(slave.bindings()) == 1000
    slave.kill()
