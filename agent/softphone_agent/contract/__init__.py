"""What other programs may import: the configuration file, the report, SIP URIs, and the connection limiter."""
