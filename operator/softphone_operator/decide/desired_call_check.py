"""What is desired for a CallCheck: which phone calls which, and what agents are told of it; or why it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from softphone_agent.contract import sip_uri
from softphone_agent.contract.call_check import CallCheck, CallExpectation, Hears
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import uri_fault
from softphone_agent.contract.fleet import MAX_TOLD
from softphone_operator.api.call_checks import MAX_PAIRS, CallCheckSpec, Callers
from softphone_operator.decide import label_selector
from softphone_operator.decide.call_phones import CallPhone
from softphone_operator.decide.decisions import Caution, Refusal, refusal
from softphone_operator.decide.faults import missing
from softphone_operator.decide.names import digest, shorten

LONGEST_CHECK_NAME = 200
"""Of the check's name in the names of its entries."""

ANSWER_SECONDS = 20.0
"""When nobody has answered for so long, beside the time for ringing, the call is cancelled."""


class Asked(NamedTuple):
    """The phones that a spec asks for: by name, and by label selector."""

    names: frozenset[str] = frozenset()
    selectors: frozenset[str] = frozenset()


class Found(NamedTuple):
    """What is there of them; phones that a selector selects are in the order of their names."""

    named: Mapping[str, CallPhone]
    selected: Mapping[str, Sequence[CallPhone]]


class Pair(NamedTuple):
    """Who calls whom. `callee` None: a URI of others. `answers`: the phone of ours that is to answer, if any."""

    entry: str
    caller: CallPhone
    callee: CallPhone | None
    to: str
    answers: CallPhone | None
    from_site: str
    to_site: str

    @property
    def called(self) -> str:
        """The phone that is called, or the URI."""
        return self.callee.name if self.callee else self.to


@dataclass(frozen=True, slots=True)
class DesiredCallCheck:
    """An accepted CallCheck. `token`: by it, callees know its calls."""

    name: str
    spec: CallCheckSpec
    token: str
    pairs: tuple[Pair, ...]
    cautions: tuple[Caution, ...] = ()

    def entries(self) -> Iterator[CallCheck]:
        """What the agents of the callers are told, one entry for each pair; none while it is suspended."""
        for pair in () if self.spec.suspend else self.pairs:
            yield _entry(self, pair)


def asked(spec: Any) -> Asked:
    """The phones that a raw spec asks for; never fails, whatever the spec holds."""
    try:
        wanted = CallCheckSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError:
        return Asked()
    ends = [end for end in (wanted.from_, wanted.to) if end]
    names = {end.softphone for end in ends} | {wanted.expect.answered_by}
    return Asked(frozenset(filter(None, names)), frozenset(end.selector for end in ends if end.selector))


def call_check(
    name: str, namespace: str, uid: str, spec: Any, found: Found, room: int = MAX_PAIRS
) -> DesiredCallCheck | Refusal:
    """What is desired for the CallCheck `name` with the raw `spec`. `room`: so many pairs it may have."""
    try:
        wanted = CallCheckSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    if faults := [*_form_faults(wanted), *_missing(wanted, namespace, found)]:
        return refusal(faults)
    pairs = list(islice(_pairs(name, wanted, found), room))
    total = _count(wanted, found)
    if not total:
        return _without_pairs(wanted, found)
    cautions: tuple[Caution, ...] = ()
    if total > len(pairs):
        told = f"{total} pairs are selected, and only {len(pairs)} are called: the CallChecks of a namespace have"
        cautions = (Caution("TooManyPairs", f"{told} {MAX_PAIRS} pairs at most"),)
    never = sorted({one.answers.name for one in pairs if one.answers and one.answers.answer == "Never"})
    if never and wanted.expect.code == 200:
        told = f"{', '.join(never[:MAX_TOLD])}: answer is Never, and so nobody can call it"
        cautions = (*cautions, Caution("NeverAnswers", told))
    token = hashlib.sha256(f"call check {uid}".encode()).hexdigest()[:32]
    return DesiredCallCheck(name, wanted, token, tuple(pairs), cautions)


def _form_faults(spec: CallCheckSpec) -> Iterator[tuple[str, str]]:
    if spec.mode == "Pairs" and spec.to is None:
        yield "InvalidSpec", "to: is required in mode Pairs"
    for where, end in (("from", spec.from_), ("to", spec.to)):
        if end is None:
            continue
        uri = getattr(end, "uri", None)
        given = [
            field for field, text in (("softphone", end.softphone), ("selector", end.selector), ("uri", uri)) if text
        ]
        if len(given) != 1:
            choices = "softphone, selector, uri" if where == "to" else "softphone, selector"
            told = f"given: {' and '.join(given)}" if given else "none is given"
            yield "InvalidSpec", f"{where}: needs one of {choices}; {told}"
        if end.selector:
            try:
                label_selector.parse(end.selector)
            except label_selector.LabelSelectorError as error:
                yield "InvalidSpec", f"{where}.selector: {sip_uri.printable(str(error))}"
        if uri and (fault := uri_fault(uri)):
            yield "InvalidSpec", f"{where}.uri: {fault}"
        if uri and spec.mode == "Mesh":
            yield "InvalidSpec", f"{where}.uri: is for mode Pairs, a URI has no site"
        if end.softphone and spec.mode == "Mesh":
            yield "InvalidSpec", f"{where}.softphone: is for mode Pairs, in mode Mesh a selector says which phones"


