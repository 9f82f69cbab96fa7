"""Decisions on PBXes, for the tests of rehearsals."""

from __future__ import annotations

from softphone_operator.decide import desired_pbx
from softphone_operator.decide.decisions import DesiredPbx, Refusal

SPECS = {
    "vienna": {"address": "sip:10.0.0.11:5060;transport=tcp", "system": "acme"},
    "graz": {"address": "sip:10.0.0.12:5060;transport=tcp", "system": "acme", "location": "south"},
    "linz": {"address": "sip:10.0.0.13:5060;transport=udp"},
    "broken": {"address": "nowhere"},
}
PBXS_BY_NAME: dict[str, DesiredPbx | Refusal] = {
    name: desired_pbx.pbx(name, "demo", spec, {}) for name, spec in SPECS.items()
}
