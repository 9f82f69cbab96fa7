"""The Kubernetes API server: the only room that talks to it, besides kopf's watches."""
