"""The programs `kubectl-softphone` and `kubectl_complete-softphone`."""

from __future__ import annotations

import os
import sys

from softphone_plugin.errors import CLUSTER, INTERRUPTED, READER_GONE, PluginError, ReaderGoneError
from softphone_plugin.streams import prepare
from softphone_plugin.words import on_a_line

MISSING = "kubectl-softphone: is not whole: `make plugin` in a clone of softphone-fleet makes it anew"
COMPLETE = "__complete"
"""The word with which kubectl_complete-softphone of the single file asks the program."""


def main() -> None:
    """Run a command. What goes wrong is told in one line, and by the exit code."""
    prepare()
    if sys.argv[1:2] == [COMPLETE]:
        del sys.argv[1]
        complete()
        return
    try:
        from softphone_plugin.cli import app
    except ModuleNotFoundError as missing:
        sys.exit(f"{MISSING} ({missing.name})")
    try:
        app(prog_name="kubectl softphone")
    except PluginError as error:
        print(f"kubectl-softphone: {on_a_line(str(error))}", file=sys.stderr)  # noqa: T201
        sys.exit(error.code)
    except ModuleNotFoundError as missing:
        print(f"{MISSING} ({missing.name})", file=sys.stderr)  # noqa: T201
        sys.exit(CLUSTER)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ReaderGoneError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes what is left at its end
        sys.exit(READER_GONE)


def complete() -> None:
    """Tell kubectl what may stand next."""
    from softphone_plugin.cli import completions

    print("\n".join(completions(sys.argv[1:])))  # noqa: T201


if __name__ == "__main__":
    main()
