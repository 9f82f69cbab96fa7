#!/bin/bash
# build-wheel.sh WHEELS SOURCE: builds the wheel of the folder SOURCE and puts it into the folder WHEELS. PYTHON: by which interpreter.
#
# In its isolation pip would take whichever setuptools is the newest, unchecked; how that is pinned is another matter with each
# pip (PIP_CONSTRAINT, --build-constraint), and a hash is not asked for there. So setuptools is put into a folder by its hash.
set -euo pipefail
requirements=$(cd "$(dirname "$0")" && pwd)/build-requirements.txt
# Whole: pip would take a bare name for that of a package.
source=$(cd "$2" && pwd)
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
pip=("${PYTHON:-python3}" -m pip --quiet --disable-pip-version-check --no-cache-dir)
"${pip[@]}" install --root-user-action ignore --target "$tools" --require-hashes --only-binary :all: --requirement "$requirements"
# --use-pep517: the pip of Debian 12 would take a `wheel` package that need not be installed.
PYTHONPATH=$tools "${pip[@]}" wheel --use-pep517 --no-build-isolation --no-deps --wheel-dir "$1" "$source"
