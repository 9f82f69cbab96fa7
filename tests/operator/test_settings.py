"""The operator's settings: flags, environment, defaults, and their faults."""

from __future__ import annotations

import pytest

from softphone_operator.decide import settings
from softphone_operator.program import command_line

IMAGE = {"SOFTPHONE_AGENT_IMAGE": "agent:1"}


def test_defaults() -> None:
    assert command_line.parse([], IMAGE) == settings.Settings(agent_image="agent:1")


def test_everything_by_environment() -> None:
    made = command_line.parse(
        [],
        {
            "SOFTPHONE_AGENT_IMAGE": "agent:2",
            "SOFTPHONE_AGENT_PULL_POLICY": "Never",
            "SOFTPHONE_AGENT_PULL_SECRETS": "one, two",
            "SOFTPHONE_WATCH_NAMESPACES": "b,a,,a",
            "SOFTPHONE_WATCH_SELECTOR": "softphone-fleet.io/shard in (a, b)",
            "SOFTPHONE_HTTP_ADDRESS": "127.0.0.1",
            "SOFTPHONE_HTTP_PORT": "18080",
            "SOFTPHONE_LOG_LEVEL": "debug",
            "SOFTPHONE_CONCURRENCY": "3",
            "SOFTPHONE_RESYNC_SECONDS": "30",
            "SOFTPHONE_WATCH_SECONDS": "60",
            "SOFTPHONE_AGENT_REPLICAS": "0",
            "SOFTPHONE_AGENT_IMAGE_UPDATE": "AtOnce",
            "SOFTPHONE_AGENT_SCRAPE": "false",
            "SOFTPHONE_LEASE": "here/operator",
            "SOFTPHONE_IDENTITY": "pod-1",
            "SOFTPHONE_NOTIFY_URL": "https://alerts.example:8443/hook?a=b",
            "SOFTPHONE_NOTIFY_DIRECTORY": "/etc/alerts",
            "SOFTPHONE_NOTIFY_WAIT_SECONDS": "0.5",
        },
    )
    assert made == settings.Settings(
        agent_image="agent:2",
        agent_pull_policy="Never",
        agent_pull_secrets=("one", "two"),
        watch_namespaces=("a", "b"),
        watch_selector="softphone-fleet.io/shard in (a, b)",
        http_address="127.0.0.1",
        http_port=18080,
        log_level="debug",
        concurrency=3,
        resync_seconds=30.0,
        watch_seconds=60.0,
        agent_replicas=0,
        agent_image_update="AtOnce",
        agent_scrape="false",
        lease="here/operator",
        identity="pod-1",
        notify_url="https://alerts.example:8443/hook?a=b",
        notify_directory="/etc/alerts",
        notify_wait_seconds=0.5,
    )
    assert made.lease_place == ("here", "operator")
    assert settings.Settings("agent:1").lease_place is None


def test_flags_win() -> None:
    assert command_line.parse(["--agent-image", "agent:9"], IMAGE).agent_image == "agent:9"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {}, "--agent-image or SOFTPHONE_AGENT_IMAGE must name the image of the agents"),
        (["--agent-pull-policy", "Maybe"], IMAGE, '"Maybe" is none of Always, IfNotPresent, Never'),
        (["--agent-image-update", "Soon"], IMAGE, '"Soon" is none of OnNextPod, AtOnce'),
        (["--agent-scrape", "no"], IMAGE, '"no" is none of true, false'),
        (["--log-level", "loud"], IMAGE, '"loud" is none of debug, info, warning, error'),
        (["--concurrency", "0"], IMAGE, "--concurrency: must be at least 1, is 0"),
        (["--watch-seconds", "0"], IMAGE, "--watch-seconds: must be at least 1, is 0"),
        (["--agent-replicas", "2"], IMAGE, "--agent-replicas: must be 0 or 1, is 2"),
        (["--watch-selector", "shard=a b"], IMAGE, '--watch-selector: "shard=a b" is no requirement of a label'),
        (["--lease", "operator"], IMAGE, '--lease: "operator" is not NAMESPACE/NAME'),
        (["--lease", "a/b"], IMAGE, "--identity or SOFTPHONE_IDENTITY must name this operator"),
        (["--http-port", "x"], IMAGE, "invalid int value: 'x'"),
        (["--notify-url", "https://alerts:4711secret/"], IMAGE, "--notify-url: is no URL\n"),
        (["--notify-url", "alerts/4711secret"], IMAGE, "--notify-url: must be http://HOST"),
        (["--notify-url", "https://me:4711secret@alerts"], IMAGE, "--notify-url: must hold no user and no password"),
        (["--notify-wait-seconds", "-1"], IMAGE, "--notify-wait-seconds: must be from 0 to 3600, is -1"),
    ],
)
def test_faults(
    arguments: list[str], environment: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.parse(arguments, environment)
    told = capsys.readouterr().err
    assert message in told
    assert "4711secret" not in told
