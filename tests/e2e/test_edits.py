"""Every edit of the table (tests/edits.py), made to a registered phone: what the PBXes and the cluster saw of it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest
import yaml

import edits
from e2e.objects import address, fleet, pbx, placed, secret, softphone, system
from lab.kube import Kube, KubeError, Object, condition, is_ready, kubectl
from lab.pbx import Pbx, default_system
from lab.register_log import Register
from lab.settings import settings
from lab.waiting import wait_until
from softphone_agent.contract.reading import digest
from softphone_operator.decide.mounts import mounted_key

pytestmark = pytest.mark.lab

PATIENCE = 120.0

Effects = list[tuple[str, str, str]]
"""Of each row its name, what happened to the phone, and to the pod."""


class Observer:
    """Watches one phone: what the PBXes saw of it, and in which pod it lives."""

    kind = "sp"

    def __init__(self, namespace: Kube, name: str, user: str, pbxes: Sequence[Pbx]) -> None:
        self.namespace, self.name, self.user, self._pbxes = namespace, name, user, pbxes
        namespace.until(self.kind, name, is_ready, seconds=90)
        self._since = {one.name: 0 for one in pbxes}
        seen = self.accepted()
        assert seen, f"{user} has not registered"
        self.call_id: str | None = seen[-1].call_id
        self.contact = seen[-1].contact_uri
        self.pod = self.present_pod()

    def accepted(self) -> list[Register]:
        """The REGISTERs that were accepted since the present edit, oldest first."""
        seen = [r for one in self._pbxes for r in one.registers(self._since[one.name], self.user) if r.code == 200]
        return sorted(seen, key=lambda register: register.time)

    def begin(self) -> None:
        """An edit follows."""
        self._since = {one.name: one.position() for one in self._pbxes}

    @property
    def selector(self) -> str:
        """That of the agent's pods."""
        return f"softphone-fleet.io/softphone={self.name}"

    def pods(self) -> list[Object]:
        """The agent's pods."""
        listed = kubectl("-n", self.namespace.namespace, "get", "pods", "-l", self.selector, "-o", "json")
        found: list[Object] = json.loads(listed)["items"]
        return found

    def present_pod(self) -> str:
        """UID of the one pod that there is, empty while there is none, or more than one."""
        found = self.pods()
        return str(found[0]["metadata"]["uid"]) if len(found) == 1 else ""

    @property
    def anew(self) -> bool:
        """Whether the old binding was removed and a new one made, in this order."""
        seen = self.accepted()
        new = [index for index, each in enumerate(seen) if each.call_id != self.call_id and not each.unregisters]
        gone = [index for index, each in enumerate(seen) if each.call_id == self.call_id and each.unregisters]
        return bool(new) and (self.call_id is None or (bool(gone) and gone[0] < new[0]))

    def effect(self) -> str:
        """What happened to the phone."""
        seen = self.accepted()
        if self.anew:
            return edits.ANEW
        if any(each.unregisters for each in seen):
            return edits.RESTS
        if all(each.call_id == self.call_id for each in seen):
            return edits.GOES_ON
        return edits.OVER if {each.contact_uri for each in seen} == {self.contact} else "registered twice"

    def end(self, row: edits.Row) -> tuple[str, str]:
        """The edit is over: what happened to the phone, and to the pod."""
        phone = self.effect()
        if row.phone == edits.REFUSED and phone == edits.GOES_ON:
            phone = edits.REFUSED
        told = phone, edits.STAYS if self.present_pod() == self.pod else edits.NEW
        seen = self.accepted()
        if told[0] not in (edits.GOES_ON, edits.REFUSED):
            self.call_id = None if seen[-1].unregisters else seen[-1].call_id
            self.contact = seen[-1].contact_uri
        self.pod = self.present_pod()
        return told


