"""Schemas of the kinds that the Prometheus operator and cert-manager bring, from models made of their CRDs."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jsonschema
from cloudcoil.models.cert_manager import v1 as cert_manager
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

Object = dict[str, Any]

MODELS = {
    ("monitoring.coreos.com/v1", "PodMonitor"): prometheus_operator.PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): prometheus_operator.PrometheusRule,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): prometheus_operator.ServiceMonitor,
    ("cert-manager.io/v1", "Certificate"): cert_manager.Certificate,
    ("cert-manager.io/v1", "Issuer"): cert_manager.Issuer,
}


def faults(obj: Object) -> Iterator[str]:
    """What of an object its kind's schema refuses, unknown fields too. Raises KeyError where there is no schema."""
    for fault in _validator(obj["apiVersion"], obj["kind"]).iter_errors(obj):
        yield f"{obj['kind']} {obj['metadata']['name']}: {fault.message} at {list(fault.path)}"


@functools.cache
def _validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_closed(MODELS[api_version, kind].model_json_schema(by_alias=True)))


def _closed(schema: Any) -> Any:
    """The schema, with no other fields than it names."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **made} if isinstance(schema.get("properties"), dict) else made
