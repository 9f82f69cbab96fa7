"""The process: kopf, webhook, probes, election, command line."""
