"""What PBXes, and the ways to them, do to a fleet.

All phones are at home at `slave`. `master` and `standby` are the entries; they redirect while they hear the PBX that
they would redirect to (standby: master, master: slave), and keep the phones while they do not.
"""

from __future__ import annotations

import time

import pytest

from drills import link
from drills.causes import COMES_HOME, PINGS, UNTOLD
from drills.drill import Drill
from drills.fleets import Fleet
from lab.pbx import System
from lab.settings import settings

pytestmark = [pytest.mark.lab, pytest.mark.drill]

REFRESHES = 30
"""Seconds in which every phone has refreshed its binding once."""


def test_the_home_pbx_is_killed_and_comes_back(drill: Drill) -> None:
    with drill("pbx", "killed", "The PBX that holds all phones is killed (kill -9).", note=PINGS) as fault:
        fault.kill("slave")
    done = "The killed PBX is started again; the phones come home."
    with drill("pbx", "killed-and-back", done, note=COMES_HOME) as fault:
        fault.start("slave")
        fault.until_all_at("slave")


def test_the_home_pbx_falls_silent_and_goes_on(drill: Drill) -> None:
    with drill("pbx", "silent", "The PBX that holds all phones falls silent (SIGSTOP).", note=PINGS) as fault:
        fault.pause("slave")
    done = "The silent PBX goes on (SIGCONT), with the bindings it had."
    note = (
        f"{COMES_HOME} Its bindings of before have not expired yet: with them it holds each phone a second time until "
        "the phone is at home, or the old binding ends."
    )
    with drill("pbx", "silent-and-back", done, note=note) as fault:
        fault.resume("slave")
        fault.until_all_at("slave")


def test_the_standby_of_the_standby(drill: Drill) -> None:
    done = "The home PBX is dead, and the one that stands in for it is killed."
    with drill("pbx", "second-death", done, note=PINGS) as fault:
        fault.kill("slave")
        fault.until_all_at("master")
        fault.begins()
        fault.kill("master")
        fault.until_all_at("standby")
    done = "Both are started again, the home PBX 10 s after the other."
    with drill("pbx", "second-death-and-back", done, note=COMES_HOME) as fault:
        fault.start("master")
        time.sleep(10)
        fault.start("slave")
        fault.until_all_at("slave")


def test_both_entries_down(drill: Drill) -> None:
    done = "Both entry PBXes are killed, for 30 s; the phones are at home."
    with drill("pbx", "entries-killed", done) as fault:
        fault.kill("master")
        fault.kill("standby")
        time.sleep(REFRESHES)
        assert set(fault.ledger().by_pbx(time.time())) == {"slave"}
        fault.start("master")
        fault.start("standby")


def test_both_entries_down_then_one_back(drill: Drill) -> None:
    done = "Both entry PBXes are killed, and after 30 s one of them, the standby, is started again."
    with drill("pbx", "entries-killed-one-back", f"{done} The phones are at home.") as fault:
        fault.kill("master")
        fault.kill("standby")
        time.sleep(REFRESHES)
        fault.start("standby")
        time.sleep(REFRESHES)
        assert set(fault.ledger().by_pbx(time.time())) == {"slave"}
    done = "The one entry is still dead, and the home PBX is killed."
    with drill("pbx", "one-entry-home-killed", done, note=PINGS) as fault:
        fault.kill("slave")
        fault.until_all_at("standby")
    done = "The other entry and the home PBX are started again; the phones come home."
    with drill("pbx", "one-entry-home-back", done, note=COMES_HOME) as fault:
        fault.start("master")
        fault.start("slave")
        fault.until_all_at("slave")