class FleetObserver(Observer):
    """Watches a phone of a fleet whose agent was the first one to begin with."""

    kind = "spf"

    @property
    def selector(self) -> str:
        return f"softphone-fleet.io/fleet={self.name},softphone-fleet.io/slice=0"

    def effect(self) -> str:
        seen = self.accepted()
        new = {_address(each) for each in seen if each.call_id != self.call_id and not each.unregisters}
        gone = {_address(each) for each in seen if each.call_id == self.call_id and each.unregisters}
        moved = bool(new and gone) and not new & gone and self.present_pod() == self.pod
        return edits.MOVES if moved else super().effect()


def _address(seen: Register) -> str:
    """Where it came from, without transport and port."""
    return seen.source.partition(":")[2].rpartition(":")[0]


def follows(of: Object, ends_as: str = "") -> bool:
    """Whether the status is about the present spec, and the agent runs with it."""
    generation = of["metadata"]["generation"]
    ready = condition(of, "Ready")
    settled = ready.get("status") == "True" or ready.get("reason") in ("Suspended", ends_as)
    return bool(settled and ready["observedGeneration"] == of["status"]["observedGeneration"] == generation)


def is_refused(of: Object) -> bool:
    """Whether the present spec is refused."""
    accepted = condition(of, "Accepted")
    return bool(accepted["status"] == "False" and accepted["observedGeneration"] == of["metadata"]["generation"])


def is_observed(of: Object) -> bool:
    """Whether the status is about the present spec."""
    return bool(of["status"].get("observedGeneration") == of["metadata"]["generation"])


def configuration(phone: Observer) -> str:
    """What the operator wrote for the agent."""
    agent = f"softphone-{phone.name}"
    key = mounted_key(phone.namespace.get("deployment", agent))
    return str(phone.namespace.get("configmap", agent)["data"][key])


def runs_with_its_configuration(phone: Observer) -> bool:
    """Whether the agent says that it runs with what the ConfigMap holds."""
    pods = phone.pods()
    try:
        with urllib.request.urlopen(f"http://{pods[0]['status']['podIP']}:8080/status", timeout=5) as answer:
            return bool(json.loads(answer.read())["config"]["digest"] == digest(configuration(phone).encode()))
    except (OSError, LookupError):
        return False


def wait_for(phone: Observer, row: edits.Row) -> None:
    """Wait for what the row says; what does not come is told by what is seen afterwards."""
    if row.pod == edits.NEW:
        wait_until(lambda: phone.present_pod() not in ("", phone.pod), f"{row.name}: a new pod", seconds=PATIENCE)
    if row.phone == edits.ANEW:
        wait_until(lambda: phone.anew, f"{row.name}: the phone starts anew", seconds=PATIENCE)
    if row.phone in (edits.RESTS, edits.MOVES, edits.OVER):
        wait_until(lambda: phone.effect() == row.phone, f"{row.name}: the phone {row.phone}", seconds=PATIENCE)


def edit_and_take_back(namespace: Kube, kind: str, name: str, row: edits.Row) -> None:
    """An edit that is to be refused, by the API server or by the operator."""
    before = namespace.get(kind, name)["spec"]
    try:
        namespace.patch(kind, name, placed(row.change))
    except KubeError:
        return
    namespace.until(kind, name, is_refused, seconds=PATIENCE)
    namespace.patch(kind, name, {field: before[field] for field in row.change})


def edit_secret(namespace: Kube, name: str, row: edits.Row) -> None:
    """The Secret's values become those of the row."""
    assert row.secret is not None
    namespace.apply(secret(name, **row.secret))
    gone = set(namespace.get("secret", name)["data"]) - set(row.secret)
    change = json.dumps({"data": dict.fromkeys(gone)})
    kubectl("-n", namespace.namespace, "patch", "secret", name, "--type=merge", "-p", change)


