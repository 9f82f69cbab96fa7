"""`run --check` tells of files that the configuration names and that are missing, empty or of no use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from softphone_agent.contract import reading
from softphone_agent.phone.named_files import file_faults
from softphone_agent.supervisor.command_line import main

GONE, EMPTY = "No such file or directory", "is empty"
FOLDER = {"here": "x", "nothing": "", "newline": "\n", "all/password": "pw", "own/alice": "pw", "blank/password": "\n"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with files of each kind."""
    for name, text in FOLDER.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "void").mkdir()
    return tmp_path


def config(files: Path, *credentials: dict[str, str], tls: dict[str, str] | None = None) -> dict[str, Any]:
    """The data of a configuration; names of files are those of the folder."""

    def placed(given: dict[str, str]) -> dict[str, str]:
        return {field: f"{files}/{name}" for field, name in given.items()}

    address = "sip:192.0.2.1;transport=tls"
    phones = [
        {"name": name, "aor": f"sip:{name}@acme", "pri": "master", "credentials": placed(each)}
        for name, each in zip(("alice", "bob"), credentials, strict=False)
    ]
    return {"pbxs": [{"name": "master", "address": address, "tls": placed(tls or {})}], "phones": phones}


def told(files: Path, *credentials: dict[str, str], tls: dict[str, str] | None = None) -> list[str]:
    found = file_faults(reading.of(config(files, *credentials, tls=tls)))
    return [fault.replace(f"{files}/", "") for fault in found]


@pytest.mark.parametrize(
    ("credentials", "fault"),
    [
        ({"passwordFile": "here"}, None),
        ({"passwordFile": "none"}, f"passwordFile: none: {GONE}"),
        ({"passwordFile": "nothing"}, f"passwordFile: nothing: {EMPTY}"),
        ({"passwordFile": "newline"}, f"passwordFile: newline: {EMPTY}"),
        ({"passwordFile": "void"}, "passwordFile: void: Is a directory"),
        ({"passwordFile": "here/more"}, "passwordFile: here/more: Not a directory"),
        ({"passwordFile": "here", "usernameFile": "here"}, None),
        ({"passwordFile": "here", "usernameFile": "none"}, f"usernameFile: none: {GONE}"),
        ({"passwordFile": "here", "usernameFile": "newline"}, f"usernameFile: newline: {EMPTY}"),
        ({"directory": "all"}, None),
        ({"directory": "own"}, None),
        ({"directory": "none"}, f"directory: none: {GONE}"),
        ({"directory": "void"}, f"directory: void: {EMPTY}"),
        ({"directory": "here"}, "directory: here: Not a directory"),
        ({"directory": "blank"}, f"directory: blank/password: {EMPTY}"),
    ],
)
def test_files_of_credentials(files: Path, credentials: dict[str, str], fault: str | None) -> None:
    assert told(files, credentials) == ([f'phones "alice": credentials.{fault}'] if fault else [])


def test_a_folder_without_a_password_for_one_of_its_users(files: Path) -> None:
    found = told(files, {"directory": "own"}, {"directory": "own"})
    assert found == [f'phones "bob": credentials.directory: own/bob: {GONE}']


def test_a_file_that_several_phones_name_is_told_of_once(files: Path) -> None:
    found = told(files, {"passwordFile": "none"}, {"passwordFile": "none"})
    assert found == [f'phones "alice": credentials.passwordFile: none: {GONE}']


def test_files_of_tls(files: Path) -> None:
    tls = {"caFile": "none", "certificateFile": "nothing", "keyFile": "here"}
    assert told(files, tls=tls) == [
        f'pbxs "master": tls.caFile: none: {GONE}',
        f'pbxs "master": tls.certificateFile: nothing: {EMPTY}',
    ]
    assert told(files, tls={"caFile": "here"}) == []


def test_check_ends_with_2_and_tells_the_field(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = files / "agent.json"
    file.write_text(json.dumps(config(files, {"passwordFile": "none"}, {"directory": "none"}, tls={"caFile": "none"})))
    assert main(["run", "--check", "--config", str(file)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f'agent.json: pbxs "master": tls.caFile: {files}/none: {GONE}',
        f'agent.json: phones "alice": credentials.passwordFile: {files}/none: {GONE}',
        f'agent.json: phones "bob": credentials.directory: {files}/none: {GONE}',
    ]


def test_a_phone_of_a_fleet_is_called_by_its_name(files: Path) -> None:
    template = {"aor": "sip:{index}@acme", "pri": "master", "credentials": {"directory": f"{files}/own"}}
    (files / "own" / "0").write_text("pw")
    fleet = {"name": "load", "count": 2, "template": template}
    found = file_faults(reading.of(config(files) | {"fleets": [fleet]}))
    assert found == [f'phones "load-1": credentials.directory: {files}/own/1: {GONE}']
