"""What is made of a connInfo, a browser's address, the launcher's configuration and tables of users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from softphone_plugin.cli import completions
from softphone_plugin.importing import (
    ImportFault,
    Maker,
    Settings,
    User,
    from_address,
    from_conn_info,
    from_launcher,
    host_of,
)
from softphone_plugin.linting import lint
from softphone_plugin.tables import Defaults, read

DATA = Path(__file__).parent / "data" / "import"
ANNA = User(aor="sip:anna@example.com")
INFO = {"up": True, "standby": False, "cur": "pbx2.example.com", "pri": "pbx1.example.com", "sec": "pbx2.example.com"}


def made(*users: User, **settings: Any) -> dict[str, dict[str, Any]]:
    """The specs of what is made of users, by kind/name."""
    maker = Maker(Settings(**settings))
    for user in users:
        maker.add(user)
    text = yaml.safe_dump_all(maker.objects())
    faults = [str(finding) for finding in lint([("x", text)]).findings if finding.severity == "fault"]
    assert [fault for fault in faults if '"there"' not in fault] == []
    return {f"{obj['kind']}/{obj['metadata']['name']}": obj.get("spec", {}) for obj in maker.objects()}


@pytest.mark.proves("S0", "C1")
def test_a_conn_info_becomes_a_softphone_in_mode_launcher() -> None:
    user, notes = from_conn_info({**INFO, "phys": "graz", "new": 1}, ANNA)
    assert notes == ["connInfo.new: is not known, and left out"]
    assert made(user) == {
        "PBX/pbx1": {"address": "sip:pbx1.example.com;transport=tcp", "system": "example.com"},
        "PBX/pbx2": {"address": "sip:pbx2.example.com;transport=tcp", "system": "example.com"},
        "Softphone/anna": {
            "aor": "sip:anna@example.com",
            "mode": "Launcher",
            "pri": "pbx1",
            "sec": "pbx2",
            "phys": "graz",
            "credentials": {"secretName": "anna"},
        },
    }


@pytest.mark.proves("S0")
def test_the_whole_model_of_a_browser_becomes_one_in_mode_browser() -> None:
    model = {"user": {"sip": "anna", "domain": "example.com"}, "launcher": False, "connInfo": {**INFO, "standby": True}}
    user, notes = from_conn_info({"@client": {"model": model}}, User(aor=""))
    assert (user.mode, user.aor, user.cur, user.pri) == ("Browser", "sip:anna@example.com", "pbx2.example.com", "")
    assert notes[0].startswith("connInfo.standby: the client was on a standby PBX")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "connInfo: is not there"),
        ({"connInfo": {"up": True}}, "connInfo: is not there: neither pri nor cur is told"),
        ({"pri": 7}, "connInfo.pri: is no text"),
    ],
)
def test_what_is_no_conn_info_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ImportFault, match=message):
        from_conn_info(data, ANNA)


@pytest.mark.parametrize(
    ("text", "cur", "phys"),
    [
        ("https://pbx.example.com/PBX0/APPCLIENT/137056/appclient.htm#phys=vienna", "pbx.example.com", "vienna"),
        (
            " <https://PBX.example.com:8443/PBX0/APPCLIENT/appclient.htm?lang=de#phys=graz&x=1> ",
            "pbx.example.com",
            "graz",
        ),
        ("pbx.example.com/PBX0/APPCLIENT/appclient.htm", "pbx.example.com", ""),
        ("https://[2001:db8::1]/PBX0#phys=", "[2001:db8::1]", ""),
        ("https://10.0.0.1/#phys=a%2Db", "10.0.0.1", "a-b"),
    ],
)
@pytest.mark.proves("S3b")
def test_an_address_as_it_is_copied_becomes_a_phone_in_mode_browser(text: str, cur: str, phys: str) -> None:
    user, _ = from_address(text, ANNA)
    assert (user.mode, user.cur, user.phys) == ("Browser", cur, phys)
    assert "cur" in made(user)["Softphone/anna"]


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ImportFault) as refused:
        from_address("https://anna:geheim@pbx.example.com/", ANNA)
    assert "geheim" not in str(refused.value)
    with pytest.raises(ImportFault, match="phys: is there twice"):
        from_address("https://pbx.example.com/#phys=a&phys=b", ANNA)


@pytest.mark.proves("S3a")
def test_the_launchers_configuration_becomes_a_phone_in_mode_launcher() -> None:
    user = from_launcher("https://pbx1.example.com/PBX0", "pbx2.example.com:5070", User(aor=ANNA.aor, phys="graz"))
    specs = made(user, transport="udp", namespace="demo", credentials=False)
    assert specs["Softphone/anna"] == {
        "aor": "sip:anna@example.com", "mode": "Launcher", "pri": "pbx1", "sec": "pbx2", "phys": "graz",
    }  # fmt: skip
    assert specs["PBX/pbx2"]["address"] == "sip:pbx2.example.com:5070;transport=udp"


@pytest.mark.parametrize("text", ["", "a b", "https://", "-", "http://x y/"])
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(ImportFault):
        host_of(text, "server")


def test_pbxes_are_told_apart_and_those_of_the_cluster_are_not_made() -> None:
    users = [
        User(aor="sip:a@x.example", pri="pbx.north.example", sec="pbx.south.example"),
        User(aor="sip:b@x.example", pri="hq", sec="sip:10.0.0.1:5061;transport=tls"),
        User(aor="sip:c@x.example", pri="there"),
    ]
    specs = made(*users, pbxs={"hq": "hq.example", "there": ""})
    assert [name for name in specs if name.startswith("PBX/")] == [
        "PBX/pbx", "PBX/pbx-south-example", "PBX/hq", "PBX/pbx-10-0-0-1",
    ]  # fmt: skip
    assert specs["Softphone/c"]["pri"] == "there"


def test_rows_that_cannot_be_taken_are_told_and_all_others_are() -> None:
    maker = Maker(Settings())
    outcome = read("users.csv", (DATA / "users.csv").read_text(), Defaults(domain="example.com"), maker)
    assert outcome.rows == 9
    assert outcome.faults == [
        "users.csv:4: user: is empty",
        "users.csv:5: password: is empty",
        'users.csv:6: phys: "Sankt Pölten" is no location: it may hold letters, digits and - . _ ~, 1 to 63 of them',
        'users.csv:8: aor: "sip:anna@example.com" is already that of users.csv:2',
        'users.csv:9: pri: "bad host" is no address of a server',
        "users.csv:10: has 9 cells, and the heading has 6: a separator in a cell needs quotes",
    ]
    assert maker.notes == ['the column "Comment" is not known, and left out']
    secrets = {obj["metadata"]["name"]: obj["stringData"] for obj in maker.objects() if obj["kind"] == "Secret"}
    assert secrets == {"anna": {"password": "geheim"}, "ben": {"password": "a;b"}, "anna-2": {"password": "p"}}
    assert maker.softphones + len(outcome.faults) == outcome.rows
    others = [obj for obj in maker.objects() if obj["kind"] != "Secret"]
    assert "geheim" not in yaml.safe_dump(others)


def test_a_table_may_have_commas_quotes_blank_lines_and_its_own_modes() -> None:
    text = 'aor,mode,cur,auth name,password,name\n\n"bob@example.com",browser,pbx1.example.com,auth-bob," pw ",robert\n'
    maker = Maker(Settings())
    assert read("t", text, Defaults(), maker).faults == []
    phone, secret = (next(o for o in maker.objects() if o["kind"] == kind) for kind in ("Softphone", "Secret"))
    assert phone["metadata"]["name"] == "robert"
    assert phone["spec"]["aor"] == "sip:bob@example.com"
    assert secret["stringData"] == {"password": " pw ", "username": "auth-bob"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anna,geheim\n", "line 1 is no heading"),
        ("user,sip\na,b\n", "user: has two columns: 1 and 2"),
        ('user\n"open\n', "is no CSV"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_without_showing_its_cells(text: str, message: str) -> None:
    with pytest.raises(ImportFault, match=message) as refused:
        read("t", text, Defaults(domain="x.example"), Maker(Settings()))
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "settings", "told"),
    [
        ("user,username\na,auth a\n", Settings(), {"a": "auth a"}),
        ("user\na\n", Settings(), {"a": ""}),
        ("user,username,password\na,auth,p\n", Settings(), {}),
    ],
)
def test_the_user_name_of_a_secret_that_is_not_made_is_told(
    text: str, settings: Settings, told: dict[str, str]
) -> None:
    maker = Maker(settings)
    assert read("t", text, Defaults(domain="x.example", pri="p.example"), maker).faults == []
    assert maker.absent_secrets == told
    assert maker.notes == []


def test_a_user_name_that_has_no_place_is_told() -> None:
    maker = Maker(Settings(credentials=False))
    read("t", "user,username\na,auth\n", Defaults(domain="x.example", pri="p.example"), maker)
    assert maker.notes == ["sip:a@x.example: username is left out: it goes into a Secret, and none is made"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["st"], ["status", ":4"]),
        (["import", "c"], ["conninfo", "csv", ":4"]),
        (["drill", "--ti"], ["--timeout", ":4"]),
        (["lint", ""], [":0"]),
        (["lint", "a.yaml", ""], [":0"]),
        (["import", "address", "--password-file", ""], [":0"]),
        (["import", "csv", "users.csv", ""], [":4"]),
        (["status", "-o", ""], ["json", "yaml", "name", "wide", ":4"]),
        (["status", "--output=y"], ["yaml", ":4"]),
        (["lint", "--strict", "-o", "j"], ["json", ":4"]),
        (["import", "csv", "users.csv", "--transport", "t"], ["tcp", "tls", ":4"]),
        (["status", "--nonsense=y"], [":4"]),
    ],
)
def test_kubectl_is_told_what_may_stand_next(words: list[str], expected: list[str]) -> None:
    assert [line.partition("\t")[0] for line in completions(words)] == expected
