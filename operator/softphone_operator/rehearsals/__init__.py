"""Rehearsals: a fail-over as it is watched, when it is due, what follows from what happens, verdict, report. Pure."""
