"""PBXes of other makers, from Debian sid, and the real agent at them: docs/interop.md."""
