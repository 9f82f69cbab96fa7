"""Kubernetes, of today or the oldest that is supported: how it is built, its control plane, its one node."""
