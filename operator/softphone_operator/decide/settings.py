"""The operator's settings, which decisions depend on."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_operator.decide import pod_defaults

ON_NEXT_POD, AT_ONCE = "OnNextPod", "AtOnce"


SCRAPED, NOT_SCRAPED = "true", "false"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `watch_namespaces` empty: all namespaces. `watch_selector` empty: all objects."""

    agent_image: str
    agent_pull_policy: str = ""
    agent_pull_secrets: tuple[str, ...] = ()
    agent_image_update: str = ON_NEXT_POD
    agent_scrape: str = SCRAPED
    agent_defaults: pod_defaults.PodDefaults = pod_defaults.NONE
    watch_namespaces: tuple[str, ...] = ()
    watch_selector: str = ""
    http_address: str = "0.0.0.0"
    http_port: int = 8080
    log_level: str = "info"
    concurrency: int = 20
    resync_seconds: float = 600.0
    watch_seconds: float = 120.0
    agent_replicas: int = 1
    lease: str = ""
    identity: str = ""
    webhook_directory: str = ""
    webhook_port: int = 8443
    notify_url: str = ""
    notify_directory: str = ""
    notify_wait_seconds: float = 15.0
    rehearsal_jobs: bool = False
    """Whether rehearsals may make Jobs."""

    @property
    def lease_place(self) -> tuple[str, str] | None:
        """Namespace and name of the Lease that decides who leads; None: this operator leads without asking."""
        namespace, _, name = self.lease.partition("/")
        return (namespace, name) if name else None
