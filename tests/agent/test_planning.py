"""From a phone's configuration to its plan and to the REGISTER on the wire."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from softphone_agent.contract.phone import LocationCarrier, Pbx, Phone
from softphone_agent.phone.directory import Directory, location_of, primary, registrar_uri
from softphone_agent.phone.planning import SUPPORTED, instance_id, plan_of, register_request, without_credentials
from softphone_agent.registration.plan import Mode
from softphone_agent.sip.request import Secret

MASTER = Pbx(name="master", address="sip:192.0.2.1", system="acme", location="headquarters")
SLAVE = Pbx(name="slave", address="sip:192.0.2.2:5060;transport=tcp", system="acme")
FOREIGN = Pbx(name="foreign", address="sip:192.0.2.3", system="other")
SECURE = Pbx(name="secure", address="sips:192.0.2.4", system="acme")
DIRECTORY = Directory.of((MASTER, SLAVE, FOREIGN, SECURE))
SECRET = Secret("auth-alice", "pw-alice")


def phone(**changed: Any) -> Phone:
    fields: dict[str, Any] = {"name": "alice", "aor": "sip:alice@pbx.test", "pri": "master", "sec": "slave"} | changed
    return Phone(**fields)


def carried_by(carrier: LocationCarrier) -> Directory:
    return Directory.of((MASTER.model_copy(update={"location_carrier": carrier}),))


def test_a_plan_names_registrars_by_their_canonical_uris() -> None:
    plan = plan_of(phone(home="slave", cur="foreign"), DIRECTORY, SECRET, 4.0)
    assert plan.pri is not None
    assert plan.pri.uri == "sip:192.0.2.1:5060;transport=udp"
    assert plan.sec == plan.home
    assert plan.cur is not None
    assert (plan.mode, plan.aor, plan.max_redirects) == (Mode.LAUNCHER, "sip:alice@pbx.test", 8)


def test_known_pbxes_are_those_of_the_primarys_system() -> None:
    plan = plan_of(phone(sec="foreign", home="sip:192.0.2.99"), DIRECTORY, None, 4.0)
    assert plan.pri is not None
    assert plan.pri.known
    assert plan.sec is not None
    assert not plan.sec.known
    assert plan.home is not None
    assert not plan.home.known


def test_a_uri_that_is_the_address_of_a_pbx_object_is_that_pbx() -> None:
    by_uri = phone(pri="sip:192.0.2.1:5060")
    assert primary(by_uri, DIRECTORY) == MASTER
    assert location_of(by_uri, DIRECTORY) == "headquarters"
    assert DIRECTORY.label(registrar_uri("sip:192.0.2.1")) == "master"
    assert DIRECTORY.label(registrar_uri("sip:192.0.2.77")) == "192.0.2.77:5060"


def test_of_two_pbxes_at_one_address_the_first_counts() -> None:
    twin = MASTER.model_copy(update={"name": "twin"})
    assert Directory.of((MASTER, twin)).label(registrar_uri(MASTER.address)) == "master"


def test_tls_is_known_as_secure() -> None:
    assert DIRECTORY.registrar("sips:192.0.2.4", "acme").secure
    assert DIRECTORY.registrar("sip:192.0.2.4;transport=tls", None).secure
    assert not DIRECTORY.registrar("sip:192.0.2.1", "acme").secure


def test_the_safety_deadline_leaves_time_for_a_challenge_and_its_answer() -> None:
    assert plan_of(phone(), DIRECTORY, None, 4.0).answer_seconds == 9.0


@pytest.mark.proves("L3")
def test_a_phones_refresh_fraction_is_its_own_and_never_changes() -> None:
    fractions = {plan_of(phone(name=f"p{n}"), DIRECTORY, None, 4.0).refresh_fraction for n in range(50)}
    assert len(fractions) == 50
    assert all(0.5 <= fraction < 0.9 for fraction in fractions)
    again = plan_of(phone(name="p1"), DIRECTORY, None, 4.0).refresh_fraction
    assert again in fractions


@pytest.mark.parametrize(
    ("changed", "secret"),
    [
        ({"phys": "branch"}, SECRET),
        ({"id": "other"}, SECRET),
        ({"registration": {"expires_seconds": 60}}, SECRET),
        ({"pri": "slave", "sec": None}, SECRET),
    ],
    ids=["phys", "id", "expiry", "location of another primary"],
)
def test_what_shapes_a_register_changes_the_wire_digest(changed: dict[str, Any], secret: Secret | None) -> None:
    before = plan_of(phone(), DIRECTORY, SECRET, 4.0).register_digest
    assert plan_of(phone(**changed), DIRECTORY, secret, 4.0).register_digest != before


@pytest.mark.parametrize(
    "secret",
    [Secret("auth-alice", "new"), Secret("alice", "pw-alice"), None],
    ids=["password", "user name", "no credentials"],
)
def test_other_credentials_are_told_apart_from_what_makes_another_binding(secret: Secret | None) -> None:
    before, after = (plan_of(phone(), DIRECTORY, which, 4.0) for which in (SECRET, secret))
    assert after.register_digest == before.register_digest
    assert after.credentials != before.credentials
    assert "alice" not in before.credentials


HAD = phone()
MOVED = phone(aor="sip:bob@pbx.test", trace=("App",))


@pytest.mark.parametrize(
    ("former", "secret", "bound", "goes_on"),
    [
        (None, None, False, (MOVED, None, True)),
        (HAD, SECRET, True, (phone(trace=("App",)), SECRET, False)),
        (HAD, SECRET, False, (phone(trace=("App",)), SECRET, False)),
        (HAD, None, True, (phone(trace=("App",)), None, False)),
        (HAD, None, False, (MOVED, None, True)),
    ],
    ids=["new", "registered", "asking", "registered without", "asking without"],
)
def test_a_phone_whose_credentials_cannot_be_read_keeps_those_it_had_and_their_aor(
    former: Phone | None, secret: Secret | None, bound: bool, goes_on: tuple[Phone, Secret | None, bool]
) -> None:
    assert without_credentials(MOVED, former, secret, bound=bound) == goes_on


@pytest.mark.parametrize(
    "changed",
    [
        {"sec": None},
        {"trace": ("App", "Signaling")},
        {"home": "slave"},
        {"suspend": True},
        {"registration": {"ping_seconds": 5}},
        {"registration": {"max_redirects": 2}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_does_not_show_on_the_wire_leaves_the_digest(changed: dict[str, Any]) -> None:
    before = plan_of(phone(), DIRECTORY, SECRET, 4.0).register_digest
    assert plan_of(phone(**changed), DIRECTORY, SECRET, 4.0).register_digest == before


def test_another_location_carrier_changes_the_wire_digest() -> None:
    before = plan_of(phone(sec=None), Directory.of((MASTER,)), SECRET, 4.0).register_digest
    assert plan_of(phone(sec=None), carried_by(LocationCarrier(type="Domain")), SECRET, 4.0).register_digest != before


def test_a_pbx_that_comes_to_the_system_or_goes_leaves_the_bindings_of_others_alone() -> None:
    alone = plan_of(phone(sec=None), Directory.of((MASTER,)), SECRET, 4.0)
    assert plan_of(phone(sec=None), Directory.of((MASTER, SLAVE)), SECRET, 4.0).register_digest == alone.register_digest
    odd = SLAVE.model_copy(update={"location_carrier": LocationCarrier(type="Domain")})
    assert plan_of(phone(sec=None), Directory.of((MASTER, odd)), SECRET, 4.0).register_digest != alone.register_digest


def test_how_a_location_would_travel_is_nothing_to_a_phone_that_sends_none() -> None:
    silent = MASTER.model_copy(update={"no_physical_location": True})
    odd = silent.model_copy(update={"location_carrier": LocationCarrier(type="Domain")})
    one, other = (plan_of(phone(sec=None), Directory.of((pbx,)), SECRET, 4.0).register_digest for pbx in (silent, odd))
    assert one == other


@pytest.mark.proves("E6")
def test_the_location_travels_in_a_header_by_default() -> None:
    request = register_request(phone(), DIRECTORY, SECRET, registrar_uri(MASTER.address))
    assert request.headers == (SUPPORTED, ("X-Physical-Location", "headquarters"))
    assert request.aor == "sip:alice@pbx.test"
    assert (request.username, request.password) == ("auth-alice", "pw-alice")


def test_the_location_may_travel_in_a_header_of_another_name() -> None:
    directory = carried_by(LocationCarrier(type="Header", name="X-Site"))
    assert register_request(phone(sec=None), directory, None, registrar_uri(MASTER.address)).headers == (
        SUPPORTED,
        ("X-Site", "headquarters"),
    )


@pytest.mark.proves("E6")
def test_the_location_may_travel_as_a_contact_parameter() -> None:
    directory = carried_by(LocationCarrier(type="ContactParameter"))
    request = register_request(phone(sec=None), directory, None, registrar_uri(MASTER.address))
    assert request.headers == (SUPPORTED,)
    assert ("location", "headquarters") in request.contact_parameters


@pytest.mark.proves("E6")
def test_the_location_may_travel_as_the_aors_domain() -> None:
    directory = carried_by(LocationCarrier(type="Domain"))
    request = register_request(phone(sec=None), directory, None, registrar_uri(MASTER.address))
    assert request.aor == "sip:alice@headquarters"
    assert request.headers == (SUPPORTED,)


@pytest.mark.parametrize(
    ("aor", "carrier", "wanted"),
    [
        ("sip:alice@pbx.test", LocationCarrier(), "sip:pbx.test"),
        ("sip:alice@pbx.test", LocationCarrier(type="Domain"), "sip:headquarters"),
        ("sips:alice@PBX.test", LocationCarrier(), "sips:pbx.test"),
    ],
)
def test_the_request_uri_is_the_domain_of_the_aor_where_the_pbx_wants_that(
    aor: str, carrier: LocationCarrier, wanted: str
) -> None:
    """RFC 3261, section 10.2. The other PBX, and one that is no object, are asked by their addresses."""
    asked = MASTER.model_copy(update={"request_uri": "Domain", "location_carrier": carrier})
    directory, one = Directory.of((asked, SLAVE)), phone(aor=aor)
    assert register_request(one, directory, None, registrar_uri(MASTER.address)).request_uri == wanted
    assert register_request(one, directory, None, registrar_uri(SLAVE.address)).request_uri is None
    assert register_request(one, directory, None, "sip:192.0.2.99:5060;transport=udp").request_uri is None


def test_another_request_uri_makes_a_phone_register_anew() -> None:
    asked = MASTER.model_copy(update={"request_uri": "Domain"})
    before, after = (
        plan_of(phone(), Directory.of((pbx, SLAVE)), SECRET, 4.0).register_digest for pbx in (MASTER, asked)
    )
    assert before != after


def test_a_pbx_that_is_no_object_gets_the_location_as_the_primary_wants_it() -> None:
    directory = carried_by(LocationCarrier(type="ContactParameter", name="loc"))
    request = register_request(phone(sec=None), directory, None, "sip:192.0.2.99:5060;transport=udp")
    assert ("loc", "headquarters") in request.contact_parameters


def test_the_pbx_asked_decides_on_the_carrier_not_the_primary() -> None:
    domain = SLAVE.model_copy(update={"location_carrier": LocationCarrier(type="Domain")})
    directory = Directory.of((MASTER, domain))
    assert register_request(phone(), directory, None, registrar_uri(SLAVE.address)).aor == "sip:alice@headquarters"
    assert register_request(phone(), directory, None, registrar_uri(MASTER.address)).aor == "sip:alice@pbx.test"


@pytest.mark.parametrize("carrier", ["Header", "ContactParameter", "Domain"])
@pytest.mark.proves("S13")
def test_without_a_location_nothing_carries_it(carrier: Any) -> None:
    pbx = MASTER.model_copy(update={"no_physical_location": True, "location_carrier": LocationCarrier(type=carrier)})
    request = register_request(phone(sec=None), Directory.of((pbx,)), None, registrar_uri(MASTER.address))
    assert request.headers == (SUPPORTED,)
    assert [name for name, _ in request.contact_parameters] == ["+sip.instance"]
    assert request.aor == "sip:alice@pbx.test"


@pytest.mark.proves("S9", "P2")
def test_no_physical_location_is_the_primarys_setting_also_at_other_pbxes() -> None:
    off_at_slave = SLAVE.model_copy(update={"no_physical_location": True})
    directory = Directory.of((MASTER, off_at_slave))
    assert location_of(phone(), directory) == "headquarters"


def test_the_location_of_a_pbx_without_one_is_its_name() -> None:
    assert location_of(phone(pri="slave", sec=None), DIRECTORY) == "slave"


def test_a_primary_that_is_no_object_has_no_location() -> None:
    assert location_of(phone(pri="sip:192.0.2.99"), DIRECTORY) is None
    assert location_of(phone(pri="sip:192.0.2.99", phys="branch"), DIRECTORY) == "branch"


@pytest.mark.proves("S14", "S15")
def test_the_browser_uses_no_location_but_an_explicit_one() -> None:
    assert location_of(phone(mode="Browser", cur="master"), DIRECTORY) is None
    assert location_of(phone(mode="Browser", cur="master", phys="branch"), DIRECTORY) == "branch"


@pytest.mark.proves("E5")
def test_sip_instance_is_the_objects_uid_and_otherwise_stable() -> None:
    uid = "8d3c2a52-5a4e-4f7e-9a11-0c6f4f4f2f6b"
    assert str(instance_id(phone(id=uid))) == uid
    assert instance_id(phone()) == instance_id(phone(phys="branch"))
    assert instance_id(phone()) != instance_id(phone(name="bob"))
    request = register_request(phone(id=uid), DIRECTORY, None, registrar_uri(MASTER.address))
    assert request.contact_parameters[0] == ("+sip.instance", f'"<urn:uuid:{uuid.UUID(uid)}>"')


def test_secrets_do_not_show_in_their_text_form() -> None:
    request = register_request(phone(), DIRECTORY, SECRET, registrar_uri(MASTER.address))
    assert "pw-alice" not in f"{SECRET!r} {SECRET} {request!r} {request}"


def test_without_credentials_the_user_of_the_aor_is_the_name() -> None:
    request = register_request(phone(), DIRECTORY, None, registrar_uri(MASTER.address))
    assert (request.username, request.password) == ("alice", None)


def test_a_reference_to_no_pbx_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError):
        DIRECTORY.address("nobody")


TWIN = Pbx(name="a-twin", address="sip:192.0.2.1:5060", system="acme", location="annex", register_rate=5)
STRANGER = Pbx(name="b-stranger", address="sip:192.0.2.2;transport=tcp", system="other", location="far")
TWINS = Directory.of((TWIN, STRANGER, MASTER, SLAVE, FOREIGN))
AT_MASTER, AT_SLAVE = registrar_uri(MASTER.address), registrar_uri(SLAVE.address)


@pytest.mark.parametrize(
    ("named", "at_master", "at_slave", "location"),
    [
        ({"pri": "master"}, "master", "slave", "headquarters"),
        ({"pri": "a-twin"}, "a-twin", "slave", "annex"),
        ({"pri": "slave", "sec": None, "home": "master"}, "master", "slave", "slave"),
        ({"pri": "foreign", "sec": None}, "a-twin", "b-stranger", "foreign"),
        ({"pri": "foreign", "sec": "slave"}, "a-twin", "slave", "foreign"),
        ({"pri": "sip:192.0.2.1", "sec": None}, "a-twin", "b-stranger", "annex"),
        ({"mode": "Browser", "pri": "master", "cur": "a-twin"}, "a-twin", "slave", None),
    ],
)
def test_of_two_pbxes_with_one_address_a_phone_keeps_the_one_that_it_names_else_one_of_its_system(
    named: dict[str, Any], at_master: str, at_slave: str, location: str | None
) -> None:
    of = phone(**named)
    seen = TWINS.of_phone(of)
    assert (seen.label(AT_MASTER), seen.label(AT_SLAVE)) == (at_master, at_slave)
    assert location_of(of, TWINS) == location
    assert TWINS.of_phone(phone(**named)) == seen


def test_of_two_pbxes_with_one_address_both_are_told_as_reachable() -> None:
    assert TWINS.labels(AT_MASTER) == ("a-twin", "master")
    assert TWINS.labels("sip:192.0.2.3:5060;transport=udp") == ("foreign",)
    assert TWINS.labels("sip:192.0.2.9:5060;transport=udp") == ("192.0.2.9:5060",)


def test_another_pbx_with_its_primarys_address_changes_nothing_for_a_phone() -> None:
    of, alone = phone(), Directory.of((MASTER, SLAVE))
    assert plan_of(of, TWINS, SECRET, 4.0) == plan_of(of, alone, SECRET, 4.0)
    assert register_request(of, TWINS, SECRET, AT_MASTER) == register_request(of, alone, SECRET, AT_MASTER)


def test_a_redirect_to_an_address_of_two_systems_leads_to_the_phones_own() -> None:
    assert TWINS.of_phone(phone(sec=None)).registrar(SLAVE.address, "acme").known
    assert not TWINS.registrar(SLAVE.address, "acme").known