def edit_phones(namespace: Kube, phone: Observer, rows: Sequence[edits.Row]) -> Effects:
    """The edits of a Softphone or a fleet, one after the other."""
    seen = []
    for row in rows:
        phone.begin()
        follows_row = partial(follows, ends_as=row.ends_as)
        if row.secret is not None:
            edit_secret(namespace, phone.name, row)
        elif row.phone == edits.REFUSED:
            edit_and_take_back(namespace, phone.kind, phone.name, row)
        else:
            namespace.patch(phone.kind, phone.name, placed(row.change))
        namespace.until(phone.kind, phone.name, follows_row, seconds=PATIENCE)
        wait_for(phone, row)
        namespace.until(phone.kind, phone.name, follows_row, seconds=PATIENCE)
        seen.append((row.name, *phone.end(row)))
    return seen


def edit_pbx(namespace: Kube, phone: Observer, name: str, rows: Sequence[edits.Row]) -> Effects:
    """The edits of the PBX that a phone uses, one after the other."""
    seen = []
    for row in rows:
        phone.begin()
        before = configuration(phone)
        if row.phone == edits.REFUSED:
            edit_and_take_back(namespace, "pbx", name, row)
        else:
            namespace.patch("pbx", name, placed(row.change))
        namespace.until("pbx", name, is_observed)
        changed = partial(lambda before, row: row.phone == edits.REFUSED or configuration(phone) != before, before, row)
        wait_until(changed, f"{row.name}: is written", seconds=PATIENCE)
        wait_for(phone, row)
        wait_until(lambda: runs_with_its_configuration(phone), f"{row.name}: the agent has it", seconds=PATIENCE)
        namespace.until("sp", phone.name, is_ready)
        seen.append((row.name, *phone.end(row)))
    return seen


@pytest.fixture(scope="module")
def priority_class() -> Iterator[None]:
    """The PriorityClass that an edit names."""
    made = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "phones"}, "value": 1}
    kubectl("apply", "-f", "-", given=yaml.safe_dump(made))
    yield
    kubectl("delete", "priorityclass", "phones")


@pytest.fixture(scope="module")
def hosts_network(namespace: Kube) -> None:
    """An edit moves an agent to the host's network, which restricted Pod Security forbids elsewhere in the lab."""
    if not settings().oldest:
        kubectl("label", "namespace", namespace.namespace, "pod-security.kubernetes.io/enforce=privileged")
        return
    group = f"--group=system:serviceaccounts:{namespace.namespace}"
    role = "--clusterrole=psp-restricted-on-the-hosts-network"
    kubectl("-n", namespace.namespace, "create", "rolebinding", "hosts-network", role, group)


