"""Faults in what a spec asks of its pod."""

from __future__ import annotations

import re
from collections.abc import Iterator

from softphone_agent.contract import sip_uri
from softphone_operator.api.spec import (
    AgentSpec,
)
from softphone_operator.decide.resources import below_requests, is_quantity

_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")


_QUALIFIED_NAME = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z"
)


_OBJECT_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\Z")


def pod_faults(agent: AgentSpec) -> Iterator[tuple[str, str]]:
    """Which of a pod's fields Kubernetes would refuse: reason and message."""
    for where, text, pattern, what in _pod_texts(agent):
        if not pattern.match(text):
            yield "InvalidSpec", f'agent.{where}: "{sip_uri.printable(text)}" is no {what}'
    if agent.public_address and not sip_uri.is_host(agent.public_address):
        shown = sip_uri.printable(agent.public_address)
        yield "InvalidSpec", f'agent.publicAddress: "{shown}" is neither a host name nor an IP address'
    if agent.resources is None:
        return
    for part in ("requests", "limits"):
        for resource, quantity in (getattr(agent.resources, part) or {}).items():
            if not is_quantity(quantity):
                shown = f'agent.resources.{part}.{sip_uri.printable(resource)}: "{sip_uri.printable(str(quantity))}"'
                yield "InvalidSpec", f"{shown} is no quantity"
    for resource, limit, request in below_requests(agent.resources):
        where = f"agent.resources.limits.{sip_uri.printable(resource)}"
        shown = sip_uri.printable(str(limit))
        yield "InvalidSpec", f'{where}: "{shown}" is less than is requested, "{sip_uri.printable(str(request))}"'


def _pod_texts(agent: AgentSpec) -> Iterator[tuple[str, str, re.Pattern[str], str]]:
    """The texts that go into the pod as they are: field, text, what it must match, and what that is."""
    for key, value in (agent.node_selector or {}).items():
        yield "nodeSelector", key, _QUALIFIED_NAME, "key of a label"
        yield f"nodeSelector.{sip_uri.printable(key)}", value, _LABEL_VALUE, "value of a label"
    for number, toleration in enumerate(agent.tolerations):
        if toleration.key:
            yield f"tolerations[{number}].key", toleration.key, _QUALIFIED_NAME, "key of a taint"
        if toleration.value:
            yield f"tolerations[{number}].value", toleration.value, _LABEL_VALUE, "value of a taint"
    if agent.priority_class_name:
        yield "priorityClassName", agent.priority_class_name, _OBJECT_NAME, "name of a PriorityClass"
    for part in ("requests", "limits"):
        for resource in getattr(agent.resources, part, None) or {}:
            yield f"resources.{part}", resource, _QUALIFIED_NAME, "name of a resource"
