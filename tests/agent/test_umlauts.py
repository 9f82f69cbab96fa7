"""Letters beyond ASCII: where they may stand, and how they travel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_process import pbx, phone, running
from sip_responder import Start
from softphone_agent.contract import sip_uri
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.contract.phone import LocationCarrier, Pbx, Phone
from softphone_agent.contract.reading import parse
from softphone_agent.phone.directory import Directory
from softphone_agent.phone.planning import register_request

MASTER = "sip:192.0.2.1:5060"


def sent(location: str, **carrier: Any) -> Any:
    """The REGISTER of a phone whose primary PBX stands for this location."""
    pbx = Pbx(name="master", address=MASTER, location=location, location_carrier=LocationCarrier(**carrier))
    return register_request(
        Phone(name="anna", aor="sip:anna@pbx.test", pri="master"), Directory.of((pbx,)), None, MASTER
    )


@pytest.mark.parametrize(
    ("location", "escaped", "host"),
    [
        ("Zürich", "Z%C3%BCrich", "xn--zrich-kva"),
        ("Linz-Süd", "Linz-S%C3%BCd", "xn--linz-sd-s2a"),
        ("Łódź", "%C5%81%C3%B3d%C5%BA", "xn--d-uga0v4h"),
        ("東京", "%E6%9D%B1%E4%BA%AC", "xn--1lqs71d"),
        ("vienna", "vienna", "vienna"),
    ],
)
def test_a_location_is_escaped_as_its_carrier_wants_it(location: str, escaped: str, host: str) -> None:
    assert ("X-Physical-Location", escaped) in sent(location).headers
    assert ("location", escaped) in sent(location, type="ContactParameter").contact_parameters
    assert sent(location, type="Domain").aor == f"sip:anna@{host}"


def test_a_letter_and_two_dots_are_the_same_location_as_an_umlaut() -> None:
    assert sent("Zu\u0308rich") == sent("Z\u00fcrich")


@given(st.from_regex(r"\A[\w\-.~]{1,63}\Z"))
def test_every_location_travels_in_ascii_and_can_be_read_back(location: str) -> None:
    try:
        value = dict(sent(location).headers)["X-Physical-Location"]
    except ValueError:
        return  # what Python counts among the letters and digits and the pattern does not
    assert value.isascii()
    assert sip_uri._PARAMETER.match(f"x={value}")
    pbx = Pbx(name="master", address=MASTER, location=location)
    assert unquote(value) == pbx.location


LONELY = {"name": "anna", "aor": "sip:anna@pbx.test"}


@pytest.mark.parametrize("location", ["a~b", "-linz", "a..b"])
def test_what_can_be_no_host_name_is_refused_where_the_domain_carries_it(location: str) -> None:
    carried = {"name": "master", "address": MASTER, "locationCarrier": {"type": "Domain"}}
    why = f'"{location}" is no host name, as which the locationCarrier Domain sends it'
    with pytest.raises(ConfigFaults) as refused:
        parse(json.dumps({"pbxs": [carried | {"location": location}]}))
    assert refused.value.faults == [f"pbxs[0].location: {why}"]
    with pytest.raises(ValueError, match="phys: "):
        AgentConfig.model_validate({"pbxs": [carried], "phones": [LONELY | {"pri": "master", "phys": location}]})
    AgentConfig.model_validate({"pbxs": [carried], "phones": [LONELY | {"pri": "master", "phys": "Zürich"}]})


@pytest.mark.parametrize(
    ("aor", "why"),
    [
        ("sip:jürgen@acme.example", 'has "ü" before the @; in SIP it is written %C3%BC'),
        ("sip:ju\u0308rgen@acme.example", 'has "ü" before the @; in SIP it is written %C3%BC'),
        ("sip:a#b@acme.example", 'has "#" before the @; in SIP it is written %23'),
        ("sip:100%@acme.example", 'has "%" before the @; in SIP it is written %25'),
        ("sip:anna@acme.example@pbx.example", 'has "@" before the @; in SIP it is written %40'),
        (
            "sip:anna@zürich.example",
            'has an invalid host "zürich.example"; in SIP it is written xn--zrich-kva.example',
        ),
    ],
)
def test_an_aor_with_such_a_letter_is_told_which_and_how_to_write_it(aor: str, why: str) -> None:
    with pytest.raises(sip_uri.SipUriError) as refused:
        sip_uri.parse_aor(aor)
    assert str(refused.value) == why


def test_what_the_message_says_is_taken() -> None:
    assert sip_uri.parse_aor("sip:j%C3%BCrgen@xn--zrich-kva.example").user == "j%C3%BCrgen"


@pytest.mark.lab
async def test_a_real_register_carries_them_escaped(tmp_path: Path, start: Start) -> None:
    carriers = {"header": {}, "parameter": {"type": "ContactParameter"}, "domain": {"type": "Domain"}}
    asked = {name: await start() for name in carriers}
    pbxs = [
        pbx(name, asked[name].uri(), location="Zürich", locationCarrier=carrier) for name, carrier in carriers.items()
    ]
    phones = [phone(name, aor=f"sip:j%C3%BCrgen-{name}@pbx.test", pri=name) for name in carriers]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in carriers:
            assert (await agent.phone(name, registered=True)).physical_location == "Zürich"
    first = {name: next(r for r in responder.requests if r.method == "REGISTER") for name, responder in asked.items()}
    assert first["header"].header("X-Physical-Location") == "Z%C3%BCrich"
    assert ";location=Z%C3%BCrich" in first["parameter"].header("Contact")
    assert "<sip:j%C3%BCrgen-domain@xn--zrich-kva>" in first["domain"].header("To").replace("%c3%bc", "%C3%BC")
