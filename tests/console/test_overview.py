"""Systems and sites as traffic lights."""

from __future__ import annotations

from console import objects
from console.objects import NOW, fleet, pbx, softphone
from console.worlds import acme, world
from softphone_console.view import overview, systems
from softphone_console.view.facts import Key
from softphone_console.view.lights import Light, Mood, Sum
from softphone_console.view.overview import Overview, SiteLights, SystemLights
from softphone_console.view.world import World

GOOD = Light("redundant", Mood.GOOD, "each way that is checked would hold")


def test_the_whole_page() -> None:
    suspended = softphone("dora", None, spec={"suspend": True})
    of = acme(
        softphone("anna"), softphone("ben", "master", role="Standby"), softphone("cleo", None), suspended, fleet()
    )
    acme_lights = (
        Light("registered", Mood.ATTENTION, "12 of 13, 1 on standby"),
        GOOD,
        Light("reachable", Mood.ATTENTION, "no agent reaches standby"),
    )
    registered = (Light("registered", Mood.ATTENTION, "2 of 2, 1 on standby"), GOOD)
    others = (Light("registered", Mood.ATTENTION, "10 of 11"), GOOD)
    assert overview.overview(of, NOW) == Overview(
        systems=(SystemLights(Key("demo", "acme"), tuple(of.pbxs.values()), Sum(13, 12, 1), acme_lights),),
        sites=(
            SiteLights(Key("demo", "site-master"), Sum(11, 10, 0), others),
            SiteLights(Key("demo", "vienna"), Sum(2, 2, 1), registered),
        ),
        sum=Sum(13, 12, 1),
        mood=Mood.ATTENTION,
    )


def test_nothing_is_known_of_nothing() -> None:
    assert overview.overview(World(), NOW) == Overview((), (), Sum(), Mood.UNKNOWN)


def test_a_pbx_without_a_system_stands_alone_and_one_named_by_its_address_is_found() -> None:
    alone = pbx("alone", "")
    by_address = softphone("anna", spec={"pri": "SIP:alone.acme.example:5060;transport=udp"})
    found = overview.systems(world(alone, by_address), NOW)
    assert [(one.key, one.sum) for one in found] == [(Key("demo", "alone"), Sum(1, 1))]


def test_phones_whose_pbxes_are_no_objects_come_last() -> None:
    found = overview.systems(acme(softphone("anna", spec={"pri": "sip:192.0.2.1", "sec": "sip:192.0.2.2"})), NOW)
    assert [(one.key.name, one.sum, len(one.lights)) for one in found] == [("acme", Sum(), 3), ("", Sum(1, 1), 2)]


def test_the_phones_of_a_pool_are_counted_once() -> None:
    in_pool = softphone("anna", spec={"agent": {"pool": "vienna"}})
    assert overview.overview(acme(in_pool, fleet("vienna", "SoftphonePool")), NOW).sum == Sum(1, 1)


def test_a_phone_that_nobody_hears_is_not_registered() -> None:
    unheard = softphone("anna")
    unheard["status"]["conditions"][0] = objects.condition("Registered", "Unknown", "AgentUnreachable")
    assert overview.overview(acme(unheard), NOW).sum == Sum(1, 0)


def test_a_fleet_whose_phones_have_sites_of_their_own_is_of_no_site() -> None:
    load = fleet()
    load["spec"]["template"]["phys"] = "site{index}"
    assert overview.overview(acme(load), NOW).sites == ()


def test_the_page_of_a_system_names_who_is_not_well_the_worst_first() -> None:
    lost = ("False", "Unreachable", "sec: standby does not answer")
    elsewhere = softphone("emil", None, spec={"pri": "sip:192.0.2.1"})
    of = acme(softphone("anna"), softphone("ben", redundant=lost), softphone("cleo", None), elsewhere, fleet())
    page = systems.page(of, Key("demo", "acme"), NOW)
    assert page is not None
    assert [row.key.name for row in page.phones] == ["cleo", "ben"]
    assert [row.pbx.key.name for row in page.pbxs] == ["master", "slave", "standby"]
    assert [row.key.name for row in page.fleets] == ["load"]
    assert page.troubled == 2
    rest = systems.page(of, Key("demo", ""), NOW)
    assert rest is not None
    assert [row.key.name for row in rest.phones] == ["emil"]
    assert systems.page(of, Key("demo", "branch"), NOW) is None


def test_a_refused_pbx_and_one_with_a_caution_want_attention() -> None:
    refused = pbx("refused")
    refused["status"]["conditions"][0] = objects.condition("Accepted", "False", "InvalidSpec", "address: is none")
    odd = pbx("odd")
    odd["status"]["conditions"][0] = objects.condition("Accepted", "True", "DuplicateAddress", "as that of master")
    rows = [systems.pbx_row(one, NOW) for one in world(refused, odd, pbx("well")).pbxs.values()]
    assert [(row.mood, row.troubles) for row in rows] == [
        (Mood.ATTENTION, ("InvalidSpec: address: is none",)),
        (Mood.ATTENTION, ("DuplicateAddress: as that of master",)),
        (Mood.GOOD, ()),
    ]


def test_the_page_of_a_pbx_has_who_is_registered_there() -> None:
    of = acme(softphone("anna"), softphone("ben", "master", role="Standby"))
    page = systems.pbx_page(of, of.pbxs[Key("demo", "slave")], NOW)
    assert [row.key.name for row in page.phones.rows] == ["anna"]
    assert page.system == Key("demo", "acme")
