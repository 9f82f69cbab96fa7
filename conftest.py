"""What holds for all tests: no example of hypothesis has a deadline, since how fast a busy machine is says nothing."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")