def test_all_down_then_one_entry_back(drill: Drill) -> None:
    done = "All three PBXes are killed; after 20 s one entry is started again."
    note = (
        "The phones wait by their back-off. The first ping that the entry answers ends it for all of them, each at a "
        "moment of its own within a second, so that the PBX is not run over."
    )
    with drill("pbx", "all-killed", done, note=note) as fault:
        for pbx in ("slave", "master", "standby"):
            fault.kill(pbx)
        time.sleep(20)
        fault.start("standby")
        fault.until_all_at("standby")
    with drill("pbx", "all-back", "The other two are started again; the phones come home.", note=COMES_HOME) as fault:
        fault.start("master")
        fault.start("slave")
        fault.until_all_at("slave")


def test_restarts_in_a_loop(drill: Drill) -> None:
    note = f"{UNTOLD} Each restart leaves an empty PBX that answers again before a ping has failed."
    done = "The home PBX is killed and started at once, ten times in 30 s."
    with drill("pbx", "restart-loop", done, note=note) as fault:
        for _ in range(10):
            fault.kill("slave")
            fault.start("slave")
            time.sleep(3)
        fault.until_all_at("slave")


def test_the_registrar_forgets(drill: Drill) -> None:
    with drill("pbx", "forgets", "The home PBX loses all bindings and goes on.", note=UNTOLD) as fault:
        fault.forget("slave")
        fault.until_all_at("slave")


def test_the_way_to_an_entry_is_cut(drill: Drill, pbxes: System) -> None:
    done = "All packets from and to the primary PBX are dropped for 30 s; the phones are at home."
    with drill("pbx", "entry-cut", done) as fault:
        with link.cut(pbxes.pbx("master").address):
            fault.silent("master")
            time.sleep(REFRESHES)
            assert set(fault.ledger().by_pbx(time.time())) == {"slave"}
        fault.back("master")


def test_the_way_to_an_entry_is_cut_and_the_home_dies(drill: Drill, pbxes: System) -> None:
    done = "All packets from and to the primary PBX are dropped, and the home PBX is killed."
    with link.cut(pbxes.pbx("master").address), drill("pbx", "entry-cut-home-killed", done, note=PINGS) as fault:
        fault.silent("master")
        fault.kill("slave")
        fault.until_all_at("standby")
    done = "The packets pass again, and the home PBX is started."
    with drill("pbx", "entry-mended-home-back", done, note=COMES_HOME) as fault:
        fault.back("master")
        fault.start("slave")
        fault.until_all_at("slave")


def test_only_the_phones_are_cut_off_from_the_primary(drill: Drill, pbxes: System) -> None:
    done = "The home PBX is killed while the phones, but not the PBXes, are cut off from the primary; for 20 s."
    note = (
        "The standby hears the primary and goes on redirecting to it, and nobody else would keep the phones: "
        "they are out until the way is back. A PBX cannot see what only phones see. The first ping that the primary "
        "answers ends the wait of the phones; one that is just asking in vain then waits by its back-off, of up to "
        "16 s after five rounds."
    )
    with drill("pbx", "split", done, note=note) as fault:
        with link.cut(pbxes.pbx("master").address, of=settings().pod_range):
            fault.silent("master")
            fault.kill("slave")
            fault.until_none()
            time.sleep(20)
        fault.back("master")
        fault.until_all_at("master")
    with drill("pbx", "split-mended", "The home PBX is started again.", note=COMES_HOME) as fault:
        fault.start("slave")
        fault.until_all_at("slave")


def test_a_lossy_and_slow_way(drill: Drill, pbxes: System) -> None:
    done = "For 60 s a tenth of the packets between phones and home PBX is lost, each way, and the others take 150 ms."
    note = "REGISTERs and pings are sent again until they are answered; a phone moves only when all of that was lost."
    with drill("pbx", "lossy", done, note=note) as fault:
        with link.bad(pbxes.pbx("slave").address, loss=0.1, seconds=0.15, spread=0.05) as way:
            time.sleep(2 * REFRESHES)
        fault.figures["packets lost"] = f"{way.lost} of {way.lost + way.passed}"
        assert way.lost > 0
        fault.until_all_at("slave")


