"""Finds the phones that CallChecks ask for: Softphones and phones of fleets, by name or by labels. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from softphone_operator.decide import call_phones, label_selector
from softphone_operator.decide.call_phones import CallPhone, Pbxs
from softphone_operator.decide.desired_call_check import Asked, Found
from softphone_operator.kubernetes.resources import FLEETS, SOFTPHONES
from softphone_operator.observe.observed import Observed
from softphone_operator.observe.parts import spec_in_force


class PhoneBook:
    """Looks up what is observed. Objects that are being deleted are not found."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def found(self, namespace: str, asked: Asked, pbxs: Pbxs) -> Found:
        """The phones of a namespace that are asked for, as far as they are there."""
        named = {name: phone for name in asked.names if (phone := self._named(namespace, name, pbxs))}
        selected = {text: sorted(self._selected(namespace, text, pbxs)) for text in asked.selectors}
        return Found(named, selected)

    def _named(self, namespace: str, name: str, pbxs: Pbxs) -> CallPhone | None:
        if (obj := self._observed.get(SOFTPHONES.kind, (namespace, name))) is not None:
            return call_phones.of_softphone(name, spec_in_force(obj), _labels(obj), pbxs)
        split = call_phones.split_name(name)
        fleet = self._observed.get(FLEETS.kind, (namespace, split[0])) if split else None
        if split is None or fleet is None:
            return None
        return call_phones.of_fleet(split[0], spec_in_force(fleet), _labels(fleet), pbxs, split[1])

    def _selected(self, namespace: str, text: str, pbxs: Pbxs) -> Iterator[CallPhone]:
        try:
            selector = label_selector.parse(text)
        except label_selector.LabelSelectorError:
            return
        for kind, make in ((SOFTPHONES.kind, call_phones.of_softphone), (FLEETS.kind, call_phones.of_fleet)):
            for (_, name), obj in self._observed.all(kind, namespace):
                labels = _labels(obj)
                if selector.matches(labels) and (phone := make(name, spec_in_force(obj), labels, pbxs)):
                    yield phone


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}
