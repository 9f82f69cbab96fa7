"""The lab's small parts that need nothing to run."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import images, packages
from lab.errors import LabError
from lab.kubernetes import build
from lab.register_log import RegisterLog
from lab.settings import NEWEST, OLDEST, Settings, settings

LINE = (
    " 2(300) ALERT: <script>: REGISTER\t1795397131.605232\talice@pbx.test\tpbx.test\tudp:10.244.0.10:5066\tcall-1\t7\t"
    "{expires}\t{contact}\tberlin\tagent 1.0\t{user}\t{code}\t{target}\n"
)


def log(folder: Path, **fields: str) -> RegisterLog:
    known = {"expires": "60", "contact": "<sip:alice@10.244.0.10:5066>", "user": "alice", "code": "200", "target": ""}
    file = folder / "pbx.log"
    with file.open("a") as stream:
        stream.write("Listening on\n" + LINE.format(**{**known, **fields}))
    return RegisterLog(file)


def test_a_register_is_read_from_the_log(tmp_path: Path) -> None:
    [seen] = log(tmp_path).read()
    assert (seen.aor, seen.source, seen.call_id, seen.cseq) == ("alice@pbx.test", "udp:10.244.0.10:5066", "call-1", 7)
    assert (seen.expires, seen.code, seen.redirected_to) == (60, 200, None)
    assert seen.credentials_given
    assert seen.location_header == "berlin"


def test_what_a_register_lacks_is_none(tmp_path: Path) -> None:
    [seen] = log(tmp_path, expires="<null>", user="<null>", code="302", target="slave").read()
    assert (seen.expires, seen.user_name, seen.redirected_to) == (None, None, "slave")
    assert not seen.credentials_given


def test_parameters_of_contact_are_those_behind_the_uri(tmp_path: Path) -> None:
    contact = '"A" <sip:alice@10.244.0.10;transport=tcp>;expires=0;x-loc="site 7";ob'
    [seen] = log(tmp_path, contact=contact).read()
    assert seen.contact_uri == "sip:alice@10.244.0.10;transport=tcp"
    assert seen.contact_parameters == {"expires": "0", "x-loc": "site 7", "ob": ""}
    assert seen.unregisters


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    seen = log(tmp_path)
    position = seen.position()
    assert seen.read(since=position) == []
    log(tmp_path, code="302")
    assert [register.code for register in seen.read(since=position)] == [302]


def test_a_digest_follows_names_contents_and_words(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    before = images.digest([file])
    assert images.digest([file]) == before
    assert images.digest([file], "word") != before
    file.write_text("2")
    assert images.digest([file]) != before


def test_only_the_operators_image_follows_the_operators_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    before = images.Images(settings())
    after = images.Images(settings())
    after._sources = [file for file in before._sources if file.parts[-2:] != ("decide", "names.py")]
    assert after.names.operator != before.names.operator
    assert after.names.agent == before.names.agent


@pytest.mark.parametrize("folder", ["/run/lab", "/var/lib/lab", "/tmp/" + "x" * 60])
def test_a_cache_folder_that_cannot_work_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="SOFTPHONE_FLEET_CACHE"):
        Settings(cache=Path(folder))


def test_a_cluster_of_the_users_needs_addresses_for_the_pbxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    monkeypatch.setenv("LAB_PBX_ADDRESSES", "192.0.2.1")
    assert not settings().own_cluster
    with pytest.raises(ValueError, match="three addresses"):
        _ = settings().pbx_addresses
    monkeypatch.setenv("LAB_PBX_ADDRESSES", "192.0.2.1, 192.0.2.2,192.0.2.3")
    assert settings().pbx_addresses == ("192.0.2.1", "192.0.2.2", "192.0.2.3")


def test_the_labs_own_kubeconfig_is_not_taken_for_a_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(settings().lab_kubeconfig))
    assert settings().own_cluster


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A lab that is down, and nobody asks for a version."""
    monkeypatch.delenv("KUBERNETES", raising=False)
    # pytest's own folders are longer than the lab's may be.
    with tempfile.TemporaryDirectory() as folder:
        found = Settings(cache=Path(folder))
        found.run.mkdir()
        yield found


def test_the_lab_runs_the_newest_kubernetes(place: Settings) -> None:
    assert (place.kubernetes, place.oldest) == (NEWEST, False)
    assert f"k8s.io/kubernetes v{NEWEST}." in (build.NEWEST / "go.mod").read_text()


def test_kubernetes_asks_for_the_oldest(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", OLDEST)
    assert (place.kubernetes, place.oldest) == (OLDEST, True)


def test_what_runs_is_what_it_is_whatever_is_asked_for(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    place.kubernetes_that_runs.write_text(OLDEST)
    assert place.kubernetes == OLDEST
    monkeypatch.setenv("KUBERNETES", NEWEST)
    assert place.kubernetes == OLDEST


def test_a_kubernetes_that_the_lab_does_not_have_is_refused(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", "1.25")
    with pytest.raises(LabError, match=r"KUBERNETES must be 1\.36 or 1\.20: 1\.25"):
        _ = place.kubernetes


def test_versions_of_kubernetes_share_no_folder(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []
    for version in (NEWEST, OLDEST):
        monkeypatch.setenv("KUBERNETES", version)
        folders.append({place.binaries, place.go, place.containerd, place.debian})
    assert not folders[0] & folders[1]


def test_tools_that_several_want_at_once_are_fetched_once(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    at_once = threading.Barrier(8)

    def fetch(settings: Settings, major: str) -> None:
        fetched.append(major)
        packages.helm(settings, major).parent.mkdir(parents=True)
        packages.helm(settings, major).touch()

    def want() -> None:
        at_once.wait()
        packages.fetch_tools(place)

    monkeypatch.setattr(packages, "_fetch_tools", fetch)
    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == ["3"]
