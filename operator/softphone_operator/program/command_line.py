"""The operator's settings: from the command line, else from the environment, else the defaults."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from softphone_operator.decide import label_selector, pod_defaults
from softphone_operator.decide.settings import AT_ONCE, NOT_SCRAPED, ON_NEXT_POD, SCRAPED, Settings

LOG_LEVELS = ("debug", "info", "warning", "error")


PULL_POLICIES = ("", "Always", "IfNotPresent", "Never")


def variable(flag: str) -> str:
    """The environment's name for a flag."""
    return "SOFTPHONE_" + flag.removeprefix("--").replace("-", "_").upper()


def command_line(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The flags, whose defaults the environment may set."""
    parser = argparse.ArgumentParser(
        prog="softphone-operator", description="Turns PBX and Softphone objects into running agents."
    )

    def option(flag: str, default: str, text: str, **more: object) -> None:
        parser.add_argument(
            flag,
            default=environment.get(variable(flag), default),
            help=f"{text} Environment: {variable(flag)}. Default: {default or 'none'}.",
            **more,  # type: ignore[arg-type]
        )

    option("--agent-image", "", "Image of the agents; needed.")
    option("--agent-pull-policy", "", "imagePullPolicy of the agents; none: Kubernetes decides.")
    option(
        "--agent-pull-secrets",
        "",
        "imagePullSecrets of the agents, comma-separated; needed where the Softphones are.",
    )
    option(
        "--agent-image-update",
        ON_NEXT_POD,
        f"When running agents get another image: {ON_NEXT_POD}, with the next pod that they get for another reason; "
        f"or {AT_ONCE}.",
    )
    option(
        "--agent-scrape",
        SCRAPED,
        f"Whether pods of agents have the annotation prometheus.io/scrape: {SCRAPED}, or {NOT_SCRAPED}.",
    )
    option(
        "--agent-defaults",
        "",
        "What the pods of all agents have in common, as JSON: labels, annotations, resources, nodeSelector, "
        "tolerations, securityContext, fixedUser. What an object says of its own agent wins.",
    )
    option("--watch-namespaces", "", "Namespaces to serve, comma-separated; none: all.")
    option(
        "--watch-selector",
        "",
        "Label selector of the Softphones and fleets to serve, and of the PBXes whose status is written; none: all.",
    )
    option("--http-address", "0.0.0.0", "Address of /metrics, /healthz and /readyz.")
    option("--http-port", "8080", "Their TCP port.", type=int)
    option("--log-level", "info", f"One of {', '.join(LOG_LEVELS)}.")
    option("--concurrency", "20", "How many API calls are under way at the same time.", type=int)
    option("--resync-seconds", "600", "How often everything is listed anew, in seconds.", type=float)
    option("--watch-seconds", "120", "How long one watch lasts before it begins anew, in seconds.", type=float)
    option("--agent-replicas", "1", "Pods of each agent; 0 for load tests without pods.", type=int)
    option("--lease", "", "NAMESPACE/NAME of the Lease by which several operators agree who works; none: this one.")
    option("--identity", "", "Name of this operator in the Lease; needed with it.")
    option("--webhook-directory", "", "Directory with tls.crt and tls.key of the admission webhook; none: no webhook.")
    option("--webhook-port", "8443", "TCP port of the admission webhook.", type=int)
    option("--notify-url", "", "Where losses are told by HTTP POST, in Alertmanager's form; none: nowhere.")
    option("--notify-directory", "", "Directory with token and ca.crt, both optional, for that URL; none: neither.")
    option("--notify-wait-seconds", "15", "How long losses are collected before they are told, in seconds.", type=float)
    option(
        "--rehearsal-jobs",
        "false",
        "Whether Rehearsals may make Jobs, which takes rights that the operator lacks by default: true or false.",
    )
    return parser


def parse(arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; exits with status 2 and a message where one is wrong."""
    parser = command_line(environment)
    found = parser.parse_args(arguments)
    if not found.agent_image:
        parser.error("--agent-image or SOFTPHONE_AGENT_IMAGE must name the image of the agents")
    if found.agent_pull_policy not in PULL_POLICIES:
        parser.error(f'--agent-pull-policy: "{found.agent_pull_policy}" is none of {", ".join(PULL_POLICIES[1:])}')
    if found.agent_image_update not in (ON_NEXT_POD, AT_ONCE):
        parser.error(f'--agent-image-update: "{found.agent_image_update}" is none of {ON_NEXT_POD}, {AT_ONCE}')
    if found.agent_scrape not in (SCRAPED, NOT_SCRAPED):
        parser.error(f'--agent-scrape: "{found.agent_scrape}" is none of {SCRAPED}, {NOT_SCRAPED}')
    if found.log_level not in LOG_LEVELS:
        parser.error(f'--log-level: "{found.log_level}" is none of {", ".join(LOG_LEVELS)}')
    try:
        defaults = pod_defaults.parse(found.agent_defaults)
    except ValueError as error:
        parser.error(f"--agent-defaults: {error}")
    try:
        label_selector.parse(found.watch_selector)
    except label_selector.LabelSelectorError as error:
        parser.error(f"--watch-selector: {error}")
    if found.concurrency < 1:
        parser.error(f"--concurrency: must be at least 1, is {found.concurrency}")
    if found.watch_seconds < 1:
        parser.error(f"--watch-seconds: must be at least 1, is {found.watch_seconds:g}")
    if found.agent_replicas not in (0, 1):
        parser.error(f"--agent-replicas: must be 0 or 1, is {found.agent_replicas}")
    if found.lease and not re.fullmatch(r"[^/]+/[^/]+", found.lease):
        parser.error(f'--lease: "{found.lease}" is not NAMESPACE/NAME')
    if found.lease and not found.identity:
        parser.error("--identity or SOFTPHONE_IDENTITY must name this operator, since --lease is given")
    if found.notify_url and (fault := _url_fault(found.notify_url)):
        parser.error(f"--notify-url: {fault}")
    if found.rehearsal_jobs not in ("true", "false"):
        parser.error(f'--rehearsal-jobs: "{found.rehearsal_jobs}" is none of true, false')
    if not 0 <= found.notify_wait_seconds <= 3600:
        parser.error(f"--notify-wait-seconds: must be from 0 to 3600, is {found.notify_wait_seconds:g}")
    return Settings(
        agent_image=found.agent_image,
        agent_pull_policy=found.agent_pull_policy,
        agent_pull_secrets=_list(found.agent_pull_secrets),
        agent_image_update=found.agent_image_update,
        agent_scrape=found.agent_scrape,
        agent_defaults=defaults,
        watch_namespaces=_list(found.watch_namespaces),
        watch_selector=found.watch_selector.strip(),
        http_address=found.http_address,
        http_port=found.http_port,
        log_level=found.log_level,
        concurrency=found.concurrency,
        resync_seconds=found.resync_seconds,
        watch_seconds=found.watch_seconds,
        agent_replicas=found.agent_replicas,
        lease=found.lease,
        identity=found.identity,
        webhook_directory=found.webhook_directory,
        webhook_port=found.webhook_port,
        notify_url=found.notify_url,
        notify_directory=found.notify_directory,
        notify_wait_seconds=found.notify_wait_seconds,
        rehearsal_jobs=found.rehearsal_jobs == "true",
    )


def _url_fault(text: str) -> str | None:
    """What is wrong with a URL, without a word of it: it may hold a secret."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be http://HOST/… or https://HOST/…"
    if parts.username is not None or parts.password is not None:
        return "must hold no user and no password; a token belongs into the Secret"
    return None


def _list(text: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in text.split(",") if part.strip()}))
