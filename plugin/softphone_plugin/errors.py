"""What can end a command, and with which exit code."""

from __future__ import annotations

OK = 0
NO = 1
USAGE = 2
CLUSTER = 3
NOT_FOUND = 4
INTERRUPTED = 130
READER_GONE = 141
"""As the shell counts a program that SIGPIPE ended."""

EXIT_CODES = {
    OK: "Done, and the answer is yes.",
    NO: "The answer is no: `lint` found faults, `import` left rows out, after a `drill` somebody is missing or nothing "
    "happened, after a `restart` an agent did not come back, `trace` could not set the flags back, a file could not be "
    "written, a `rehearsal` was not begun or has not passed, a `call` was not as expected.",
    USAGE: "The command line is wrong, or `lint` was given no manifest.",
    CLUSTER: "The cluster cannot be asked, refuses, or does not know our kinds.",
    NOT_FOUND: "There is no such object, phone or file.",
    INTERRUPTED: "Ctrl-C, where that is no way to end.",
    READER_GONE: "Whoever read the output, such as `head`, went before the end: there is no answer.",
}


class ReaderGoneError(Exception):
    """Nobody reads the output any more."""


class PluginError(Exception):
    """Why a command cannot go on, in one line for the person who typed it."""

    def __init__(self, message: str, code: int = CLUSTER) -> None:
        super().__init__(message)
        self.code = code
