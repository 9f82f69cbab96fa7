"""The configuration file: `--check` says what is wrong with a broken one, one clear message a fault."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from softphone_agent.contract import fields, reading
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.contract.phone import NEVER, Credentials
from softphone_agent.supervisor.command_line import main

BROKEN = sorted((Path(__file__).parent / "data" / "broken").glob("*.yaml"))
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "without-kubernetes").glob("agent*.yaml"))


def test_there_are_enough_broken_files() -> None:
    assert len(BROKEN) >= 25


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: str(file.stem))
def test_a_broken_file_is_refused_with_these_words(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(file), "--check"]) == 2
    shown = capsys.readouterr()
    assert shown.err == file.with_suffix(".txt").read_text()
    assert shown.out == ""


def test_a_broken_file_does_not_start_an_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(BROKEN[0])]) == 2
    assert capsys.readouterr().err == BROKEN[0].with_suffix(".txt").read_text()


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--check"], 0, "example.yaml: 0 phones, 0 PBXes, ok\n"),
        ([], 1, "softphone-agent: cannot start: pjsua2 is not there: "),
    ],
    ids=["--check", "run"],
)
def test_without_pjsua_a_file_can_be_checked_and_an_agent_says_what_it_lacks(
    tmp_path: Path, options: list[str], code: int, told: str
) -> None:
    (tmp_path / "example.yaml").write_text("{}")
    without = "import sys; sys.modules['pjsua2'] = None; from softphone_agent.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", without, "run", "--config", str(tmp_path / "example.yaml"), *options]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert (ran.returncode, ran.stdout[: len(told)], ran.stdout.count("\n")) == (code, told, 1)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.stem))
def test_the_examples_are_good(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the files of passwords and certificates lie where the example says."""
    text = file.read_text()
    for named in re.findall(r"File: (/\S+)", text):
        here = tmp_path / named.lstrip("/")
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_text("x")
    example = tmp_path / file.name
    example.write_text(text.replace("File: /", f"File: {tmp_path}/"))
    assert main(["run", "--config", str(example), "--check"]) == 0
    assert capsys.readouterr().out.endswith("ok\n")


