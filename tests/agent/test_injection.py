"""Every text of the agent's file, and what lies in files that it names: refused in a line, or safe on the wire."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from hostile import HOSTILE, KEY, Place, places, put
from sip_responder import Start, accept, challenge
from softphone_agent.contract import reading
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.phone.credentials import Reader
from softphone_agent.phone.directory import Directory, registrar_uri
from softphone_agent.phone.planning import register_request
from softphone_agent.sip.request import Secret
from softphone_agent.supervisor.command_line import main

BASE: dict[str, Any] = {
    "fleet": "load",
    "pbxs": [{"name": "master", "address": "sip:10.0.0.1:5061;transport=tls", "location": "vienna"}],
    "phones": [{"name": "anna", "aor": "sip:anna@acme.example", "pri": "master"}],
    "callChecks": [{"name": "daily", "caller": "anna", "to": "sip:echo@acme.example"}],
    "callees": [{"phone": "anna", "check": "daily"}],
    "fleets": [{"count": 2, "template": {"aor": "sip:load{index}@acme.example", "pri": "master"}}],
}
NEEDED = (
    ("cur", "mode", "Browser"),
    ("usernameFile", "passwordFile", "/etc/password"),
    ("keyFile", "certificateFile", "/etc/tls.crt"),
    ("certificateFile", "keyFile", "/etc/tls.key"),
)
"""A field, and what makes it count."""
PLACES = list(places(AgentConfig))
UNSAFE = re.compile(r"[\x00-\x1f\x7f<>\"\\\s]")


def hostile_file(place: Place, text: str) -> str:
    made = put(BASE, place.path, text)
    for field, other, what in NEEDED:
        if place.path[-1] == field:
            made = put(made, (*place.path[:-1], other), what)
    return json.dumps(made)


def parsed(text: str) -> tuple[AgentConfig | None, list[str]]:
    try:
        return reading.parse(text), []
    except ConfigFaults as refused:
        return None, refused.faults


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_text_is_refused_in_one_line_or_safe_on_the_wire(place: Place) -> None:
    field = [str(part) for part in place.path if part not in (0, KEY, "cpu")][-1]
    for aim, text in HOSTILE.items():
        config, faults = parsed(hostile_file(place, text))
        if config is None:
            for fault in faults:
                assert fault.isprintable(), (aim, fault)
                assert len(fault) < 2500
            assert any(field in fault for fault in faults), (aim, faults)
            continue
        for check in config.call_checks:
            assert not UNSAFE.search(check.to), (aim, check.to)
        directory = Directory.of(config.pbxs)
        for one in config.phones:
            for reference in (one.pri or one.cur, one.sec, one.home):
                uri = registrar_uri(directory.address(reference)) if reference else None
                if uri is None:
                    continue
                sent = register_request(
                    one, directory, Secret("anna", "pw"), uri, public_address=config.sip.public_address
                )
                texts = [sent.registrar, sent.aor, sent.public_address or "", *(t for h in sent.headers for t in h)]
                texts += [t for name, value in sent.contact_parameters if name[0] != "+" for t in (name, value)]
                for written in texts:
                    assert written.isascii(), (aim, written)
                    assert not UNSAFE.search(written), (aim, written)


def test_check_tells_a_fault_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.json"
    file.write_text(json.dumps(put(BASE, ("sip", "publicAddress"), "x\nphones[0]: is fine\r\n")))
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main(["run", "--check", "--config", str(file)]))
    assert ended.value.code == 2
    told = "".join(capsys.readouterr())
    assert told.count("\n") == 1
    assert r"x\nphones[0]: is fine\r\n" in told


@pytest.mark.parametrize("name", ['anna"', "an\nna", "an\r\nEvil: 1", "anna\\", "an\0na", 'x", realm="y'])
@pytest.mark.parametrize("by", ["file", "directory"])
def test_a_user_name_that_would_be_more_is_no_credential(tmp_path: Path, name: str, by: str) -> None:
    (tmp_path / "username").write_text(name)
    (tmp_path / "password").write_text("hidden-word")
    given = {"passwordFile": str(tmp_path / "password"), "usernameFile": str(tmp_path / "username")}
    credentials = given if by == "file" else {"directory": str(tmp_path)}
    config = reading.parse(json.dumps(put(BASE, ("phones", 0, "credentials"), credentials)))  # type: ignore[arg-type]
    field = "usernameFile" if by == "file" else "directory"
    assert Reader().read(config.phones[0]) == (
        None,
        f"credentials.{field}: {tmp_path}/username: holds a line break, a quote, a backslash or a control character",
    )


@pytest.mark.lab
async def test_whatever_lies_in_a_secret_no_other_header_is_sent(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = challenge(accept())
    names = [f"phone{number}" for number in range(6)]
    hostile = ["x\r\nEvil: 1", 'x" y="z', "x\0y", "jos\u00e9", "x" * 3000, "<x>;evil=1,"]
    phones = []
    for name, text in zip(names, hostile, strict=True):
        for key in ("username", "password"):
            (tmp_path / f"{name}-{key}").write_text(text)
        files = {f"{key}File": str(tmp_path / f"{name}-{key}") for key in ("username", "password")}
        phones.append(phone(name, pri="master", credentials=files, trace=["App", "Signaling"]))
        (tmp_path / f"{name}b-password").write_text(text)
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        for name in names:
            await agent.until(lambda agent, name=name: name in agent.phones, name)  # type: ignore[misc]
            report = await agent.phone(name)
            await agent.until(
                lambda agent, name=name: agent.phones[name].state in ("Registered", "Rejected", "Waiting"),  # type: ignore[misc]
                report.name,
            )
        await agent.phone("phone3", registered=True)
        known = {
            *("REGISTER", "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "User-Agent", "Contact", "Expires"),
            *("Allow", "Content-Length", "Authorization", "Supported", "X-Physical-Location"),
        }
        for request in master.requests:
            assert {re.split("[: ]", line)[0] for line in request.text.split("\r\n") if line} <= known, request.text
        for line in agent.log().splitlines():
            json.loads(line)
        assert len(agent.log_lines("credentials not usable")) >= 3
