"""Takes secrets out of objects and texts before they leave the cluster in a report. Pure.

Agents and operator write none of them down. This is for what people put where it does not belong, such as a password
in an annotation, a token in an argument, or a key in another program's log.
"""

from __future__ import annotations

import json
import re
from typing import Any

GONE = "…"
_WORDS = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[-_]?key|private[-_]?key|client[-_]?key|authorization)"
_KEY = re.compile(rf"(?:^|[-_.a-z]){_WORDS}(?:[-_]?data)?$", re.IGNORECASE)
"""Names of fields that hold a secret; not such as secretName, passwordFile and passwordKey, which name its place."""
_URL_PATH = re.compile(r"(https?://[^/\s\"'?]+)[/?][^\s\"']+")
_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL), GONE),
    # In logs of JSON the end of a header is written \r\n, with backslashes.
    (
        re.compile(
            r"((?:Proxy-)?Authorization\\?\"?[ \t]*[:=][ \t]*\\?\"?[ \t]*)(?:(?!\\r|\\n)[^\r\n])+", re.IGNORECASE
        ),
        rf"\1{GONE}",
    ),
    (re.compile(r"\b(rspauth|response|cnonce)(=\\?\")[^\"\\]*", re.IGNORECASE), rf"\1\2{GONE}"),
    (re.compile(r"\b(sips?:[^:@\s<>\"';?]{1,128}):[^@\s<>\"';?]{1,256}@", re.IGNORECASE), rf"\1:{GONE}@"),
    (re.compile(r"\b(\w{1,16}://[^:@/\s\"']{0,128}):[^@/\s\"']{1,256}@"), rf"\1:{GONE}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {GONE}"),
    (re.compile(r"\beyJ[\w-]{8,4000}\.[\w-]{8,}\.[\w-]*"), GONE),
    (re.compile(rf"(\\?\"[\w.-]{{0,60}}?{_WORDS}\\?\"\s*:\s*\\?\")(?:[^\"\\]|\\[^\"])+", re.IGNORECASE), rf"\1{GONE}"),
    (
        re.compile(
            rf"^([ \t]*(?:- )?[\w.-]{{0,60}}?{_WORDS}[ \t]*[:=][ \t]*)(?=\S)[^\r\n]+", re.IGNORECASE | re.MULTILINE
        ),
        rf"\1{GONE}",
    ),
    (re.compile(rf"(?<!\S)(--?[\w-]{{0,60}}{_WORDS}[= ])\S+", re.IGNORECASE), rf"\1{GONE}"),
)


def text(given: str) -> str:
    """A text, such as a log, without what looks like a secret."""
    for pattern, instead in _TEXTS:
        given = pattern.sub(instead, given)
    return given


def obj(given: Any) -> Any:
    """An object of Kubernetes without secrets, and without the lists of who manages which field."""
    return _value(given)


def _value(given: Any, name: str = "") -> Any:
    if isinstance(given, dict):
        named = given.get("name")
        hidden = isinstance(named, str) and "value" in given and _KEY.search(named) is not None
        dropped = ("managedFields", "data", "stringData") if given.get("kind") == "Secret" else ("managedFields",)
        made = {key: _value(value, str(key)) for key, value in given.items() if key not in dropped}
        return {**made, "value": GONE} if hidden else made
    if isinstance(given, list):
        return [_value(one, name) for one in given]
    if not isinstance(given, str):
        return GONE if given is not None and not isinstance(given, bool) and _KEY.search(name) else given
    return GONE if given and _KEY.search(name) else _text(given, name)


def _text(given: str, name: str) -> str:
    """A string of an object: one that holds JSON is looked into; of URLs in arguments and variables the host stays."""
    if given.lstrip().startswith(("{", "[")):
        try:
            return json.dumps(_value(json.loads(given)), ensure_ascii=False)
        except ValueError:
            pass  # it is text
    if name in ("args", "command", "value"):
        given = _URL_PATH.sub(rf"\1/{GONE}", given)
    return text(given)
