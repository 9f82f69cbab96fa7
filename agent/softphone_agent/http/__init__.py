"""What the agent serves over HTTP: status, probes, the stream, metrics."""
