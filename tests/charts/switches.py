"""The switches of the chart, each the other way than it is by default, and most of them together."""

from __future__ import annotations

from typing import Any

SWITCHES: dict[str, Any] = {
    "watchNamespaces": ["vienna", "graz"],
    "replicas": 2,
    "agents.replicas": 0,
    "agents.imageUpdate": "AtOnce",
    "crds.enabled": False,
    "crds.keep": False,
    "crds.celRules": False,
    "image.operator.digest": "sha256:" + 64 * "a",
    "imagePullSecrets": ["registry"],
    "commonLabels": {"team": "voice"},
    "commonAnnotations": {"example.com/owner": "voice team"},
    "fixedUser": False,
    "securityContext": {"supplementalGroups": [7]},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
    "extraArgs": ["--concurrency=50"],
    "agents.labels": {"team": "voice"},
    "agents.annotations": {"sidecar.istio.io/inject": "false"},
    "agents.resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": 1}},
    "agents.nodeSelector": {"pool": "voice"},
    "agents.tolerations": [{"key": "pool", "operator": "Exists"}],
    "agents.securityContext": {"supplementalGroups": [7]},
    "serviceAccount.create": False,
    "serviceAccount.annotations": {"a": "b"},
    "rbac.aggregate": False,
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"operator": "Exists"}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "priorityClassName": "high",
    "networkPolicy.enabled": True,
    "networkPolicy.agentNamespaces": ["vienna", "linz"],
    "networkPolicy.hostNetworkTo": ["192.0.2.0/24", "2001:db8::/64"],
    "metrics.annotations": False,
    "metrics.service.enabled": True,
    "monitoring.rules.enabled": True,
    "monitoring.rules.disabled": ["SoftphonesFlapping"],
    "monitoring.podMonitor.relabelings": [{"targetLabel": "site", "replacement": "vienna"}],
    "monitoring.serviceMonitor.metricRelabelings": [{"action": "labeldrop", "regex": "le"}],
    "monitoring.podMonitor.enabled": True,
    "monitoring.serviceMonitor.enabled": True,
    "monitoring.dashboards.enabled": True,
    "rehearsals.jobs": True,
    "notifications.url": "https://alerts.example:8443/hook",
    "notifications.secretName": "alerts",
    "notifications.waitSeconds": 60,
    "networkPolicy.notificationPorts": [9095],
    "console.enabled": True,
    "console.hosts": ["phones.example.com"],
    "console.prometheus": "http://prometheus.monitoring.svc:9090",
    "console.serviceAnnotations": {"a": "b"},
    "console.nodeSelector": {"pool": "voice"},
    "console.tolerations": [{"key": "pool", "operator": "Exists"}],
    "console.from": [{"podSelector": {"matchLabels": {"app": "ingress"}}}],
    "webhook.enabled": True,
    "webhook.certManager.enabled": True,
}
"""Each the other way than it is by default."""
OF_OTHERS = {
    *("webhook.certManager.enabled", "networkPolicy.agentNamespaces", "networkPolicy.hostNetworkTo"),
    *(
        "console.hosts",
        "console.prometheus",
        "console.serviceAnnotations",
        "console.nodeSelector",
        "console.tolerations",
        "console.from",
    ),
    *("notifications.secretName", "notifications.waitSeconds", "networkPolicy.notificationPorts"),
    *("monitoring.rules.disabled", "monitoring.podMonitor.relabelings", "monitoring.serviceMonitor.metricRelabelings"),
}
"""Do nothing without another switch."""
EVERYTHING = {key: value for key, value in SWITCHES.items() if value is not False and key != "agents.replicas"} | {
    "metrics.annotations": False
}
