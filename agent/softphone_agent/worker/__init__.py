"""A worker process: the loop that runs many phones at one SIP engine."""
