"""Passwords from a folder: one for all phones, or one for each user."""

from __future__ import annotations

from pathlib import Path

import pytest

from softphone_agent.contract.phone import Credentials, Phone, Tls
from softphone_agent.phone.credentials import Reader, Stamps, read_tls


def phone(folder: Path, user: str = "load7") -> Phone:
    return Phone(name="p", aor=f"sip:{user}@acme", pri="master", credentials=Credentials(directory=str(folder)))


def told(folder: Path, user: str = "load7") -> tuple[str, str | None, str | None]:
    secret, fault = Reader().read(phone(folder, user))
    assert secret is not None, fault
    return secret.username, secret.password, fault


def refused(folder: Path, user: str = "load7") -> str | None:
    """What is wrong with the credentials that the folder should hold."""
    secret, fault = Reader().read(phone(folder, user))
    assert secret is None
    return fault


def test_the_key_password_is_for_all(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("common\n")
    (tmp_path / "load7").write_text("own")
    assert told(tmp_path) == ("load7", "common", None)
    (tmp_path / "username").write_text("trunk")
    assert told(tmp_path) == ("trunk", "common", None)


def test_without_it_each_user_has_a_key(tmp_path: Path) -> None:
    (tmp_path / "load7").write_text("own")
    (tmp_path / "username").write_text("trunk")
    assert told(tmp_path) == ("load7", "own", None)


def test_a_user_without_key_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"credentials.directory: {tmp_path}/load7: No such file or directory"


@pytest.mark.parametrize("content", ["", "\n", "\r\n"])
def test_an_empty_file_is_no_password(tmp_path: Path, content: str) -> None:
    for name in ("load7", "password"):
        (tmp_path / name).write_text(content)
        assert refused(tmp_path) == f"credentials.directory: {tmp_path}/{name}: is empty"
    alone = Credentials(password_file=str(tmp_path / "password"))
    secret, fault = Reader().read(Phone(name="p", aor="sip:load7@acme", pri="master", credentials=alone))
    assert (secret, fault) == (None, f"credentials.passwordFile: {tmp_path}/password: is empty")


def test_a_user_name_need_not_be_there_but_where_it_is_it_must_be_of_use(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pw")
    (tmp_path / "username").write_text("")
    assert told(tmp_path) == ("load7", "pw", None)
    (tmp_path / "username").write_bytes(b"\xff")
    assert refused(tmp_path) == f"credentials.directory: {tmp_path}/username: is not UTF-8"


def test_no_credentials_at_all_are_no_fault() -> None:
    assert Reader().read(Phone(name="p", aor="sip:load7@acme", pri="master")) == (None, None)


def test_a_tls_file_that_is_missing_or_empty_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca").touch()
    _, faults = read_tls(Tls(ca_file=str(tmp_path / "ca")))
    assert faults == [f"{tmp_path}/ca: is empty"]
    _, faults = read_tls(Tls(ca_file=str(tmp_path / "other")))
    assert faults == [f"{tmp_path}/other: No such file or directory"]


def test_a_user_name_leads_to_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    inner = tmp_path / "inner"
    inner.mkdir()
    for user in ("../secret", "..", ".", "..data", "a/b", "%2e%2e"):
        assert refused(inner, user) == f'credentials.directory: {inner}: no file can be named like the user "{user}"'


def test_a_file_of_many_phones_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("old")
    reader = Reader()
    first = reader.read(phone(tmp_path))
    (tmp_path / "password").write_text("new")
    assert reader.read(phone(tmp_path)) == first
    assert told(tmp_path)[1] == "new"


def test_a_file_whose_owner_and_mode_are_only_set_again_was_not_changed(tmp_path: Path) -> None:
    """The kubelet does that to all files of a volume whenever it looks at the pod."""
    file = tmp_path / "password"
    file.write_text("old")
    file.chmod(0o440)
    before, changed_at = Stamps().of([phone(tmp_path)], []), file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == changed_at:  # the file system's clock ticks slowly
        file.chmod(0o440)
    assert Stamps().of([phone(tmp_path)], []) == before
    file.chmod(0o400)
    assert Stamps().of([phone(tmp_path)], []) != before, "it may be readable only now"
    other = tmp_path / "other"
    other.write_text("new")
    other.replace(file)
    assert Stamps().of([phone(tmp_path)], []) != before
