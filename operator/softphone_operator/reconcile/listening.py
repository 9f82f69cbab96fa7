"""Which agents are followed, and what they have reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp

from softphone_agent.contract.report import WatchLine
from softphone_operator.decide import availability, names
from softphone_operator.decide.facts import Reported
from softphone_operator.observe.agents import AgentKey, Change, Followers, Lost
from softphone_operator.observe.slimming import Object


class Listening:
    """Follows the agent of each pod that is pointed out.

    `said(key, change, line)` is called after every line of an agent, `unsaid(namespace, pbxs)` with the PBXes whose
    earlier reports no longer count.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        said: Callable[[AgentKey, Change, WatchLine | Lost], None],
        unsaid: Callable[[str, Iterable[str]], None],
        jitter: Callable[[], float],
    ) -> None:
        self._followers = Followers(session, said, jitter=jitter)
        self._unsaid = unsaid
        self.view = self._followers.view
        self.views = self._followers.views
        self.close = self._followers.close

    def listen(self, namespace: str, agent: str, phone: str, pods: list[Object], *, counts: bool = False) -> Reported:
        """Follow the agent in the pod that counts; what it has reported about a phone.

        `counts`: it is asked for counts only, not for each phone.
        """
        pod = availability.current_pod(pods)
        self.point(namespace, agent, pod, counts=counts)
        return self.reported(namespace, agent, phone)

    def reported(self, namespace: str, agent: str, phone: str) -> Reported:
        """What an agent has reported about a phone."""
        view = self._followers.view((namespace, agent))
        if view is None:
            return Reported("lost", why="its pod does not run")
        return view.reported(phone, _clock())

    def point(self, namespace: str, agent: str, pod: Mapping[str, Any] | None, *, counts: bool = False) -> None:
        """Follow the agent in this pod from now on; None: stop following it.

        A container that was restarted is another agent: it is asked at once, however long the one before was away.
        """
        identity = f"{pod['metadata'].get('uid', '')}/{_restarts(pod)}" if pod else ""
        gone = self._followers.point((namespace, agent), agent_url(pod), identity, counts=counts)
        self._unsaid(namespace, gone)


def agent_url(pod: Mapping[str, Any] | None) -> str | None:
    """Where the agent in a pod serves HTTP, None while it cannot."""
    if pod is None:
        return None
    address, state = pod["status"].get("podIP"), pod["status"].get("phase")
    if not address or state != "Running":
        return None
    port = pod["metadata"].get("annotations", {}).get(names.PORT_ANNOTATION, str(names.HTTP_PORT))
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _restarts(pod: Mapping[str, Any]) -> int:
    return sum(container.get("restartCount", 0) for container in pod["status"].get("containerStatuses") or ())


def _clock() -> float:
    return asyncio.get_running_loop().time()
