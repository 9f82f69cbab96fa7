"""What watches bring, and what pages then know."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from console import objects
from console.objects import event, pbx, softphone
from softphone_console.view.facts import Key
from softphone_console.watch.store import EVENTS, MOST_EVENTS, Source, Store

PHONES, PBXES, TOLD = Source("Softphone", ""), Source("PBX", ""), Source(EVENTS, "")


class Time:
    """A clock that stands, and how often something changed."""

    def __init__(self) -> None:
        self.now = objects.NOW
        self.changes = 0

    def __call__(self) -> datetime:
        return self.now

    def change(self) -> None:
        self.changes += 1


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(time: Time) -> Store:
    return Store([PHONES, PBXES, TOLD], time, time.change)


def listed(store: Store, source: Source, *objs: objects.Object) -> None:
    store.listed(source, [one for obj in objs for one in store.made(source, obj)])


def test_objects_come_change_and_go(store: Store, time: Time) -> None:
    listed(store, PHONES, softphone("anna"), softphone("ben"))
    store.changed(PHONES, softphone("anna", "master"))
    store.deleted(PHONES, softphone("ben"))
    store.deleted(PHONES, softphone("nobody"))
    assert {key.name: phone.pbx for key, phone in store.world().phones.items()} == {"anna": "master"}
    assert (store.version, time.changes) == (3, 3)


def test_what_pages_do_not_show_is_no_change(store: Store) -> None:
    listed(store, PHONES, softphone("anna"))
    before, world = store.version, store.world()
    store.changed(PHONES, {**softphone("anna"), "metadata": {**softphone("anna")["metadata"], "labels": {"a": "b"}}})
    assert store.version == before
    assert store.world() is world


def test_a_new_list_forgets_what_is_no_more_in_its_namespace(time: Time) -> None:
    demo, other = Source("Softphone", "demo"), Source("Softphone", "other")
    store = Store([demo, other], time, time.change)
    elsewhere = softphone("ben")
    elsewhere["metadata"]["namespace"] = "other"
    listed(store, demo, softphone("anna"))
    listed(store, other, elsewhere)
    listed(store, demo)
    assert list(store.world().phones) == [Key("other", "ben")]


def test_events_are_kept_when_the_cluster_forgets_them(store: Store, time: Time) -> None:
    told = event("PBX", "slave", "Unreachable", "no agent", 60)
    listed(store, TOLD, told, {"kind": "Event", "metadata": {"uid": "x"}})
    store.deleted(TOLD, told)
    listed(store, TOLD)
    assert len(store.world().events) == 1
    time.now += timedelta(days=8)
    store.changed(TOLD, {**told, "metadata": {"uid": "new"}, "lastTimestamp": f"{time.now:%Y-%m-%dT%H:%M:%SZ}"})
    assert [one.time for one in store.world().events] == [time.now]


def test_of_very_many_events_the_newest_are_kept(store: Store) -> None:
    listed(store, TOLD, *(event("PBX", "slave", "Unreachable", str(ago), ago) for ago in range(MOST_EVENTS + 5)))
    assert max(int(one.message) for one in store.world().events) == MOST_EVENTS - 1


def test_it_is_ready_when_each_kind_was_listed_or_refused(store: Store) -> None:
    assert store.unready() == "not listed yet: Event, PBX, Softphone"
    listed(store, PHONES)
    listed(store, TOLD)
    store.broken(PBXES)
    assert store.unready() == "not listed yet: PBX"
    store.broken(PBXES, "pbxs is forbidden")
    assert store.unready() is None
    assert store.world().problems == {"PBX": "pbxs is forbidden"}


def test_while_the_api_server_is_away_the_world_has_the_time_when_it_was_heard(store: Store, time: Time) -> None:
    listed(store, PHONES, softphone("anna"))
    heard = time.now
    time.now += timedelta(minutes=1)
    assert store.world().as_of is None
    store.broken(PHONES)
    before = store.version
    store.broken(PHONES)
    assert (store.world().as_of, store.version) == (heard, before)
    assert len(store.world().phones) == 1
    store.heard(PHONES)
    assert store.world().as_of is None


def test_ages_and_counts(store: Store, time: Time) -> None:
    listed(store, PHONES, softphone("anna"))
    listed(store, PBXES, pbx("master"), pbx("slave"))
    time.now += timedelta(seconds=5)
    store.heard(PBXES)
    assert store.ages() == {"Softphone": 5.0, "PBX": 0.0}
    counts = {
        "PBX": 2,
        "Softphone": 1,
        "SoftphoneFleet": 0,
        "SoftphonePool": 0,
        "Rehearsal": 0,
        "CallCheck": 0,
        "Event": 0,
    }
    assert store.counts() == counts
