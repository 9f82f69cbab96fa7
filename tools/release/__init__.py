"""`make release`: all that a release page would carry, and the same bytes each time for the same commit."""
