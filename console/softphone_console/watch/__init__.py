"""What the console learns from: the Kubernetes API server, agents, and a Prometheus."""