def test_a_very_lossy_way(drill: Drill, pbxes: System) -> None:
    done = "For 60 s 40 % of the packets between phones and home PBX is lost, each way."
    note = (
        "The agents take the PBX for dead where all of several pings was lost. The other PBXes hear it and redirect "
        "phones back to it, and they try again by their back-off. The PBX holds each until its binding expires, so "
        "that those are out of whom no REGISTER came through for so long; their back-off goes on when the way is good "
        "again. An agent whose ping is lost also asks from a fresh socket, and where that is answered takes a new one "
        "for this PBX and registers from there; where the un-REGISTER of the old Contact was lost, that is a second "
        "binding until it expires."
    )
    with drill("pbx", "very-lossy", done, note=note) as fault:
        with link.bad(pbxes.pbx("slave").address, loss=0.4, seconds=0.02, spread=0.02) as way:
            time.sleep(2 * REFRESHES)
        fault.figures["packets lost"] = f"{way.lost} of {way.lost + way.passed}"
        assert way.lost > 0
        fault.until_all_at("slave")


def test_a_pbx_that_answers_pings_with_100_only(drill: Drill, phones: Fleet, pbxes: System) -> None:
    done = "For 60 s the home PBX of half the phones answers OPTIONS with 100 only; all others are at the primary."
    note = "Its REGISTERs are answered, so that its silence to pings means nothing; nobody registers anew."
    slave, master = pbxes.pbx("slave"), pbxes.pbx("master")
    moved = sorted(phones.users)[: len(phones.users) // 2]
    for user in moved:
        pbxes.set_home(user, "master")
    try:
        with drill("pbx", "provisional-pings", done, note=note) as fault:
            halves = {"master": len(moved), "slave": len(phones.users) - len(moved)}
            fault.until(lambda ledger: ledger.by_pbx(time.time()) == halves, "half of the phones are at the primary")
            time.sleep(REFRESHES)  # every phone has refreshed where it is: from now on each goes on with its Call-ID
            since = {pbx: pbx.position() for pbx in (slave, master)}
            fault.begins()
            slave.call("htable.sets", "faults", "options", "100")
            time.sleep(2 * REFRESHES)
            slave.call("htable.delete", "faults", "options")
            call_ids = {
                pbx.name: len({(one.aor, one.call_id) for one in pbx.registers(since=position)})
                for pbx, position in since.items()
            }
            fault.figures["Call-IDs"] = ", ".join(f"{count} at {name}" for name, count in call_ids.items())
            assert call_ids == halves, "the phones of both PBXes keep their Call-IDs"
    finally:
        pbxes.reset_homes()
    with drill("pbx", "homes-back", "The moved phones get their home back.", note=COMES_HOME) as fault:
        fault.until_all_at("slave")


@pytest.mark.timeout(900)
def test_redirects_in_circles(drill: Drill, phones: Fleet, pbxes: System) -> None:
    minutes = 5
    done = f"For {minutes} minutes the home PBX redirects every phone to the primary, which redirects it back."
    note = (
        "Nobody keeps the phones, so they are out for as long as this lasts; what counts is that they do not hammer "
        "the PBXes, and that all come back. The wait after a round that ended in a circle is up to 60 s."
    )
    slave = pbxes.pbx("slave")
    with drill("pbx", "circles", done, note=note) as fault:
        since = {pbx.name: pbx.position() for pbx in pbxes.pbxes}
        for user in phones.users:
            slave.call("htable.sets", "homes", user, "standby")
        fault.until_none()
        time.sleep(minutes * 60)
        sent = sum(len(pbx.registers(since=since[pbx.name])) for pbx in pbxes.pbxes)
        fault.figures["REGISTERs of a phone in a minute"] = f"{sent / len(phones.users) / minutes:.1f}"
        for user in phones.users:
            slave.call("htable.delete", "homes", user)
        fault.until_all_at("slave")
