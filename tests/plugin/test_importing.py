"""What is made of a connInfo, a browser's address, the launcher's configuration and tables of users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_yaml import hostile_bytes
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
from softphone_plugin.tables import Defaults, decoded, read

DATA = Path(__file__).parent / "data" / "import"
ANNA = User(aor="sip:anna@example.com")
INFO = {"up": True, "standby": False, "cur": "pbx2.example.com", "pri": "pbx1.example.com", "sec": "pbx2.example.com"}


def _infos() -> st.SearchStrategy[str]:
    """What looks like a connInfo, with anything in it."""
    anything = st.none() | st.integers() | st.text() | st.sampled_from(["pbx1.example.com", "a b", "[::1]", "sip:x"])
    names = st.sampled_from(["pri", "sec", "cur", "phys", "standby", "connInfo", "user", "launcher"])
    return st.dictionaries(names, anything | st.dictionaries(names, anything)).map(json.dumps)


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
    assert notes[1].startswith("aor: made of the SIP name; where the PBX knows the device by its hardware id")


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
    text = (DATA / "users.csv").read_text()
    outcome = read("users.csv", text, Defaults(domain="example.com"), maker, {"Comment"})
    assert outcome.rows == 9
    assert outcome.faults == [
        "users.csv:4: user: is empty",
        "users.csv:5: password: is empty",
        'users.csv:6: phys: "Sankt Pölten" is no location: it may hold letters, digits and - . _ ~, 1 to 63 of them',
        'users.csv:8: aor: "sip:anna@example.com" is already that of users.csv:2',
        'users.csv:9: pri: "bad host" is no address of a server',
        "users.csv:10: has 9 cells, and the heading has 6: a separator in a cell needs quotes",
    ]
    assert maker.notes == []
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
        ("anna,geheim\n", "t:1: is no heading"),
        ("user,sip\na,b\n", "t:1: user: has two columns: 1 and 2"),
        ('user\n"open\n', "t:2: is no CSV"),
        ("user,passwrd,Room 2\na,geheim,7\n", 't:1: the columns "passwrd" and "Room 2" are not known; known are aor,'),
        ("user,passwrd,Room 2\na,geheim,7\n", "--leave-out passwrd --leave-out 'Room 2' passes over"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_without_showing_its_cells(text: str, message: str) -> None:
    with pytest.raises(ImportFault, match=message) as refused:
        read("t", text, Defaults(domain="x.example"), Maker(Settings()))
    assert "geheim" not in str(refused.value)


def phones_of(data: bytes, **more: Any) -> tuple[list[str], list[str], list[str]]:
    """The AORs and locations of a table as a file holds it, its faults, and what is noted."""
    maker = Maker(Settings(credentials=False))
    outcome = read("t", decoded("t", data, maker), Defaults(domain="x.example", pri="p.example"), maker, **more)
    phones = [obj["spec"] for obj in maker.objects() if obj["kind"] == "Softphone"]
    return [" ".join((spec["aor"], spec.get("phys", "-"))) for spec in phones], outcome.faults, maker.notes


AS_WINDOWS = "t is not UTF-8, and read as Windows-1252, which Excel writes"


@pytest.mark.parametrize(
    ("encoding", "notes"),
    [("utf-8", []), ("utf-8-sig", []), ("utf-16", []), ("utf-16-be-sig", []), ("cp1252", [AS_WINDOWS])],
)
def test_a_table_is_read_as_excel_saves_it(encoding: str, notes: list[str]) -> None:
    """A secret is where an umlaut counts: a password of other bytes is a wrong one."""
    text = "User;Password;Location\r\nanna;Zürich€;wien\r\n"
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-sig" else text.encode(encoding)
    maker = Maker(Settings())
    outcome = read("t", decoded("t", data, maker), Defaults(domain="x.example", pri="p.example"), maker)
    assert (outcome.faults, maker.notes) == ([], notes)
    (secret,) = (obj for obj in maker.objects() if obj["kind"] == "Secret")
    assert secret["stringData"] == {"password": "Zürich€"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("user\nanna\n".encode("utf-16-le"), "holds NUL characters: is it UTF-16 without its mark"),
        (b"\xff\xfea", "t: begins as UTF-16, and is not"),
        (b"\xef\xbb\xbfuser\n\xe4\n", "t: begins as UTF-8, and is not"),
        (b"user\nanna\n\x81\n", "t:3: is neither UTF-8 nor Windows-1252"),
    ],
)
def test_a_table_in_another_encoding_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ImportFault, match=message):
        decoded("t", data, Maker(Settings()))


CELLS = st.sampled_from([*";,\t\r\n\"' @", "user", "aor", "domain", "sip:", "anna", "ö", "\0", "\x1b[31m", "sep=;\n"])


@given(hostile_bytes() | st.lists(CELLS, max_size=30).map(lambda cells: ("user;phys\n" + "".join(cells)).encode()))
@settings(deadline=None)
def test_no_table_raises_anything_but_its_fault(data: bytes) -> None:
    told: list[str] = []
    try:
        told = phones_of(data)[1]
    except ImportFault as fault:
        told = [str(fault)]
    assert all(fault.isprintable() for fault in told)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5).map(json.dumps)
    | _infos()
)
@settings(deadline=None)
def test_no_conn_info_raises_anything_but_its_fault(text: str) -> None:
    told = ""
    try:
        Maker(Settings()).add(from_conn_info(json.loads(text), ANNA)[0])
    except ImportFault as fault:
        told = str(fault)
    assert told == "" or told.isprintable()


def test_excel_may_name_the_separator_and_its_line_counts() -> None:
    text = b"sep=;\r\nuser;location\r\nan na;\r\nben;graz\r\n"
    phones, faults, _ = phones_of(text)
    assert phones == ["sip:ben@x.example graz"]
    assert faults[0].startswith("t:3: ")


def test_a_column_that_is_not_known_is_a_fault_unless_it_is_left_out() -> None:
    """A column that is misspelt would be missing in all phones, and nobody would know."""
    text = b"user,Loction,Room no\nanna,wien,7\n"
    with pytest.raises(ImportFault, match='t:1: the columns "Loction" and "Room no" are not known'):
        phones_of(text)
    with pytest.raises(ImportFault, match='t:1: the column "Loction" is not known'):
        phones_of(text, left_out={"room_no"})
    assert phones_of(text, left_out={"Loction", "room_no"})[0] == ["sip:anna@x.example -"]


def test_columns_that_are_empty_are_none() -> None:
    """A spreadsheet writes separators for columns that somebody clicked into."""
    phones, faults, _ = phones_of(b"user;location;;\nanna;wien;;\nben;graz\ncleo;linz;x;\ndora;linz;;;\n")
    assert phones == ["sip:anna@x.example wien", "sip:ben@x.example graz"]
    assert faults == [
        "t:4: has a cell in column 3, which has no heading",
        "t:5: has 5 cells, and the heading has 4: a separator in a cell needs quotes",
    ]


@pytest.mark.parametrize(
    ("user", "domain", "aor"),
    [
        ("sip:anna@y.example", "", "sip:anna@y.example"),
        ("sip:anna@y.example", "y.example", "sip:anna@y.example"),
        ("SIPS:anna@y.example", "", "SIPS:anna@y.example"),
        ("sip:anna", "", "sip:anna@x.example"),
        ("sip:anna", "y.example", "sip:anna@y.example"),
        ("anna@y.example", "", "sip:anna@y.example"),
        ("009033400001", "", "sip:009033400001@x.example"),
    ],
)
def test_a_user_may_be_written_as_an_address(user: str, domain: str, aor: str) -> None:
    phones, faults, _ = phones_of(f"hardware id,domain\n{user},{domain}\n".encode())
    assert (phones, faults) == ([f"{aor} -"], [])


def test_a_user_of_another_domain_than_the_rows_is_a_fault() -> None:
    _, faults, _ = phones_of(b"user,domain\nsip:anna@y.example,z.example\nsip:,\n")
    assert faults == [
        't:2: domain: "z.example" is another one than that of the user, "anna@y.example"',
        "t:3: user: is empty",
    ]


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


# Into a pool


def into_pool(data: str, **more: Any) -> tuple[Maker, Any]:
    maker = Maker(Settings(pool="vienna", **more))
    outcome = read("users.csv", data, Defaults("acme.example", "pbx1.acme.example"), maker)
    return maker, outcome


def test_users_of_a_pool_share_one_secret_with_a_key_for_each() -> None:
    maker, outcome = into_pool("user,password,username\nanna,one,\nbob,two,auth-bob\n")
    assert outcome.faults == []
    by_kind: dict[str, list[Any]] = {}
    for obj in maker.objects():
        by_kind.setdefault(obj["kind"], []).append(obj)
    assert by_kind["Secret"] == [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "vienna"},
            "stringData": {"anna": "one", "bob": "two", "bob_username": "auth-bob"},
        }
    ]
    assert [(obj["metadata"]["name"], obj["spec"]) for obj in by_kind["Softphone"]] == [
        (
            "anna",
            {
                "aor": "sip:anna@acme.example",
                "mode": "Launcher",
                "pri": "pbx1",
                "credentials": {"secretName": "vienna"},
                "agent": {"pool": "vienna"},
            },
        ),
        (
            "bob",
            {
                "aor": "sip:bob@acme.example",
                "mode": "Launcher",
                "pri": "pbx1",
                "credentials": {"secretName": "vienna", "usernameKey": "bob_username"},
                "agent": {"pool": "vienna"},
            },
        ),
    ]


def test_passwords_that_a_table_does_not_tell_are_named_as_keys_that_are_missing() -> None:
    maker, _ = into_pool("user\nanna\nbob\n")
    assert maker.absent_keys == ["anna", "bob"]
    assert maker.absent_secrets == {}
    assert [obj["kind"] for obj in maker.objects()] == ["PBX", "Softphone", "Softphone"]


def test_users_of_a_pool_without_passwords_need_no_secret() -> None:
    maker, _ = into_pool("user\nanna\n", credentials=False)
    assert maker.absent_keys == []
    assert maker.objects()[-1]["spec"].get("credentials") is None
