"""Tells a receiver of notifications what is wrong, over HTTP."""
