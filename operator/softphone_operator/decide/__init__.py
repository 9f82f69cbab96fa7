"""Decisions: pure functions from what was observed to what is wanted and said."""
