"""From objects to what is shown. Pure: no I/O, no clock, and nothing of HTML."""
