"""What can end a command, and with which exit code."""

from __future__ import annotations

OK = 0
NO = 1
USAGE = 2
CLUSTER = 3
NOT_FOUND = 4

EXIT_CODES = {
    OK: "Done, and the answer is yes.",
    NO: "The answer is no: `lint` found faults, `import` left rows out, after a `drill` somebody is missing or nothing "
    "happened, `trace` could not set the flags back.",
    USAGE: "The command line is wrong.",
    CLUSTER: "The cluster cannot be asked, refuses, or does not know our kinds.",
    NOT_FOUND: "There is no such object, phone or file.",
}


class PluginError(Exception):
    """Why a command cannot go on, in one line for the person who typed it."""

    def __init__(self, message: str, code: int = CLUSTER) -> None:
        super().__init__(message)
        self.code = code
