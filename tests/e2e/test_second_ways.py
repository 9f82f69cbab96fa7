"""What is wrong with second ways at real PBXes: which condition, sentence, metric and alert say so, and how soon.

With SECOND_WAYS_WRITE=1 the rows go to data/second_ways.json, and from there to docs/proof/second-ways.md.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from drills import link
from e2e.objects import pbx, secret, softphone, system
from lab.certificates import Authority
from lab.kube import Kube, Object, condition
from lab.pbx import Pbx, PbxSpec, System, default_system
from lab.prometheus import Prometheus
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

SEEN = Path(__file__).parent / "data" / "second_ways.json"
INTERVAL = 10
KEEPS, KNOWS_NOBODY, CIRCLE, BACK, AWAY, NOBODY = settings().pbx_addresses_in_lab[8:14]


@dataclass(frozen=True)
class Row:
    """A phone at home at `slave`, and what is wrong with its other way."""

    user: str
    what: str
    reason: str
    says: str
    spec: dict[str, Any] = field(default_factory=dict)
    registration: dict[str, Any] = field(default_factory=dict)
    status: str = "False"


ROWS = [
    Row("u1", "nobody listens at its UDP port", "Unreachable", "does not answer", {"sec": f"sip:{NOBODY}:5060"}),
    Row(
        "u2",
        "nobody listens at its TCP port",
        "Unreachable",
        "refused",
        {"sec": f"sip:{NOBODY}:5060;transport=tcp"},
    ),
    Row("u3", "a firewall drops what goes there", "Unreachable", "does not answer", {"sec": f"sip:{AWAY}:5060"}),
    Row("u4", "it does not know the user", "Refused", "404", {"sec": f"sip:{KNOWS_NOBODY}:5060"}),
    Row("u5", "it redirects in a circle", "Loop", "in a circle", {"sec": f"sip:{CIRCLE}:5060"}),
    Row(
        "u6",
        "it keeps the phone, though its home (`home`) is another PBX, which answers",
        "OtherHome",
        "not the phone's home",
        {"sec": f"sip:{KEEPS}:5060", "home": "slave"},
    ),
    Row(
        "u7",
        "nothing: it would keep the phone",
        "Redundant",
        "",
        {"pri": "slave", "sec": f"sip:{KEEPS}:5060"},
        status="True",
    ),
    Row("u8", "DNS does not know its name", "Unreachable", "nowhere.test", {"sec": "sip:nowhere.test:5060"}),
    Row("u9", "its certificate is for another name", "Unreachable", "CERT", {"sec": "misnamed"}),
    Row("u10", "its certificate is of an authority that is not trusted", "Unreachable", "CERT", {"sec": "untrusted"}),
    Row(
        "u11",
        "it leads home by more redirects than `maxRedirects`",
        "TooManyRedirects",
        "maxRedirects",
        {"pri": "slave", "sec": "standby"},
        {"maxRedirects": 1},
    ),
    Row(
        "u12",
        "it redirects to what is no PBX object, with `redirectPolicy: KnownPBXes`",
        "Forbidden",
        "redirectPolicy",
        {"pri": "slave", "sec": "foreign"},
        {"redirectPolicy": "KnownPBXes"},
    ),
    Row("u13", "there is none", "OneWay", "no secondary PBX", {"sec": None}),
]


@pytest.fixture(scope="module")
def others() -> Iterator[list[Pbx]]:
    """PBXes besides the lab's: one that keeps everybody, one that knows nobody, two that redirect to each other."""
    users, now = {"u[0-9]+": "w-keeps"}, settings()
    systems = [
        System(now, [PbxSpec("w-keeps", KEEPS)], {}, users),
        System(now, [PbxSpec("w-nobody", KNOWS_NOBODY)], {}),
        System(
            now,
            [
                PbxSpec("w-circle", CIRCLE, redirects_to="w-back"),
                PbxSpec("w-back", BACK, redirects_to="w-circle"),
                PbxSpec("w-away", AWAY),
            ],
            {},
            {"u[0-9]+": "w-away"},
        ),
    ]
    made = [each for one in systems for each in one.pbxes if each.name != "w-away"]
    for each in made:
        each.start()
    for each in made:
        each.wait_ready()
    yield made
    for each in made:
        each.kill()


