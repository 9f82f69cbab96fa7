"""The process: its command line, start and end, and how the parts hang together."""
