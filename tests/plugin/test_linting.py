"""What `lint` says of manifests: the operator's own words, with the line that they are about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from hostile_yaml import hostile_bytes
from softphone_plugin.linting import lint

DATA = Path(__file__).parent / "data" / "lint"
REPOSITORY = Path(__file__).parents[2]
PHONE = """\
apiVersion: softphone-fleet.io/v1alpha1
kind: Softphone
metadata: {name: anna}
spec: {aor: "sip:anna@acme.example", pri: master, credentials: {secretName: anna}}
"""
MASTER = """\
apiVersion: softphone-fleet.io/v1alpha1
kind: PBX
metadata: {name: master}
spec: {address: "sip:10.0.0.1"}
"""


def said(*texts: str, strict: bool = False) -> list[str]:
    files = [(f"{number}.yaml", text) for number, text in enumerate(texts)]
    return [str(finding) for finding in lint(files, strict=strict).findings]


def test_every_fault_is_told_with_its_file_its_line_and_its_field() -> None:
    found = lint([("site.yaml", (DATA / "site.yaml").read_text())])
    assert [str(finding) for finding in found.findings] == (DATA / "site.txt").read_text().splitlines()
    assert found.objects == 16


def test_what_may_be_in_the_cluster_is_a_warning_and_with_strict_a_fault() -> None:
    pri = 'spec.pri: there is no PBX "master" in the namespace default'
    secret = 'spec.credentials.secretName: the Secret "anna" is not among the files'
    for strict, severity in ((False, "warning"), (True, "fault")):
        told = [f"0.yaml:4: {severity}: Softphone/anna: {message}" for message in (pri, secret)]
        assert said(PHONE, strict=strict) == told


def test_where_pbxes_are_given_one_that_is_missing_is_a_fault() -> None:
    other = MASTER.replace("master", "other")
    assert said(other, PHONE)[0].startswith("1.yaml:4: fault: Softphone/anna: spec.pri: there is no PBX")


def test_references_are_looked_for_in_all_files_and_in_the_same_namespace() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: anna}\ndata: {password: eA==}\n"
    assert said(PHONE, secret, MASTER) == []
    elsewhere = MASTER.replace("name: master", "name: master, namespace: other")
    assert len(said(PHONE, secret, elsewhere)) == 1


def test_names_that_are_too_long_for_what_is_made_of_them_are_told() -> None:
    fleet = PHONE.replace("kind: Softphone", "kind: SoftphoneFleet").replace("name: anna}", f"name: {'x' * 252}}}")
    fleet = fleet.replace("spec: {", "spec: {template: {").replace("}}\n", "}}}\n").replace("anna@", "load{index}@")
    told = said(MASTER.replace("name: master", f"name: {'x' * 64}"), fleet)
    assert told[0].startswith(f'0.yaml:4: fault: PBX/{"x" * 64}: spec.location: is required, since the name "xxx')
    assert told[1].startswith(f'1.yaml:3: fault: SoftphoneFleet/{"x" * 252}: metadata.name: "xxx')


def test_pbxes_of_one_address_and_entries_in_two_systems_are_told() -> None:
    twin, other = MASTER.replace("master", "a-twin"), MASTER.replace("master", "other").replace("0.1", "0.2, system: x")
    known = PHONE.replace("pri: master", "pri: master, sec: other, registration: {redirectPolicy: KnownPBXes}")
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: anna}\ndata: {password: eA==}\n"
    told = said(MASTER, twin, other.replace('2, system: x"', '2", system: x'), known, secret)
    assert [one.split(" is ")[0] for one in told] == [
        '1.yaml:4: warning: PBX/a-twin: spec.address: "sip:10.0.0.1"',
        '3.yaml:4: warning: Softphone/anna: spec.sec: the PBX "other"',
    ]


def test_a_file_that_is_no_yaml_is_told_and_the_others_are_looked_at() -> None:
    told = said("a: [", MASTER.replace("10.0.0.1", "@"))
    assert told[0] == "0.yaml:1:5: fault: is no YAML: expected the node content, but found '<stream end>'"
    assert told[1].startswith('1.yaml:4: fault: PBX/master: spec.address: "sip:@" is no SIP URI')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PHONE + "status: {at: 2026-02-30}\n", '0.yaml:5:14: fault: "2026-02-30" is no timestamp'),
        ("a: &a [*a]\n", '0.yaml:1:8: fault: the anchor "a" holds itself'),
        ("[a, b]: c\n", "0.yaml:1:1: fault: is no YAML: a key must be a text, and not a list or a mapping"),
        ("a: " + "[" * 5000, "0.yaml:1:103: fault: is nested more than 100 levels deep"),
        (PHONE.replace("master", "a\0b"), "0.yaml:4:44: fault: holds the character U+0000"),
        (PHONE.replace("master", "bö").encode("latin-1"), "0.yaml:4:44: fault: is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_a_line_with_its_place(text: str | bytes, told: str) -> None:
    (finding,) = lint([("0.yaml", text)]).findings
    assert str(finding).startswith(told)


def test_a_value_with_line_breaks_and_controls_is_told_on_one_line() -> None:
    text = PHONE.replace("kind: Softphone", 'kind: "a\\n\\e[31mb"')
    assert said(text) == [
        r'0.yaml:2: fault: kind: "a\n\x1b[31mb" is none of CallCheck, PBX, Rehearsal, Softphone, SoftphoneFleet, '
        "SoftphonePool"
    ]


@given(hostile_bytes((DATA / "site.yaml").read_text()))
@settings(max_examples=200, deadline=None)
def test_whatever_a_file_holds_lint_tells_lines_and_nothing_else(content: bytes) -> None:
    for finding in lint([("x", content)]).findings:
        assert str(finding).isprintable()
        assert finding.line >= 1
        json.dumps(finding.data())


def test_a_limit_below_its_request_is_a_fault_as_kubernetes_refuses_the_pod() -> None:
    resources = "agent: {resources: {requests: {memory: 64Mi},\n  limits: {memory: 32Mi}}}"
    told = said(MASTER, PHONE.replace("credentials: {secretName: anna}", resources))
    assert told == [
        '1.yaml:5: fault: Softphone/anna: spec.agent.resources.limits.memory: "32Mi" is less than is requested, "64Mi"'
    ]


def test_the_configuration_of_an_agent_without_kubernetes_is_looked_at_too() -> None:
    told = said("pbxs: []\nphones:\n  - name: anna\n    aor: sip:anna@acme.example\n    pri: master\n")
    assert told == ['0.yaml:5: fault: agent configuration: phones[0].pri: no PBX is named "master"']


def test_what_is_found_is_told_to_programs_with_its_field() -> None:
    found = lint([("a.yaml", PHONE), ("b.yaml", "a: [")])
    assert [finding.data() for finding in found.findings][1:] == [
        {
            "file": "a.yaml",
            "line": 4,
            "severity": "warning",
            "object": "Softphone/anna",
            "field": "spec.credentials.secretName",
            "message": 'spec.credentials.secretName: the Secret "anna" is not among the files',
        },
        {
            "file": "b.yaml",
            "line": 1,
            "column": 5,
            "severity": "fault",
            "object": "",
            "field": "",
            "message": "is no YAML: expected the node content, but found '<stream end>'",
        },
    ]


def test_no_password_of_a_uri_is_shown() -> None:
    assert "geheim" not in "".join(said(PHONE.replace("sip:anna@", "sip:anna:geheim@").replace("acme", "ac me")))


@pytest.mark.parametrize(
    "example",
    [
        *sorted(path for path in (REPOSITORY / "examples").glob("*.yaml")),
        *sorted(path for path in (REPOSITORY / "examples").iterdir() if path.is_dir()),
    ],
    ids=lambda path: path.name,
)
def test_the_examples_have_no_fault(example: Path) -> None:
    files = [example] if example.is_file() else sorted(example.rglob("*.yaml"))
    found = lint([(str(path), path.read_text()) for path in files])
    assert [str(finding) for finding in found.findings if finding.severity == "fault"] == []
    assert found.objects > 0


CHECKS = """\
apiVersion: softphone-fleet.io/v1alpha1
kind: Softphone
metadata: {name: anna, labels: {tier: probe}}
spec: {aor: "sip:anna@acme.example", pri: master}
---
apiVersion: softphone-fleet.io/v1alpha1
kind: SoftphoneFleet
metadata: {name: load, labels: {tier: probe}}
spec: {replicas: 2, template: {aor: "sip:load{index}@acme.example", pri: slave}}
---
apiVersion: softphone-fleet.io/v1alpha1
kind: CallCheck
metadata: {name: sites}
spec: {mode: Mesh, from: {selector: tier=probe}}
---
apiVersion: softphone-fleet.io/v1alpha1
kind: CallCheck
metadata: {name: pair}
spec: {from: {softphone: anna}, to: {softphone: load-7}}
---
apiVersion: softphone-fleet.io/v1alpha1
kind: CallCheck
metadata: {name: odd}
spec: {from: {selector: "tier in"}}
"""


def test_call_checks_are_judged_with_the_phones_of_the_files() -> None:
    pbxs = "".join(
        f"---\napiVersion: softphone-fleet.io/v1alpha1\nkind: PBX\nmetadata: {{name: {name}}}\n"
        f'spec: {{address: "sip:{host}"}}\n'
        for name, host in (("master", "10.0.0.1"), ("slave", "10.0.0.2"))
    )
    found = [str(one) for one in lint([("calls.yaml", CHECKS + pbxs)]).findings]
    assert found == [
        'calls.yaml:19: warning: CallCheck/pair: spec.to.softphone: there is no Softphone "load-7" in the namespace '
        "default, nor a fleet with such a phone",
        "calls.yaml:24: fault: CallCheck/odd: spec.to: is required in mode Pairs",
        'calls.yaml:24: fault: CallCheck/odd: spec.from.selector: "tier in" is no requirement of a label',
    ]
    strict = [str(one) for one in lint([("calls.yaml", CHECKS + pbxs)], strict=True).findings]
    assert strict[0].startswith("calls.yaml:19: fault: CallCheck/pair")