def _missing(spec: CallCheckSpec, namespace: str, found: Found) -> Iterator[tuple[str, str]]:
    names = {"from.softphone": spec.from_.softphone, "to.softphone": spec.to.softphone if spec.to else None}
    for where, name in (names | {"expect.answeredBy": spec.expect.answered_by}).items():
        if name and name not in found.named:
            yield "PhoneNotFound", f"{where}: {missing('Softphone', name, namespace)}, nor a fleet with such a phone"


def _without_pairs(spec: CallCheckSpec, found: Found) -> Refusal:
    for where, end in (("from", spec.from_), ("to", spec.to)):
        if end and end.selector and not _phones(end, found):
            shown = sip_uri.printable(end.selector)
            told = f'{where}.selector: "{shown}" selects no Softphone that may register, and no SoftphoneFleet'
            return refusal([("NothingSelected", told)])
    if spec.mode == "Mesh":
        sites = sorted(_by_site(spec, spec.from_, found))
        listed = ", ".join(f'"{site}"' for site in sites)
        return refusal(
            [("OneSite", f"from.selector: all phones are at one site, {listed}: nobody is left to be called")]
        )
    return refusal([("NothingSelected", "to: nobody is left to be called: a phone does not call itself")])


def _phones(end: Callers | None, found: Found) -> list[CallPhone]:
    """The phones of one end; those that are suspended only where they are named, so that it shows."""
    if end is None:
        return []
    if end.softphone:
        return [found.named[end.softphone]]
    return [phone for phone in found.selected.get(end.selector or "", ()) if not phone.suspended]


def _by_site(spec: CallCheckSpec, end: Callers, found: Found) -> dict[str, CallPhone]:
    """The phone that stands for each site: the first one by name."""
    stands: dict[str, CallPhone] = {}
    for phone in _phones(end, found):
        stands.setdefault(phone.site_by(spec.site_label), phone)
    return stands


def _ends(spec: CallCheckSpec, found: Found) -> tuple[list[CallPhone], list[CallPhone]]:
    """Those who call, and those who are called."""
    if spec.mode == "Pairs":
        return _phones(spec.from_, found), _phones(spec.to, found)
    callers = _by_site(spec, spec.from_, found)
    called = _by_site(spec, spec.to, found) if spec.to else callers
    return list(callers.values()), list(called.values())


def _is_pair(spec: CallCheckSpec, caller: CallPhone, callee: CallPhone) -> bool:
    if spec.mode == "Mesh" and caller.site_by(spec.site_label) == callee.site_by(spec.site_label):
        return False
    return caller.name != callee.name


def _count(spec: CallCheckSpec, found: Found) -> int:
    callers, called = _ends(spec, found)
    if spec.to and spec.to.uri:
        return len(callers)
    if spec.mode == "Pairs":
        return len(callers) * len(called) - len({one.name for one in callers} & {one.name for one in called})
    return sum(_is_pair(spec, caller, callee) for caller in callers for callee in called)


def _pairs(check: str, spec: CallCheckSpec, found: Found) -> Iterator[Pair]:
    """All pairs, in such an order that the first of them have as many phones as can be."""
    callers, called = _ends(spec, found)
    answers = found.named[spec.expect.answered_by] if spec.expect.answered_by else None
    if spec.to and spec.to.uri:
        for caller in callers:
            yield _pair(check, spec, caller, None, spec.to.uri, answers)
        return
    for shift in range(len(called)):
        for number, caller in enumerate(callers):
            callee = called[(number + shift) % len(called)]
            if _is_pair(spec, caller, callee):
                yield _pair(check, spec, caller, callee, callee.aor, answers or callee)


def _pair(
    check: str, spec: CallCheckSpec, caller: CallPhone, callee: CallPhone | None, to: str, answers: CallPhone | None
) -> Pair:
    entry = f"{shorten(check, LONGEST_CHECK_NAME)}.{digest(f'{caller.name} {callee.name if callee else to}')}"
    to_site = callee.site_by(spec.site_label) if callee else ""
    return Pair(entry, caller, callee, to, answers, caller.site_by(spec.site_label), to_site)


def _entry(of: DesiredCallCheck, pair: Pair) -> CallCheck:
    spec = of.spec
    return CallCheck(
        name=pair.entry,
        check=of.name,
        caller=pair.caller.name,
        to=pair.to,
        callee=pair.answers.name if pair.answers else None,
        token=of.token,
        from_site=pair.from_site or None,
        to_site=pair.to_site or None,
        every_seconds=spec.every_seconds,
        answer_timeout_seconds=ANSWER_SECONDS + spec.ring_seconds,
        talk_seconds=spec.hold_seconds,
        rescue=spec.rescue,
        times=spec.times,
        after_fail_over="FailedOver" in spec.after,
        expected=CallExpectation(
            code=spec.expect.code,
            answer_seconds=spec.expect.set_up_seconds_at_most,
            hears=_hears(spec, pair),
            max_loss_percent=None,
            min_mos=spec.expect.mos_at_least,
        ),
    )


def _hears(spec: CallCheckSpec, pair: Pair) -> Hears:
    if spec.expect.audio == "None":
        return "Unasked"
    if pair.answers is None:
        return "Anything"
    return "Echo" if pair.answers.answer == "Echo" else "Tone"
