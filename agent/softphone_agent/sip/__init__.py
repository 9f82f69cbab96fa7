"""The SIP engine: the only room that knows pjsua2."""
