"""Calls: what is decided and computed for them, pure. No I/O, no clock, no chance; nothing but the standard library."""
