"""What certificates do to phones on TLS. They are at home at `slave`."""

from __future__ import annotations

import time

import pytest

from drills import fleets, link
from drills.causes import COMES_HOME
from drills.conftest import EXPIRES_SECONDS, PHONES
from drills.drill import Drill
from drills.fleets import Fleet
from drills.history import History
from e2e.objects import pbx, secret
from lab.kube import Kube
from lab.pbx import System, default_system

pytestmark = [pytest.mark.lab, pytest.mark.drill]

TLS = "The phones are on TLS."
EXPIRED_SECONDS = 20
FORGOTTEN_SECONDS = 60


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Fleet:
    lab = default_system()
    namespace.apply(secret("authority", **{"ca.crt": lab.authority.read_text()}))
    tls = {"caSecretName": "authority"}
    return fleets.make(
        namespace,
        History(lab),
        PHONES,
        -(-PHONES // 2),
        pbxs=[pbx(each.name, address=each.tls_uri, tls=tls) for each in lab.pbxes],
        registration={"expiresSeconds": EXPIRES_SECONDS},
    )


def test_the_home_pbx_is_killed(drill: Drill) -> None:
    note = (
        f"{TLS} The end of the connection is noticed at once. But the primary redirects to the dead PBX until it has "
        "noticed too, and after each round in vain a phone waits by its back-off, up to 1, 2 and 4 s."
    )
    with drill("pbx", "tls-killed", "The PBX that holds all phones is killed (kill -9).", note=note) as fault:
        fault.until_all_at("slave")
        fault.begins()
        fault.kill("slave")
    with drill("pbx", "tls-killed-and-back", "The killed PBX is started again.", note=f"{TLS} {COMES_HOME}") as fault:
        fault.start("slave")
        fault.until_all_at("slave")


def test_the_home_pbx_is_restarted(drill: Drill) -> None:
    note = (
        f"{TLS} The end of the connection tells them that the bindings are gone; over UDP they would not know before "
        "their next refresh (the row killed-and-started)."
    )
    with drill("pbx", "tls-restarted", "The home PBX is killed and started at once.", note=note) as fault:
        fault.until_all_at("slave")
        fault.begins()
        fault.kill("slave")
        fault.start("slave")
        fault.until_all_at("slave")


def test_a_firewall_forgets_the_connections_to_the_home_pbx(drill: Drill, phones: Fleet, pbxes: System) -> None:
    done = (
        "What belongs to the present connections of the home PBX of half the phones is dropped for 60 s; new ones "
        "pass. The others are at home at the primary."
    )
    note = (
        f"{TLS} Nothing is told: a ping without an answer is the first sign. The connection is closed then, and the "
        "phones register over another one. Those at the primary keep their Call-IDs."
    )
    slave, master = pbxes.pbx("slave"), pbxes.pbx("master")
    moved = sorted(phones.users)[: len(phones.users) // 2]
    for user in moved:
        pbxes.set_home(user, "master")
    halves = {"master": len(moved), "slave": len(phones.users) - len(moved)}
    try:
        with drill("pbx", "connections-forgotten", done, note=note) as fault:
            fault.until(lambda ledger: ledger.by_pbx(time.time()) == halves, "half of the phones are at the primary")
            before = {each.aor: each.call_id for each in master.bindings()}
            fault.begins()
            with link.forgotten(slave.address) as count:
                assert count >= 2, "each agent has one"
                time.sleep(FORGOTTEN_SECONDS)
            fault.until(lambda ledger: ledger.by_pbx(time.time()) == halves, "all are where they were")
            assert {each.aor: each.call_id for each in master.bindings()} == before, "others keep their Call-IDs"
    finally:
        pbxes.reset_homes()
    with drill("pbx", "tls-homes-back", "The moved phones get their home back.", note=COMES_HOME) as fault:
        fault.until_all_at("slave")


def test_the_certificate_of_the_home_pbx_has_expired(drill: Drill, pbxes: System) -> None:
    done = f"The home PBX is started anew with an expired certificate, and {EXPIRED_SECONDS} s later with a valid one."
    note = (
        f"{TLS} No phone trusts it, and the other PBXes, which hear it, redirect every phone to it: "
        "nobody keeps the phones until the certificate is renewed. The first ping that the home answers ends "
        "their wait."
    )
    with drill("pbx", "certificate-expired", done, note=note) as fault:
        fault.kill("slave")
        pbxes.renew_certificate(days=-1)
        fault.start("slave")
        fault.until_none()
        time.sleep(EXPIRED_SECONDS)
        fault.kill("slave")
        pbxes.renew_certificate()
        fault.start("slave")
        fault.until_all_at("slave")
