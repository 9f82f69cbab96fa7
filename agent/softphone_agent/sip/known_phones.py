"""The phones of an engine: their registrations, and who of them a Request-URI means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from softphone_agent.contract import sip_uri
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.callee import Callee, callee_of, user_of
from softphone_agent.sip.routing import address_of

OK, NOT_FOUND, UNAVAILABLE = 200, 404, 480


@dataclass(slots=True)
class KnownPhone:
    """What is known of one phone."""

    aor: str
    present: Registration | None = None
    """The registration that its last REGISTER belongs to; None where that was abandoned."""
    left_behind: str = ""
    """The Call-ID of the one before, which may still be un-REGISTERed."""
    bound_at: str = ""
    """IP address of the PBX that accepted it last."""
    left: set[str] = field(default_factory=set)
    """IP addresses of PBXes that accepted it before, and from which it has moved on."""


class KnownPhones:
    """By name, by AOR, and by the user part of that."""

    def __init__(self) -> None:
        self._phones: dict[str, KnownPhone] = {}
        self._of_user: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._phones))

    def get(self, name: str) -> KnownPhone | None:
        """The phone with this name."""
        return self._phones.get(name)

    def values(self) -> Iterable[KnownPhone]:
        """All of them."""
        return self._phones.values()

    def known(self, name: str, aor: str) -> KnownPhone:
        """The phone with this name, which has this AOR from now on."""
        phone = self._phones.get(name)
        if phone is not None and phone.aor == aor:
            return phone
        if phone is None:
            phone = self._phones[name] = KnownPhone(aor)
        else:
            self._forget_user(name, phone.aor)
            phone.aor = aor
        self._of_user.setdefault(sip_uri.user_of_aor(aor), []).append(name)
        return phone

    def pop(self, name: str) -> KnownPhone | None:
        """Forget this phone."""
        phone = self._phones.pop(name, None)
        if phone is not None:
            self._forget_user(name, phone.aor)
        return phone

    def shares_its_aor(self, name: str) -> bool:
        """Whether another phone has the AOR of this one: then each has a Contact of its own."""
        aor = self._phones[name].aor
        others = self._of_user[sip_uri.user_of_aor(aor)]
        return any(other != name and self._phones[other].aor == aor for other in others)

    def has_bound(self, name: str, registration: Registration) -> None:
        """A PBX has accepted this phone."""
        phone, address = self._phones.get(name), address_of(registration.place)
        if phone is not None and phone.bound_at != address:
            phone.left = (phone.left | {phone.bound_at}) - {address, ""}
            phone.bound_at = address

    def bound(self, name: str) -> Registration | None:
        """The registration by which calls of this phone go; None where it has no binding."""
        phone = self._phones.get(name)
        return phone.present if phone is not None and phone.present is not None and phone.present.bound else None

    def callee(self, request_uri: str) -> Callee | None:
        """The phone of ours with this Request-URI; of several with one AOR the one whose Contact it is."""
        names = self._of_user.get(user_of(request_uri) or "", ())
        return callee_of(request_uri, ((name, self._phones[name].aor) for name in names), self.bound)

    def has(self, request_uri: str) -> bool:
        """Whether a URI means a phone of ours, or nobody in particular."""
        user = user_of(request_uri)
        return user is None or user in self._of_user

    def options_code(self, request_uri: str, source: str) -> int:
        """The answer to an OPTIONS from this IP address: it is that of an INVITE (RFC 3261, section 11.2).

        A PBX from which a phone has moved on must not believe that it still reaches it. One that is asked for a binding
        just now may ask before its answer was read.
        """
        user = user_of(request_uri)
        if user is None:
            return OK
        phones = [self._phones[name] for name in self._of_user.get(user, ())]
        if not phones:
            return NOT_FOUND
        for phone in phones:
            present = phone.present
            if present is not None and (
                address_of(present.place) == source or (present.bound and source not in phone.left)
            ):
                return OK
        return UNAVAILABLE

    def _forget_user(self, name: str, aor: str) -> None:
        names = self._of_user[sip_uri.user_of_aor(aor)]
        names.remove(name)
        if not names:
            del self._of_user[sip_uri.user_of_aor(aor)]
