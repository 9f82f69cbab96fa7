"""The one exception of the lab that a user sees as a message instead of a traceback."""


class LabError(Exception):
    """A part of the lab could not do its work; the message says which and shows the end of its log."""
