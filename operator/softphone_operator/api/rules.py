"""Rules over several fields in CEL, for servers from 1.25 on. decide/ checks the same, so nothing depends on them."""

from __future__ import annotations

from typing import Any

from softphone_operator.api.spec import MAX_AGENTS

Schema = dict[str, Any]

_ENTRY_RULES: list[Schema] = [
    {
        "rule": "(has(self.mode) && self.mode == 'Browser') || (has(self.pri) && size(self.pri) > 0)",
        "message": "pri: Launcher mode needs a primary PBX",
    },
    {
        "rule": "!has(self.mode) || self.mode != 'Browser' || (has(self.cur) && size(self.cur) > 0)",
        "message": "cur: Browser mode needs the current PBX",
    },
    {
        "rule": "!has(self.pri) || !has(self.sec) || size(self.pri) == 0 || self.pri != self.sec",
        "message": "sec: must differ from pri",
    },
]
_BACKOFF_RULES: list[Schema] = [
    {
        "rule": "(has(self.maxSeconds) ? double(self.maxSeconds) : 60.0) >= "
        "(has(self.initialSeconds) ? double(self.initialSeconds) : 1.0)",
        "message": "maxSeconds: must not be less than initialSeconds",
    }
]
_POOL_RULES: list[Schema] = [
    {
        "rule": "!has(self.pool) || size(self.pool) == 0 || !("
        + " || ".join(
            [
                "has(self.resources)",
                "has(self.nodeSelector)",
                "(has(self.tolerations) && size(self.tolerations) > 0)",
                "(has(self.priorityClassName) && size(self.priorityClassName) > 0)",
                "(has(self.hostNetwork) && self.hostNetwork)",
                "(has(self.publicAddress) && size(self.publicAddress) > 0)",
            ]
        )
        + ")",
        "message": "pool: excludes the other fields of agent, they are the pool's",
    }
]
RULES: dict[str, dict[tuple[str, ...], list[Schema]]] = {
    "PBX": {},
    "Softphone": {
        ("spec",): _ENTRY_RULES,
        ("spec", "registration", "backoff"): _BACKOFF_RULES,
        ("spec", "agent"): _POOL_RULES,
    },
    "SoftphonePool": {},
    "CallCheck": {
        ("spec",): [
            {
                "rule": "has(self.to) || (has(self.mode) && self.mode == 'Mesh')",
                "message": "to: is required in mode Pairs",
            },
            {
                "rule": "(has(self.from.softphone) && size(self.from.softphone) > 0) != "
                "(has(self.from.selector) && size(self.from.selector) > 0)",
                "message": "from: needs one of softphone, selector",
            },
            {
                "rule": "!has(self.to) || [has(self.to.softphone) && size(self.to.softphone) > 0, "
                "has(self.to.selector) && size(self.to.selector) > 0, has(self.to.uri) && size(self.to.uri) > 0]"
                ".filter(given, given).size() == 1",
                "message": "to: needs one of softphone, selector, uri",
            },
        ],
    },
    "Rehearsal": {
        ("spec",): [
            {
                "rule": "(has(self.pbx) && size(self.pbx) > 0) != (has(self.system) && size(self.system) > 0)",
                "message": "pbx: just one of pbx and system must be given",
            },
            {
                "rule": "(has(self.trigger) && self.trigger == 'Job') == has(self.job)",
                "message": "job: must be given with trigger Job, and only then",
            },
        ],
    },
    "SoftphoneFleet": {
        ("spec",): [
            {
                "rule": f"self.replicas <= self.phonesPerAgent * {MAX_AGENTS}",
                "message": f"phonesPerAgent: would need more than {MAX_AGENTS} agents for the replicas",
            }
        ],
        ("spec", "template"): [
            *_ENTRY_RULES,
            {"rule": "self.aor.contains('{index')", "message": "aor: must hold {index}"},
        ],
        ("spec", "template", "registration", "backoff"): _BACKOFF_RULES,
    },
}
