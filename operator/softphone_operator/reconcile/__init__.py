"""Brings the cluster to what is desired."""
