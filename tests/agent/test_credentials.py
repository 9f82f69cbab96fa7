"""Passwords from a folder: one for all phones, or one for each user."""

from __future__ import annotations

from pathlib import Path

from softphone_agent.config import Credentials, Phone
from softphone_agent.credentials import Reader, Stamps


def phone(folder: Path, user: str = "load7") -> Phone:
    return Phone(name="p", aor=f"sip:{user}@acme", pri="master", credentials=Credentials(directory=str(folder)))


def told(folder: Path, user: str = "load7") -> tuple[str, str | None, str | None]:
    secret, fault = Reader().read(phone(folder, user))
    assert secret is not None
    return secret.username, secret.password, fault


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
    assert told(tmp_path) == ("load7", None, f"{tmp_path}/load7: No such file or directory")


def test_a_user_name_leads_to_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    inner = tmp_path / "inner"
    inner.mkdir()
    for user in ("../secret", "..", ".", "..data", "a/b", "%2e%2e"):
        assert told(inner, user) == (user, None, f'{inner}: no file can be named like the user "{user}"')


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
