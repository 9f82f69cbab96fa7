"""pjsua2's Python module as a wheel. Run by build.sh, which sets the variables that are read here."""

import os
from pathlib import Path

from setuptools import Extension, setup


def words(name):
    """A variable's value as a list."""
    return os.environ[name].split()


setup(
    name="pjsua2-python",
    version=os.environ["WHEEL_VERSION"],
    description="pjsua2 of pjproject, built for softphone-fleet",
    long_description=Path("DESCRIPTION").read_text(),
    long_description_content_type="text/plain",
    license="GPL-2.0-or-later",
    packages=["pjsua2"],
    ext_modules=[
        Extension(
            "pjsua2._pjsua2",
            ["pjsua2_wrap.cpp", "client.cpp", "calls.cpp"],
            extra_compile_args=words("PJ_CFLAGS"),
            extra_link_args=words("PJ_LDFLAGS"),
        )
    ],
)
