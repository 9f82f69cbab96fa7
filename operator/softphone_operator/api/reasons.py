"""The reasons of conditions: which there are, and what they mean."""

from __future__ import annotations

_PROGRESS = {
    "Reconciling": {
        "any": "True: the present spec is not carried out yet, or waits for a PBX object, a Secret or a node; goes on "
        "by itself. The reason is that of Ready. Absent where it is carried out, also while no PBX serves the phone.",
    },
    "Stalled": {
        "InvalidSpec": "True: a field's value is refused; only an edit of this object helps.",
        "ConfigRefused": "True: the agent refused the configuration; its image is of another version.",
    },
}


REASONS: dict[str, dict[str, dict[str, str]]] = {
    "Softphone": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "DuplicateAOR": "True: it does, but an earlier Softphone of the namespace, or a phone of a fleet, has the "
            "same AOR. Both register.",
            "Inconsistent": "True: it does, but noPhysicalLocation is not the same on all PBXes of a system it uses.",
            "MixedSystems": "True: it does, but its PBXes are of different systems, and with redirectPolicy KnownPBXes "
            "only redirects within that of pri are followed.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "PBXNotFound": "False: pri, sec, cur or home names a PBX object that does not exist in the namespace, or "
            "no more. A running phone keeps the last known address, and goes on when the PBX is back.",
            "PBXInvalid": "False: the PBX object exists, and its own spec is refused.",
            "SecretNotFound": "False: the Secret with the credentials does not exist.",
            "SecretKeyMissing": "False: the Secret lacks the key of the password.",
            "PoolNotFound": "False: agent.pool names a SoftphonePool that does not exist in the namespace.",
            "PoolInvalid": "False: the pool exists, and its own spec is refused.",
            "SecretNotInPool": "False: credentials.secretName is none of the pool's credentials.secretNames.",
        },
        "AgentAvailable": {
            "Available": "True: the agent runs and is ready.",
            "NotAccepted": "False: there is no agent, since the spec was never accepted.",
            "Starting": "False: the agent's pod is being made or started, or the pool is about to choose an agent.",
            "NotReady": "False: the agent is heard, but its pod is not ready: it was started a moment ago, or its "
            "readiness probe fails.",
            "Terminating": "False: the agent's pod is being stopped.",
            "Unschedulable": "False: no node can run the pod; the message is the scheduler's.",
            "FailedCreate": "False: the pod could not be made, for example for a quota.",
            "FailedMount": "False: the pod cannot start, since a Secret that it mounts, or a key of it, does not "
            "exist; the message names it.",
            "NameTaken": "False: an object that does not belong to this Softphone bears the name of its agent.",
            "AgentRefused": "False: the API server refused the agent's objects; the message is its own.",
            "Evicted": "False: its node ended the pod, for want of memory or disk, or since a folder of the pod is too "
            "full; another one is made. Where the message does not tell why, the pod's events do.",
            "Failed": "False: the container ended, and no better reason is known.",
            "ImagePullBackOff, CrashLoopBackOff, …": "False: what the kubelet says of the container, with its message.",
        },
        "Registered": {
            "Registered": "True: a PBX holds the registration.",
            "Registering": "False: the first attempts are under way.",
            "Rejected": "False: the PBX refuses the phone: wrong password, unknown user, …",
            "Unavailable, Unreachable, KnownDead, RedirectLoop, TooManyRedirects, BadRedirect, RedirectRefused, "
            "UnexpectedRedirect, PingFailed, TransportClosed, Expired": "False: the last failure; attempts go on.",
            "NoCredentials": "False: the agent finds no password where the Secret should be; it asks no PBX without.",
            "Unregistering": "False: the phone is un-registering.",
            "Stopped": "False: the phone has stopped.",
            "Suspended": "False: spec.suspend is set.",
            "NoAgent": "Unknown: there is no agent that could tell.",
            "AgentUnreachable": "Unknown: the agent is there and cannot be heard.",
        },
        "Ready": {
            "Registered": "True: accepted, agent available, and registered with the present spec.",
            "ConfigPending": "False: the agent still runs an earlier configuration, or another agent is about to take "
            "the phone over.",
            "ConfigRefused": "False: the agent refused the configuration; the message is its own.",
            "Suspended": "False: spec.suspend is set.",
            "any other": "That of the first of Accepted, AgentAvailable and Registered that is not True.",
        },
        "Redundant": {
            "Redundant": "True: each way from an entry PBX was checked within two intervals and would hold.",
            "OneWay": "False: there is no secondary PBX.",
            "Unreachable": "False: a PBX on a way does not answer; the message names the way and the PBX.",
            "Refused": "False: a PBX on a way refuses the phone.",
            "Loop, TooManyRedirects": "False: the redirects of a way lead nowhere.",
            "OtherHome": "False: a way ends at a PBX that is not the phone's home.",
            "Forbidden": "False: a way leads to where TLS or redirectPolicy lets no phone go.",
            "Unchecked": "Unknown: not checked yet, or not within two intervals; or the agent is of a version that "
            "checks nothing. A way that was found bad before stays bad until it is checked again.",
            "CheckNotSupported": "Unknown: a PBX answers the check in a way that tells nothing.",
            "NotRegistered": "Unknown: ways are checked while the phone is registered, and it is not.",
            "ChecksOff": "Unknown: registration.pathCheckSeconds is 0.",
            "Suspended": "Unknown: spec.suspend is set.",
            "NoAgent, AgentUnreachable": "Unknown: as with Registered.",
        },
        **_PROGRESS,
    },
    "SoftphoneFleet": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "DuplicateAOR": "True: it does, but an earlier fleet of the namespace has one of its AORs. Both register.",
            "Inconsistent": "True: it does, but noPhysicalLocation is not the same on all PBXes of a system it uses.",
            "MixedSystems": "True: as with a Softphone.",
            "InvalidSpec, PBXNotFound, PBXInvalid, SecretNotFound": "False: as with a Softphone.",
            "SecretKeyMissing": "False: the Secret has neither the key password nor one for each user.",
        },
        "AgentsAvailable": {
            "Available": "True: all agents run and are ready.",
            "any other": "False: that of the first agent that does not, as with a Softphone.",
        },
        "Registered": {
            "Registered": "True: all softphones are registered.",
            "Registering": "False: not all are, and none has failed.",
            "any failure of a Softphone": "False: not all are; the most frequent failure.",
            "Suspended": "False: spec.template.suspend is set.",
            "NoAgent": "Unknown: there is no agent that could tell.",
            "AgentUnreachable": "Unknown: agents are there and none can be heard.",
        },
        "Ready": {
            "Registered": "True: accepted, all agents available, and all registered with the present spec.",
            "Updating": "False: agents are being changed, as many at the same time as maxUnavailable allows.",
            "ConfigPending, ConfigRefused, Suspended": "False: as with a Softphone.",
            "any other": "That of the first of Accepted, AgentsAvailable and Registered that is not True.",
        },
        "Redundant": {
            "Redundant": "True: all ways of the softphones that check theirs (pathChecksOneIn) would hold.",
            "any result of a Softphone": "False: some would not; the most frequent one. The message has the shares.",
            "OneWay": "False: the template has no secondary PBX.",
            "Unchecked, CheckNotSupported": "Unknown: not all are checked, or a PBX answers so that it tells nothing. "
            "What was True or False before stays while agents that are new or away do not know.",
            "ChecksOff, Suspended, NoAgent, AgentUnreachable": "Unknown: as with a Softphone.",
        },
        **_PROGRESS,
    },
    "SoftphonePool": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "FileFull": "True: it does, but phonesPerAgent phones would not fit the ConfigMap of an agent, so that "
            "each carries fewer; the message tells how many.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "SecretNotFound": "False: one of credentials.secretNames does not exist. Agents that run go on.",
        },
        "AgentsAvailable": {
            "Available": "True: all agents run and are ready.",
            "any other": "False: that of the first agent that does not, as with a Softphone.",
        },
        "Registered": {
            "Registered": "True: all softphones are registered, but for those that are suspended.",
            "Registering": "False: not all are, and none has failed.",
            "any failure of a Softphone": "False: not all are; the most frequent failure.",
            "Suspended": "False: all softphones are suspended.",
            "NoAgent": "Unknown: there is no agent that could tell.",
            "AgentUnreachable": "Unknown: agents are there and none can be heard.",
        },
        "Ready": {
            "Registered": "True: accepted, all agents available, and all registered with their present specs.",
            "Updating": "False: agents are being changed, as many at the same time as maxUnavailable allows.",
            "ConfigPending, ConfigRefused, Suspended": "False: as with a Softphone.",
            "any other": "That of the first of Accepted, AgentsAvailable and Registered that is not True.",
        },
        "Redundant": {
            "Redundant": "True: all ways of the softphones that check theirs would hold.",
            "any result of a Softphone": "False: some would not; the most frequent one. The message has the shares.",
            "Unchecked, CheckNotSupported": "Unknown: not all are checked, or a PBX answers so that it tells nothing. "
            "Absent where nobody checks.",
        },
        **_PROGRESS,
    },
    "CallCheck": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "TooManyPairs": "True: it does, but more pairs are selected than the CallChecks of a namespace may have; "
            "the message tells how many are called. Each phone takes part as far as can be.",
            "NeverAnswers": "True: it does, but a phone that is to answer has answer: Never; the message names it.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "PhoneNotFound": "False: a phone that is named does not exist in the namespace, or its spec is refused.",
            "NothingSelected": "False: a selector selects no phone, or none but the caller itself.",
            "OneSite": "False: in mode Mesh, all phones that are selected are at one site.",
        },
        "Passing": {
            "Passing": "True: the last call of each pair was as expected.",
            "NoAnswer": "False: nobody answered in time, or no PBX answered. This and the following are those of the "
            "worst pair; the message names it. The worst stand first.",
            "UnexpectedCode": "False: the final answer has another code than expected: busy, not found, …",
            "WrongPhone": "False: another phone answered than the one that was to.",
            "NoAudio": "False: answered, and neither end heard the other.",
            "OneWayAudio": "False: answered, and one end did not hear the other's tone.",
            "CallFailed": "False: something else was not as expected; the message has the words of the caller's agent.",
            "SlowSetUp": "False: answered later than expect.setUpSecondsAtMost.",
            "MOSLow": "False: the quality was lower than expect.mosAtLeast at one end.",
            "NotCalled": "Unknown: a pair has not called yet.",
            "NoCallsLately": "Unknown: for three intervals and a minute no call of a pair was heard of.",
            "Suspended": "Unknown: spec.suspend is set.",
            "NotAccepted": "Unknown: the spec is not accepted, and no calls are made.",
        },
        "Ready": {
            "Accepted": "True: the spec makes sense. How the calls are is told by Passing.",
            "any other": "That of Accepted.",
        },
        "Reconciling": {"PhoneNotFound, NothingSelected, OneSite": "True: it waits for phones. Else absent."},
        "Stalled": {"InvalidSpec": "True: a field's value is refused; only an edit of this object helps. Else absent."},
    },
    "PBX": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "DuplicateAddress": "True: it does, but an older PBX of the namespace has the same address. Phones keep "
            "the one that they name.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "SecretNotFound": "False: a Secret of spec.tls does not exist.",
            "SecretKeyMissing": "False: a Secret of spec.tls lacks a key.",
        },
        "Consistent": {
            "Consistent": "True: noPhysicalLocation is the same on all PBXes of the system.",
            "Inconsistent": "False: it is not; the message names who says what. Phones keep to their primary PBX.",
            "NotAccepted": "Unknown: the spec is not accepted.",
        },
        "Ready": {
            "Accepted": "True: the spec makes sense, and so does that of its system. Whether the PBX answers is told "
            "by reachable.",
            "any other": "That of the first of Accepted and Consistent that is not True.",
        },
        "Redundant": {
            "Redundant": "True: of the Softphones and fleets that use the PBX or its system, none is known not to be "
            "redundant. Those with one way only, and those that check nothing, do not count.",
            "NotRedundant": "False: one or more are not; the message names one.",
            "Unchecked": "Unknown: of none it is known.",
        },
        "Reconciling": {"SecretNotFound, SecretKeyMissing": "True: it waits for the Secret. Else absent."},
        "Stalled": {"InvalidSpec": "True: a field's value is refused; only an edit of this object helps. Else absent."},
    },
    "Rehearsal": {
        "Accepted": {
            "Accepted": "True: the spec makes sense.",
            "InvalidSpec": "False: a field's value is refused; the message names the field and the value.",
            "PBXNotFound": "False: pbx names a PBX object that does not exist in the namespace, or no PBX is of the "
            "system.",
            "PBXInvalid": "False: the PBX object exists, and its own spec is refused.",
            "JobsNotAllowed": "False: trigger is Job, and this operator may make none: rehearsals.jobs of the chart.",
        },
        "Ready": {
            "Accepted": "True: the spec makes sense, so that it can begin. How one ended is told by phase and history.",
            "any other": "That of Accepted.",
        },
        "Reconciling": {
            "PBXNotFound, PBXInvalid, JobsNotAllowed": "True: it waits for the PBX, or for rights. Else absent."
        },
        "Stalled": {"InvalidSpec": "True: a field's value is refused; only an edit of this object helps. Else absent."},
    },
}
