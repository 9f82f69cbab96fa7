"""Serves pages, their changes, files, metrics and probes."""
