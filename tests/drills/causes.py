"""Why figures are bad, where several rows share it: told once on the page, and named in the notes of the rows."""

from __future__ import annotations

PINGS = "*Found by ping.*"
COMES_HOME = "*Home by refresh.*"
UNTOLD = "*Untold.*"
NOBODY_UNREGISTERS = "*Nobody un-REGISTERs.*"

CAUSES = {
    PINGS: (
        "A phone without a request of its own in flight learns by the ping that its PBX is gone: sent every 2 s, or "
        "when the answer to a REGISTER is overdue, and given up after 1 s where the way is short, so that it takes up "
        "to 3 s."
    ),
    COMES_HOME: (
        "A phone comes home with its next refresh, 15 to 27 s after the last one: the PBX that stood in for its home "
        "redirects it and gives its binding up, and until the home has answered the phone has none. That is a moment, "
        "in which a few phones are at the same time."
    ),
    UNTOLD: (
        "SIP does not tell a phone that its PBX has lost the binding. One phone of each process asks for it every 10 s "
        "(a REGISTER without Contact); where its binding is missing, all phones of that PBX register anew. Over TCP or "
        "TLS a PBX that restarts is noticed at once (the row tls-restarted)."
    ),
    NOBODY_UNREGISTERS: "The PBX keeps the bindings of a dead process until they expire.",
}
