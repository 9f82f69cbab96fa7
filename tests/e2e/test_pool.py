"""A SoftphonePool in a life: filled from a table, edited, moved, emptied. Who is not meant keeps his binding.

Small; the same with hundreds of different Softphones is a matter of the numbers here.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import yaml

import edits
from e2e.bindings import Watched
from e2e.objects import API, secret, softphone, system
from lab.kube import Kube, is_ready, kubectl
from lab.pbx import System, default_system
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

USERS = [f"load{index:03d}" for index in range(300, 360)]
PER_AGENT = 25
TABLE = "user,password,pri,sec\n" + "".join(f"{user},pw-{user},master,standby\n" for user in USERS)
PBXES = ("--pbx", "master", "--pbx", "standby", "--pbx", "slave")


def imported(table: str, *words: str) -> tuple[list[dict[str, Any]], str]:
    """The objects that `kubectl softphone import csv` makes of a table, and what it tells."""
    command = [sys.executable, "-m", "softphone_plugin", "import", "csv", "-", "--domain", "pbx.test", *PBXES, *words]
    done = subprocess.run(command, input=table, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout)), done.stderr


def pool(name: str = "vienna", **spec: Any) -> dict[str, Any]:
    of = {"phonesPerAgent": PER_AGENT, "credentials": {"secretNames": [name]}, **spec}
    return {"apiVersion": API, "kind": "SoftphonePool", "metadata": {"name": name}, "spec": of}


def bindings(pbxes: System) -> dict[str, tuple[str, int]]:
    """Call-ID and CSeq of the binding of each of the users at their home."""
    return {one.aor: (one.call_id, one.cseq) for one in pbxes.pbx("slave").bindings() if one.aor in USERS}


def carried(phones: Kube) -> dict[str, str]:
    """The agent of each Softphone, as its status tells."""
    listed = yaml.safe_load(kubectl("-n", phones.namespace, "get", "sp", "-o", "yaml"))["items"]
    return {obj["metadata"]["name"]: obj.get("status", {}).get("agent", "") for obj in listed}


def pods(phones: Kube) -> dict[str, str]:
    """The pods of the pool by the number of their agent."""
    return {
        number: pod
        for number in "01234"
        for pod in phones.names("pods", f"softphone-fleet.io/pool=vienna,softphone-fleet.io/slice={number}")
    }


def without(of: dict[str, tuple[str, int]], *left_out: str) -> dict[str, str]:
    """The Call-IDs of all but some."""
    return {user: call_id for user, (call_id, _) in of.items() if user not in left_out}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    wait_until(lambda: not bindings(default_system()), "nobody of these users is registered", seconds=90)
    made, told = imported(TABLE, "--pool", "vienna")
    assert "the SoftphonePool vienna is yours to make" in told
    assert [obj["metadata"]["name"] for obj in made if obj["kind"] == "Secret"] == ["vienna"]
    patient = {"registration": {"expiresSeconds": 600}}
    ours = [{**obj, "spec": obj["spec"] | patient} if obj["kind"] == "Softphone" else obj for obj in made]
    namespace.apply(*system(), pool(), *ours)
    namespace.until("spp", "vienna", lambda of: is_ready(of) and of["status"]["phones"] == len(USERS), seconds=120)
    namespace.wait("condition=Ready", "sp --all", seconds=60)
    return namespace


def test_a_table_of_users_is_registered_by_three_agents(phones: Kube, pbxes: System) -> None:
    assert set(bindings(pbxes)) == set(USERS)
    assert sorted(pods(phones)) == ["0", "1", "2"]
    agents = carried(phones)
    assert {agent: list(agents.values()).count(agent) for agent in set(agents.values())} == {
        "pool-vienna-0": 25,
        "pool-vienna-1": 25,
        "pool-vienna-2": 10,
    }
    status = phones.get("spp", "vienna")["status"]
    assert (status["phones"], status["registered"], status["agents"]["ready"]) == (60, 60, 3)


def test_without_a_pool_the_cost_of_so_many_pods_is_told() -> None:
    assert "60 Softphones are as many pods" in imported(TABLE)[1]


def test_one_that_goes_one_that_comes_and_one_that_changes_touch_no_other(phones: Kube, pbxes: System) -> None:
    before, agents = bindings(pbxes), pods(phones)
    gone, edited = USERS[3], USERS[4]
    here = pbxes.pbx("slave").position()
    phones.delete("sp", gone)
    wait_until(lambda: gone not in bindings(pbxes), "it is un-REGISTERed")
    phones.patch("sp", edited, {"phys": "linz"})
    # For a moment it has no binding: a phone whose location changes starts anew.
    wait_until(
        lambda: bindings(pbxes).get(edited, before[edited])[0] != before[edited][0],
        "it is registered with its new location",
    )
    made, _ = imported(f"user,password,pri,sec\n{gone},pw-{gone},master,standby\n", "--pool", "vienna")
    phones.apply(*(obj for obj in made if obj["kind"] == "Softphone"))
    wait_until(lambda: gone in bindings(pbxes), "it is registered again")
    phones.until("spp", "vienna", is_ready)
    after = bindings(pbxes)
    assert without(after, gone, edited) == without(before, gone, edited)
    asked = {register.aor.partition("@")[0] for register in pbxes.pbx("slave").registers(since=here)}
    assert asked & set(USERS) <= {gone, edited}, "no other phone sent a REGISTER"
    assert pods(phones) == agents


def test_the_password_of_a_phone_may_lie_under_another_key(phones: Kube, pbxes: System) -> None:
    """The rows of the table of edits about keys, on one phone of the pool."""
    before, agents, user = bindings(pbxes), pods(phones), USERS[5]
    keys = {"again": f"pw-{user}", "user": f"auth-{user}"}
    phones.apply(secret("vienna", **{other: f"pw-{other}" for other in USERS}, **keys))
    rows = [row for row in edits.WITH_A_POOL if row.field.startswith("credentials.")]
    assert {row.phone for row in rows} == {edits.GOES_ON, edits.OVER}
    for row in rows:
        here = pbxes.pbx("slave").position()
        phones.patch("sp", user, row.change)
        phones.until("sp", user, is_ready)
        if row.phone == edits.OVER:
            name = user if row.away else f"auth-{user}"
            wait_until(partial(_registered_as, pbxes, here, user, name), f"{row.name}: it registers over as {name}")
        assert user in bindings(pbxes), f"{row.name}: it is registered all the while"
    assert without(bindings(pbxes), user) == without(before, user)
    assert pods(phones) == agents


def _registered_as(pbxes: System, here: int, user: str, name: str) -> bool:
    """Whether the user was registered since then under this name for digest authentication."""
    seen = (one for one in pbxes.pbx("slave").registers(since=here) if one.aor.partition("@")[0] == user)
    return any((one.user_name, one.code, one.unregisters) == (name, 200, False) for one in seen)


def test_an_agent_that_is_killed_takes_only_its_phones_with_it(phones: Kube, pbxes: System) -> None:
    before, of = bindings(pbxes), carried(phones)
    theirs = {user for user, agent in of.items() if agent == "pool-vienna-1"}
    kubectl("-n", phones.namespace, "delete", "pod", pods(phones)["1"], "--grace-period=0", "--force")

    def back() -> bool:
        now = bindings(pbxes)
        return all(user in now and now[user][0] != before[user][0] for user in theirs)

    wait_until(back, "its phones are registered anew", seconds=90)
    assert without(bindings(pbxes), *theirs) == without(before, *theirs)
    phones.until("spp", "vienna", is_ready, seconds=60)
    assert carried(phones) == of


def test_pods_are_changed_one_after_the_other(phones: Kube, pbxes: System) -> None:
    agents, fewest = pods(phones), len(USERS)
    phones.apply(pool(agent={"nodeSelector": {"kubernetes.io/os": "linux"}}))

    def changed() -> bool:
        nonlocal fewest
        fewest = min(fewest, len(bindings(pbxes)))
        now = pods(phones)
        return sorted(now) == sorted(agents) and not set(now.values()) & set(agents.values())

    wait_until(changed, "all pods are new", seconds=240)
    phones.until("spp", "vienna", is_ready, seconds=90)
    assert fewest >= len(USERS) - PER_AGENT


def test_a_phone_moves_into_the_pool_and_out_of_it_without_a_gap(phones: Kube, pbxes: System) -> None:
    user = USERS[6]
    watched = Watched(pbxes, [user])
    phones.patch("sp", user, {"agent": {"pool": None}, "credentials": {"passwordKey": user}})
    own = f"softphone-{user}"
    phones.until("sp", user, lambda of: is_ready(of) and of["status"]["agent"] == own, seconds=90)
    wait_until(lambda: len(pbxes.pbx("slave").bindings(user)) == 1, "the pool's agent has let it go")
    phones.patch("sp", user, {"agent": {"pool": "vienna"}, "credentials": {"passwordKey": None}})
    pooled = "pool-vienna-"
    phones.until("sp", user, lambda of: is_ready(of) and of["status"]["agent"].startswith(pooled), seconds=90)
    wait_until(lambda: not phones.names("deployments", f"softphone-fleet.io/softphone={user}"), "its own agent is gone")
    wait_until(lambda: len(pbxes.pbx("slave").bindings(user)) == 1, "its own agent has let it go")
    assert watched.fewest_bindings()[user] >= 1


def test_an_agent_too_many_is_emptied_though_the_operator_is_killed_and_nobody_is_without_a_binding(
    phones: Kube, operator: Kube, pbxes: System
) -> None:
    of = carried(phones)
    many = [user for user, agent in sorted(of.items()) if agent == "pool-vienna-0"][:20]
    stay = [user for user in USERS if user not in many]
    before, watched = bindings(pbxes), Watched(pbxes, stay)
    kubectl("-n", phones.namespace, "delete", "sp", *many, "--wait=false")
    wait_until(lambda: len(set(carried(phones).values())) < 3 or _is_moving(phones), "a move has begun", seconds=90)
    operator.delete("pods", "--all", "--grace-period=0", "--force")
    operator.wait("condition=Available", "deployment --all")
    wait_until(lambda: len(pods(phones)) == 2, "one agent is gone", seconds=180)
    phones.until("spp", "vienna", lambda of: is_ready(of) and of["status"]["phones"] == len(stay), seconds=90)
    now = carried(phones)
    moved = [user for user in stay if now[user] != of[user]]
    assert len(moved) <= PER_AGENT
    after = bindings(pbxes)
    assert set(after) == set(stay)
    assert without({user: after[user] for user in stay}, *moved) == without(
        {user: before[user] for user in stay}, *moved
    )
    assert min(watched.fewest_bindings().values()) >= 1


def _is_moving(phones: Kube) -> bool:
    """Whether a phone is in the files of two agents."""
    listed = yaml.safe_load(kubectl("-n", phones.namespace, "get", "configmaps", "-o", "yaml"))["items"]
    names = [
        phone["name"]
        for config_map in listed
        if config_map["metadata"]["name"].startswith("pool-vienna-")
        for text in config_map["data"].values()
        for phone in yaml.safe_load(text).get("phones", ())
    ]
    return len(names) > len(set(names))


def test_what_is_wrong_is_told_and_a_running_phone_goes_on(phones: Kube, pbxes: System) -> None:
    user = next(iter(carried(phones)))
    before = bindings(pbxes)[user]
    phones.patch("sp", user, {"agent": {"pool": "viena"}})
    refused = phones.until("sp", user, lambda of: of["status"]["conditions"][0]["reason"] == "PoolNotFound")
    assert refused["status"]["conditions"][0]["message"].startswith('agent.pool: there is no SoftphonePool "viena"')
    phones.patch("sp", user, {"agent": {"pool": "vienna"}, "credentials": {"secretName": "other"}})
    phones.until("sp", user, lambda of: of["status"]["conditions"][0]["reason"] == "SecretNotInPool")
    phones.patch("sp", user, {"credentials": {"secretName": "vienna"}})
    phones.until("sp", user, is_ready)
    assert bindings(pbxes)[user][0] == before[0]


def test_a_pool_without_phones_has_no_agent(phones: Kube, pbxes: System) -> None:
    phones.apply(softphone("alone", aor="sip:load359@pbx.test", agent={"pool": "nowhere"}, credentials=None))
    kubectl("-n", phones.namespace, "delete", "sp", "--all")
    wait_until(lambda: not bindings(pbxes), "no binding is left", seconds=60)
    wait_until(lambda: not pods(phones), "no pod is left", seconds=60)
    assert phones.get("spp", "vienna")["status"]["phones"] == 0
