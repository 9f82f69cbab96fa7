"""The Kubernetes API of softphone-fleet.io: models, CRDs, reference."""