def test_a_missing_file_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="No such file or directory"):
        reading.load(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_bytes(b"pbxs: []\n\xff")
    with pytest.raises(ConfigFaults, match="line 2, column 1: is not UTF-8"):
        reading.load(file)


def test_a_file_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_bytes(b"#" * (reading.MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigFaults, match="is larger than"):
        reading.load(file)


def test_json_and_yaml_say_the_same() -> None:
    text = EXAMPLES[0].read_text()
    config = reading.parse(text)
    assert reading.parse(config.model_dump_json(by_alias=True)) == config
    assert AgentConfig.model_validate(yaml.safe_load(text), by_alias=True, by_name=False) == config


def test_the_digest_tells_files_apart(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(EXAMPLES[0].read_text())
    _, before = reading.load(file)
    file.write_text(EXAMPLES[0].read_text() + "# changed\n")
    _, after = reading.load(file)
    assert len(before) == 16
    assert before != after


def test_defaults_are_those_of_the_contract() -> None:
    config = reading.parse(
        "pbxs: [{name: master, address: 'sip:192.0.2.1'}]\nphones: [{name: a, aor: 'sip:a@b', pri: master}]"
    )
    registration = config.phones[0].registration
    assert (registration.attempt_timeout_seconds, registration.ping_seconds) == (4.0, 2.0)
    assert (registration.max_redirects, registration.redirect_policy) == (8, "Any")
    assert (registration.fail_back, registration.fail_back_after_seconds) == ("Redirect", 60.0)
    assert registration.closed_connection_wait_seconds == 0.0
    assert (registration.backoff.initial_seconds, registration.backoff.max_seconds) == (1.0, 60.0)
    assert config.pbxs[0].location_carrier.effective_name == "X-Physical-Location"
    assert (config.pbxs[0].register_rate, config.pbxs[0].request_uri) == (1000.0, "Address")
    assert config.http.port == 8080


FLEET = """
fleet: load
pbxs: [{name: master, address: "sip:192.0.2.1"}]
fleets:
  - count: 3
    firstIndex: 998
    template: {id: "1-{index}", aor: "sip:load{index:05d}@acme", pri: master, credentials: {directory: /secrets/load}}
"""


def test_a_fleet_becomes_phones() -> None:
    config = reading.parse(FLEET)
    assert [(phone.name, phone.id, phone.aor) for phone in config.phones] == [
        ("load-998", "1-998", "sip:load00998@acme"),
        ("load-999", "1-999", "sip:load00999@acme"),
        ("load-1000", "1-1000", "sip:load01000@acme"),
    ]
    assert {phone.credentials for phone in config.phones} == {Credentials(directory="/secrets/load")}


def test_of_a_fleet_one_phone_in_so_many_checks_its_ways_and_the_slices_first() -> None:
    def checking(*changes: tuple[str, str]) -> list[str]:
        text = FLEET
        for old, new in changes:
            text = text.replace(old, new)
        config = reading.parse(text)
        return [phone.name for phone in config.phones if phone.registration.path_check_seconds < NEVER]

    assert checking() == ["load-998", "load-1000"]
    assert checking(("count: 3", "count: 3\n    pathChecksOneIn: 1")) == ["load-998", "load-999", "load-1000"]
    assert checking(("count: 3", "count: 103")) == ["load-998", "load-1000", "load-1100"]
    phones = reading.parse(FLEET).phones
    assert phones[0].registration.path_check_seconds == 300.0
    off = reading.parse(FLEET.replace("pri: master,", "pri: master, registration: {pathCheckSeconds: 0},")).phones
    assert {phone.registration.path_check_seconds for phone in off} == {0.0}


def test_the_phones_of_a_fleet_that_check_no_ways_share_how_they_register() -> None:
    phones = reading.parse(FLEET.replace("count: 3", "count: 40")).phones
    assert len({id(phone.registration) for phone in phones}) == 2


def test_the_phones_of_a_fleet_hold_the_names_of_their_given_fields_together() -> None:
    """700 bytes a phone, in the supervisor and in its worker."""
    phones = reading.parse(FLEET).phones
    for each in (phones, pickle.loads(pickle.dumps(phones))):
        one, other, _ = (phone.model_fields_set for phone in each)
        assert one is other
        given = {"name", "id", "aor", "pri", "credentials", "registration"}
        by_default = {"mode", "answer", "media_encryption", "trace", "suspend"}
        assert one == given | by_default
    changed = phones[0].model_copy(update={"phys": "hq"})
    assert "phys" in changed.model_fields_set
    assert "phys" not in phones[0].model_fields_set


def test_another_count_leaves_the_phones_that_stay_as_they_were() -> None:
    before, after = reading.parse(FLEET), reading.parse(FLEET.replace("count: 3", "count: 2"))
    assert after.phones == before.phones[:2]


def test_a_fleet_of_five_thousand_phones_is_a_small_file() -> None:
    config = AgentConfig.model_validate(yaml.safe_load(FLEET.replace("count: 3", "count: 5000")), by_alias=True)
    text = config.model_dump_json(by_alias=True, exclude_defaults=True)
    assert len(text) < 1000
    assert len(reading.parse(text).phones) == 5000


def patterns_of(schema: object) -> set[str]:
    """All patterns in a JSON schema."""
    if isinstance(schema, dict):
        found = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        return found.union(*(patterns_of(part) for part in schema.values()))
    return set().union(*(patterns_of(part) for part in schema)) if isinstance(schema, list) else set()


def test_whoever_misses_a_pattern_is_told_in_words() -> None:
    assert patterns_of(AgentConfig.model_json_schema()) == set(fields.PATTERN_WORDS)
