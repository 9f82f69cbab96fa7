"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler."""

from __future__ import annotations

import json
from pathlib import Path

from lab import packages
from lab.api import Api
from lab.kubernetes.build import SCRIPTS, scripts
from lab.sandbox import Sandbox
from lab.services import Service
from lab.settings import Settings
from lab.shell import run

ETCD = "http://127.0.0.1:2379"
# The default limits of 20 to 50 requests a second would cost seconds at the start, and again with every rollout.
API_LIMITS = {"kube_api_qps": 500, "kube_api_burst": 500}


def make_certificates(settings: Settings) -> None:
    """Certificates and kubeconfigs of all components, new for each cluster."""
    addresses = (settings.node_address, settings.api_service_address)
    run(["bash", SCRIPTS / "pki.sh", settings.run, settings.node_name, *addresses])


def _flags(**values: object) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def etcd(settings: Settings) -> Service:
    """The cluster's memory; it lives as long as the lab, so it need not wait for the disk."""
    flags = _flags(
        name="lab",
        data_dir=settings.run / "etcd",
        listen_client_urls=ETCD,
        advertise_client_urls=ETCD,
        listen_peer_urls="http://127.0.0.1:2380",
        initial_advertise_peer_urls="http://127.0.0.1:2380",
        initial_cluster="lab=http://127.0.0.1:2380",
    )
    return Service(settings, "etcd", [settings.debian / "usr/bin/etcd", "--unsafe-no-fsync", *flags])


def _pod_security(settings: Settings) -> Path:
    """What keeps pods to the standard "restricted": policies, or the configuration of the admission that came after."""
    return scripts(settings) / "pod-security.yaml"


def api_server(settings: Settings) -> Service:
    """The API server."""
    pki = settings.run / "pki"
    admission = "NodeRestriction,PodSecurityPolicy" if settings.oldest else "NodeRestriction"
    restricted = {} if settings.oldest else {"admission_control_config_file": _pod_security(settings)}
    flags = _flags(
        etcd_servers=ETCD,
        secure_port=6443,
        bind_address="0.0.0.0",
        advertise_address=settings.node_address,
        service_cluster_ip_range=settings.service_range,
        allow_privileged="true",
        authorization_mode="Node,RBAC",
        enable_admission_plugins=admission,
        **restricted,
        client_ca_file=pki / "ca.crt",
        tls_cert_file=pki / "apiserver.crt",
        tls_private_key_file=pki / "apiserver.key",
        kubelet_client_certificate=pki / "apiserver-kubelet-client.crt",
        kubelet_client_key=pki / "apiserver-kubelet-client.key",
        kubelet_certificate_authority=pki / "ca.crt",
        kubelet_preferred_address_types="InternalIP",
        service_account_issuer="https://kubernetes.default.svc.cluster.local",
        service_account_key_file=pki / "sa.pub",
        service_account_signing_key_file=pki / "sa.key",
        requestheader_client_ca_file=pki / "front-proxy-ca.crt",
        requestheader_allowed_names="front-proxy-client",
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        proxy_client_cert_file=pki / "front-proxy-client.crt",
        proxy_client_key_file=pki / "front-proxy-client.key",
        profiling="false",
    )
    return Service(settings, "kube-apiserver", [settings.binaries / "kube-apiserver", *flags])


def controller_manager(settings: Settings) -> Service:
    """The controllers."""
    pki, kubeconfig = settings.run / "pki", settings.run / "kube-controller-manager.kubeconfig"
    flags = _flags(
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        # Newer ones have no insecure port, and no flag for it.
        **({"port": 0} if settings.oldest else {}),
        leader_elect="false",
        **API_LIMITS,
        use_service_account_credentials="true",
        flex_volume_plugin_dir=settings.run / "volume-plugins",
        service_account_private_key_file=pki / "sa.key",
        root_ca_file=pki / "ca.crt",
        cluster_signing_cert_file=pki / "ca.crt",
        cluster_signing_key_file=pki / "ca.key",
        profiling="false",
    )
    return Service(settings, "kube-controller-manager", [settings.binaries / "kube-controller-manager", *flags])


def scheduler(settings: Settings) -> Service:
    """The scheduler."""
    kubeconfig = settings.run / "kube-scheduler.kubeconfig"
    # Newer ones are told the limits of their requests by a file only.
    by_flags = {"kubeconfig": kubeconfig, "port": 0, "leader_elect": "false", **API_LIMITS}
    flags = _flags(
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        **(by_flags if settings.oldest else {"config": _scheduler_config(settings)}),
    )
    return Service(settings, "kube-scheduler", [settings.binaries / "kube-scheduler", *flags])


def _scheduler_config(settings: Settings) -> Path:
    return settings.run / "kube-scheduler.json"


def _configure_scheduler(settings: Settings) -> None:
    content = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {
            "kubeconfig": f"{settings.run}/kube-scheduler.kubeconfig",
            "qps": API_LIMITS["kube_api_qps"],
            "burst": API_LIMITS["kube_api_burst"],
        },
    }
    _scheduler_config(settings).write_text(json.dumps(content, indent=2))


def services(settings: Settings) -> list[Service]:
    """All of them, in the order of their start."""
    return [etcd(settings), api_server(settings), controller_manager(settings), scheduler(settings)]


def start(settings: Settings) -> None:
    """Starts the control plane and waits until it works."""
    api = Api(settings)
    memory, server, controllers, schedules = services(settings)
    _configure_scheduler(settings)
    memory.start()
    server.start()
    server.wait_ready(lambda: api.ok("/livez"))
    controllers.start()
    schedules.start()
    server.wait_ready(lambda: api.ok("/readyz"))
    controllers.wait_ready(lambda: api.ok("/healthz", 10257))
    schedules.wait_ready(lambda: api.ok("/healthz", 10259))
    if settings.oldest:
        # Pods are refused until these exist.
        kubectl: list[str | Path] = [packages.kubectl(settings), "--kubeconfig", settings.lab_kubeconfig]
        kubectl.append(f"--cache-dir={settings.run / 'kube-cache'}")
        run(Sandbox(settings).enter([*kubectl, "apply", "-f", _pod_security(settings)]))
    controllers.wait_ready(lambda: api.ok("/api/v1/namespaces/default/serviceaccounts/default"))