@contextmanager
def phones(namespace: Kube, folder: Path) -> Iterator[None]:
    """All of them, registered; their other ways are as the rows have it."""
    lab = default_system()
    strangers = Authority(folder / "strangers")
    standby = lab.pbx("standby").tls_uri
    namespace.apply(
        *system(),
        secret("authority", **{"ca.crt": lab.authority.read_text()}),
        secret("strangers", **{"ca.crt": strangers.ca.read_text()}),
        pbx(
            "misnamed",
            address=standby,
            tls={"caSecretName": "authority", "serverName": "other.test"},
            system="misnamed",
        ),
        pbx("untrusted", address=standby, tls={"caSecretName": "strangers"}, system="untrusted"),
        pbx("foreign", address=f"sip:{CIRCLE}:5060", system="foreign"),
        *(secret(row.user) for row in ROWS),
    )
    with link.cut(AWAY):
        for row in ROWS:
            registration = {"expiresSeconds": 20, "pathCheckSeconds": INTERVAL, **row.registration}
            namespace.apply(softphone(row.user, registration=registration, **row.spec))
        yield


def since(of: Object, kind: str) -> datetime:
    return datetime.fromisoformat(condition(of, kind)["lastTransitionTime"])


def test_each_is_said_by_condition_metric_and_alert(
    namespace: Kube, others: list[Pbx], pbxes: System, tmp_path: Path
) -> None:
    seen, faults, slave = [], [], pbxes.pbx("slave")
    position = slave.position()
    with phones(namespace, tmp_path):
        for row in ROWS:

            def says(of: Object, row: Row = row) -> bool:
                found = condition(of, "Redundant")
                return bool(found) and (found["status"], found["reason"]) == (row.status, row.reason)

            try:
                of = namespace.until("sp", row.user, says, seconds=90)
            except Exception as fault:  # noqa: BLE001 - all rows are looked at
                faults.append(f"{row.user} ({row.what}): {fault}"[:600])
                continue
            message = condition(of, "Redundant")["message"]
            if row.says not in message:
                faults.append(f"{row.user}: {message}")
            if condition(of, "Ready")["status"] != "True":
                faults.append(f"{row.user} is not Ready: {condition(of, 'Ready')}")
            after = (since(of, "Redundant") - since(of, "Registered")).total_seconds()
            here = f'namespace="{namespace.namespace}",softphone="{row.user}",via="sec"'
            metric, alert = "", ""
            if row.reason != "OneWay":
                good = float(row.status == "True")
                wait_until(lambda here=here, good=good: _value(here) == good, f"the metric of {row.user}")  # type: ignore[misc]
                metric = f"`softphone_path_ok` {good:.0f}"
            if row.status == "False" and metric:
                lost = f'count(ALERTS{{alertname="SoftphoneRedundancyLost",{here}}})'
                wait_until(lambda lost=lost: Prometheus().value(lost) == 1, f"the alert of {row.user}")  # type: ignore[misc]
                alert = "SoftphoneRedundancyLost, pending"
            seen.append({"what": row.what, "after": after, "status": row.status, "reason": row.reason}
                        | {"message": message, "metric": metric, "alert": alert})  # fmt: skip
        for row in ROWS:
            registers = slave.registers(since=position, aor=row.user)
            if len({register.call_id for register in registers}) != 1:
                faults.append(f"{row.user}: another Call-ID")
            numbers = [register.cseq for register in registers]
            if numbers != list(range(1, len(numbers) + 1)):
                faults.append(f"{row.user}: the CSeqs of its registration are {numbers}")
    assert not faults, "\n".join(faults)
    if os.environ.get("SECOND_WAYS_WRITE"):
        day = time.strftime("%Y-%m-%d", time.gmtime())
        SEEN.write_text(json.dumps({"date": day, "interval": INTERVAL, "rows": seen}, indent=2) + "\n")


def _value(of: str) -> float | None:
    return Prometheus().value(f"softphone_path_ok{{{of}}}")
