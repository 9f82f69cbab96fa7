"""Brings about what is wanted."""