@pytest.fixture(scope="module")
def seen(namespace: Kube, priority_class: None, hosts_network: None) -> Iterator[dict[str, list[Future[Effects]]]]:
    """What was seen of all edits. They run side by side, on phones of their own; those that need new pods on three.

    Of edits that come one upon the other an agent takes one in 8 s. So what is taken away is taken from other phones
    than those on which it is set.
    """
    pbxes = default_system().pbxes
    names = ("u31", "u32", "u33", "u34", "u35", "u36", "u37")
    of_the_pod = {
        name: [*edits.OF_THE_POD[part::3], *edits.AWAY_OF_THE_POD[part::3]]
        for part, name in enumerate(("u33", "u34", "u35"))
    }
    namespace.apply(*system(), pbx("edited", address=address("slave"), system="edits", location=None))
    namespace.apply(pbx("taken", **placed(edits.PBX_ALL_SET)))
    namespace.apply(pbx("beside", address=address("standby"), system="other"))
    namespace.apply(*(secret(name) for name in names if name != "u36"), secret("another", password="pw-u33"))
    namespace.apply(secret("trusted", **{"ca.crt": "x"}), secret("own", **{"tls.crt": "x", "tls.key": "x"}))
    # So long an expiry that no refresh falls into an edit.
    patient, all_set = {"expiresSeconds": 120, "attemptTimeoutSeconds": 4}, placed(edits.ALL_SET)
    namespace.apply(
        softphone("u31", registration={**patient, "redirectPolicy": "KnownPBXes"}),
        softphone("u32", pri="edited", sec=None, registration=patient),
        secret("u36", password="pw-u36", username="auth-u36"),
        softphone("u36", **all_set),
        softphone("u37", pri="taken", sec=None, registration=patient),
        *(softphone(name, registration=patient) for name in of_the_pod),
    )
    users = {user: f"pw-{user}" for user in (f"load{index:03d}" for index in [*range(4), *range(898, 912)])}
    namespace.apply(secret("load", **users), secret("others", **users))
    requests = {"resources": {"requests": {"cpu": "11m"}}}
    known = {"registration": {**patient, "redirectPolicy": "KnownPBXes"}}
    namespace.apply(
        fleet(3, 2, name="edited", first=900, of=known),
        fleet(2, 2, name="template", first=910, of=known),
        fleet(2, 2, name="taken", first=906, of={**all_set, "agent": {**all_set["agent"], **requests}}),
    )
    phones = {name: Observer(namespace, name, name, pbxes) for name in names}
    of_fleets = [FleetObserver(namespace, "edited", "load901", pbxes)]
    of_fleets.append(FleetObserver(namespace, "template", "load911", pbxes))
    of_fleets.append(FleetObserver(namespace, "taken", "load907", pbxes))
    with ThreadPoolExecutor(16) as threads:
        yield {
            "Softphone": [
                threads.submit(edit_phones, namespace, phones["u31"], edits.WHILE_RUNNING),
                threads.submit(edit_phones, namespace, phones["u36"], edits.AWAY_WHILE_RUNNING),
            ],
            "PBX": [
                threads.submit(edit_pbx, namespace, phones["u32"], "edited", edits.OF_THE_PBX),
                threads.submit(edit_pbx, namespace, phones["u37"], "taken", edits.AWAY_OF_THE_PBX),
            ],
            "pod": [threads.submit(edit_phones, namespace, phones[n], rows) for n, rows in of_the_pod.items()],
            "SoftphoneFleet": [threads.submit(edit_phones, namespace, of_fleets[0], edits.OF_THE_FLEET)],
            "template": [
                threads.submit(edit_phones, namespace, of_fleets[1], edits.OF_THE_TEMPLATE),
                threads.submit(edit_phones, namespace, of_fleets[2], edits.AWAY_OF_THE_TEMPLATE),
            ],
        }


def said(rows: Sequence[edits.Row]) -> Effects:
    """What the page says."""
    return [(row.name, row.phone, row.pod) for row in rows]


def test_edits_of_a_softphone_do_what_the_page_says(seen: dict[str, list[Future[Effects]]]) -> None:
    assert [each.result() for each in seen["Softphone"]] == [said(edits.WHILE_RUNNING), said(edits.AWAY_WHILE_RUNNING)]


def test_edits_of_the_pod_do_what_the_page_says(seen: dict[str, list[Future[Effects]]]) -> None:
    rows = [*edits.OF_THE_POD, *edits.AWAY_OF_THE_POD]
    assert sorted(row for each in seen["pod"] for row in each.result()) == sorted(said(rows))


def test_edits_of_a_pbx_do_what_the_page_says(seen: dict[str, list[Future[Effects]]]) -> None:
    assert [each.result() for each in seen["PBX"]] == [said(edits.OF_THE_PBX), said(edits.AWAY_OF_THE_PBX)]


def test_edits_of_a_fleet_do_what_the_page_says(seen: dict[str, list[Future[Effects]]]) -> None:
    assert seen["SoftphoneFleet"][0].result() == said(edits.OF_THE_FLEET)


def test_edits_of_a_fleets_template_do_to_its_phones_what_they_do_to_a_softphone(
    seen: dict[str, list[Future[Effects]]],
) -> None:
    rows = (edits.OF_THE_TEMPLATE, edits.AWAY_OF_THE_TEMPLATE)
    assert [each.result() for each in seen["template"]] == [said(of) for of in rows]
