"""The agent's main process: configuration, worker processes, what HTTP shows."""
