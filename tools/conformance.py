"""docs/proof/conformance.md: every rule and the tests that prove it. `python -m conformance` writes it anew.

A test says what it proves by `@pytest.mark.proves("L1", ...)`. The rules are those of docs/rules.md: what
innovaphone's concept page says of its softphone (S...), and what follows from it here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
PAGE = TESTS.parent / "docs" / "proof" / "conformance.md"

SOURCE = {
    "S0": "Configuration: it is what the myApps client publishes as connInfo",
    "S1": "Configuration: `pri` names the primary PBX",
    "S2": "Configuration: `sec` names the secondary PBX",
    "S3": "Configuration: `phys` is the explicit physical location, if there is one (launcher and browser)",
    "S3a": "Configuration, launcher: the explicit location comes with the launcher's server configuration",
    "S3b": "Configuration, browser: the explicit location comes with the address, `#phys=`",
    "S4": "Registration, launcher: primary and secondary PBX are tried in turn",
    "S5": "Registration, launcher: redirects, several if need be, lead to the PBX on which the user is configured",
    "S6": "Registration, launcher: a PBX may keep the registration as a standby instead of redirecting",
    "S7": "Registration, browser: always at the current PBX; redundancy is left to the client",
    "S8": 'Physical location, launcher: the setting "No physical location" decides (13r3 SR7)',
    "S9": "Physical location, launcher: the setting must be the same on all PBXes of a system",
    "S10": "Physical location, launcher, setting off: the explicit location is used if there is one",
    "S11": "Physical location, launcher, setting off: else that of the primary PBX",
    "S12": "Physical location, launcher, setting on: the explicit location is used if there is one",
    "S13": "Physical location, launcher, setting on: else none",
    "S14": "Physical location, browser: the explicit location is used if there is one",
    "S15": "Physical location, browser: else none",
    "S16": "Trace flag App",
    "S17": "Trace flag Signaling",
}
OURS = {
    "C1": "connInfo: a Softphone carries its names `pri`, `sec`, `phys`, `cur`",
    "I1": "innovaphone's PBXes: one that is not the user's own redirects (here: the lab's Kamailio in their roles)",
    "I2": "A slave redirects to its master",
    "I3": "The master redirects to the slave on which the user is configured",
    "I4": "A standby redirects to its active PBX",
    "I5": "One that has no connection to the PBX to which it would redirect keeps the registration",
    "I6": "On SIP: 302 to a REGISTER, with the Contact where to try next",
    "L1": "Launcher 1: alternate, starting with the primary PBX",
    "L1a": "Launcher 1: an attempt follows redirects until a PBX keeps the registration",
    "L1b": "Launcher 1: at most 8 redirects (configurable)",
    "L1c": "Launcher 1: a target seen before in the attempt ends it (RedirectLoop)",
    "L2": "Launcher 2: a failed attempt goes to the other PBX at once",
    "L2a": "Launcher 2: after a round of failures exponential back-off with full jitter, 1 s to 60 s",
    "L2b": "Launcher 2: Retry-After is honoured",
    "L3": "Launcher 3: refresh at the phone's own 50 to 90 % of the granted expiry",
    "L3a": "Launcher 3: a redirected refresh is followed, that is the way home",
    "L3b": "Launcher 3: the old binding counts until the new one is made",
    "L4": "Launcher 4: lost by a failed refresh, a failed ping or a closed connection",
    "L4a": "Launcher 4: first the PBX where it was registered, then alternate again from the primary",
    "L4b": "Launcher 4: a PBX known to be dead costs no second time-out",
    "L5": "Launcher 5: a rejection is an outcome of its own, retried with back-off, never hammered",
    "L6": "Launcher 6: without a secondary the primary alone, with the same back-off",
    "B1": "Browser: registers at `cur` only, no alternation",
    "B2": "Browser: a redirect is an outcome (UnexpectedRedirect), not followed",
    "B3": "Browser: a change of `cur` moves the phone",
    "P1": "Physical location: the table of mode, setting and explicit location",
    "P2": "Physical location: phones go by the setting of their primary PBX where a system is inconsistent",
    "P3": "Physical location: an inconsistent setting is a condition and an Event of the PBXes, and told of the phones",
    "R1": "Role Home: ended at a PBX by redirect, or at the one known to be its home",
    "R2": "Role Standby: kept by a PBX while the home is known to be elsewhere",
    "R3": "Role Unknown otherwise: never more than is known",
    "T1": "Tracing: App gives one structured line for each transition",
    "T2": "Tracing: Signaling gives full SIP messages, credentials redacted",
    "T3": "Tracing: by phone, switched while running, without losing the registration",
    "X1": "Redirect safety: never from TLS to a transport without TLS",
    "X2": "Redirect safety: KnownPBXes allows only PBX objects of the same system",
    "X3": "Redirect: a PBX that refused the phone is passed over for the round, also as the target of a redirect",
    "X4": "Redirect: a loop that leads over another entry PBX ends the round for that one, too",
    "X5": "Redirect: Contacts with expires=0, or with another host in maddr, are not followed",
    "F1": "Fail-back: with failBack Primary a phone returns when its primary has answered for failBackAfterSeconds",
    "F2": "Fail-back: the new binding is made before the old one is removed, and what fails costs none",
    "F3": "Fail-back: who is at home, or came by way of the primary, stays",
    "F4": "Fail-back: after a try that failed there is a wait, which doubles",
    "F5": "Fail-back: who stops on the way leaves no binding behind",
    "W1": "Closed connection: with closedConnectionWaitSeconds its PBX is asked for so long before any other",
    "M1": "The machine is sans I/O: an event that the table does not have is an error and changes nothing",
    "M2": "The machine: never two requests in flight, never stuck, stop always ends",
    "M4": "The machine: the diagram in the docs is generated from its table",
}
BESIDE = {
    "E1": "suspend",
    "E2": "Herd control: first registrations are spread, a token bucket for each registrar",
    "E3": "TLS: CA, server name and client certificate; changed files are picked up",
    "E4": "IPv6, names resolved for each attempt, SRV where there is no port",
    "E5": "Contact: public address, a stable `+sip.instance`; an observed address that differs is shown",
    "E6": "Location carriers: Header, ContactParameter, Domain",
    "E7": "UDP sockets are taken anew where a PBX answers others",
    "E8": "A closed connection is noticed at once, and what is known of a PBX is shared by its phones",
    "E13": "Other credentials are shown by a REGISTER over the binding; refused, it counts until it ends",
    "E14": "A password file that is missing or empty: the phone keeps what it had, or waits, and asks nobody without",
    "E9": "Live change: only what changed acts; a faulty file is refused whole, and the old one goes on",
    "E10": "A worker that dies takes only its phones with it, and is restarted with back-off",
    "E11": "No password and no digest response shows anywhere",
    "E12": "SIGTERM un-REGISTERs all phones, paced",
}
RULES = SOURCE | OURS | BESIDE


def proofs() -> dict[str, list[str]]:
    """Rule -> the tests that say that they prove it, as file and name."""
    found: dict[str, list[str]] = {rule: [] for rule in RULES}
    for file in sorted(TESTS.rglob("test_*.py")):
        for rule, name in _marked(ast.parse(file.read_text())):
            found.setdefault(rule, []).append(f"{file.relative_to(TESTS.parent)}::{name}")
    return found


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
                for argument in decorator.args:
                    yield ast.literal_eval(argument), node.name


def page() -> str:
    """The whole page."""
    found = proofs()
    lines = [
        "# Conformance",
        "",
        "Every rule and the tests that prove it. Made from the tests (`@pytest.mark.proves`) by",
        "`python -m conformance`; do not edit.",
    ]
    for title, rules in (
        ("Concept Softphone Redundancy (13r3), in our own words", SOURCE),
        ("The rules of docs/rules.md", OURS),
        ("Beside the rules", BESIDE),
    ):
        lines += ["", f"## {title}", "", "| | Rule | Proved by |", "|---|---|---|"]
        for rule, words in rules.items():
            lines.append(f"| {rule} | {words} | {'<br>'.join(f'`{test}`' for test in found[rule])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
