"""Kubernetes 1.20 from Debian's source package: how it is built, its control plane, its one node."""
