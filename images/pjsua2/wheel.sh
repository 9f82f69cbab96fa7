#!/bin/bash
# wheel.sh [--unpacked | --if-built]: prints the path of the own pjsua2 wheel, or of a folder that holds it unpacked for
# PYTHONPATH, or nothing where the wheel is yet to be built.
#
# It is built where the cache does not hold one of this recipe. PJPROJECT_TARBALL: a release of pjproject to build, instead
# of Debian's. PYTHON: the interpreter that it is for. SOFTPHONE_FLEET_CACHE: where the cache is.
#
# A tarball whose checksum is not in known.sha256 is told with a warning; with PJPROJECT_KNOWN_ONLY=1 it is refused.
set -euo pipefail
recipe=$(cd "$(dirname "$0")" && pwd)
cache=${SOFTPHONE_FLEET_CACHE:-$HOME/.cache/softphone-fleet}/pjsua2
PYTHON=$(command -v "${PYTHON:-python3}")
[[ $PYTHON = /* ]] || PYTHON=$PWD/$PYTHON
export PYTHON
tarball=${PJPROJECT_TARBALL:-}
key=$({
  cd "$recipe" && sha256sum -- *.sh *.cpp *.h *.i *.py patches/*.patch ../build-wheel.sh ../build-requirements.txt
  "$PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"), sysconfig.get_platform())'
  [ -z "$tarball" ] || sha256sum < "$tarball"
} | sha256sum | cut -c-12)
made=$cache/$key

# known CHECKSUM NAME
known() {
  ! grep -q "^$1 " "$recipe/known.sha256" || return 0
  echo "warning: $2 (sha256 $1) is not a pjproject that softphone-fleet was tested with: see images/pjsua2/README.md" >&2
  [ -z "${PJPROJECT_KNOWN_ONLY:-}" ]
}

if [ ! -e "$made/unpacked" ]; then
  [ "${1:-}" != --if-built ] || exit 0
  packages=()
  for package in g++ libssl-dev make patch swig uuid-dev xz-utils; do
    dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || packages+=("$package")
  done
  "$PYTHON" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
    || packages+=(python3-dev)
  if [ ${#packages[@]} -gt 0 ]; then
    echo "installing ${packages[*]}" >&2
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${packages[@]}"; } >/dev/null
  fi
  work=$made.part
  rm -rf "$work" "$made"
  mkdir -p "$work"
  [ -n "$tarball" ] || tarball=$("$recipe/source.sh" "$work/source" | tail -n 1)
  known "$(sha256sum < "$tarball" | cut -d' ' -f1)" "$(basename "$tarball")"
  "$recipe/build.sh" "$tarball" "$work/build" "$work/made" >&2
  "$PYTHON" -m zipfile -e "$work"/made/*.whl "$work/made/unpacked"
  "$PYTHON" -m compileall -q "$work/made/unpacked" # as in the image; to compile 8000 lines at each start takes time and 15 MB
  mv "$work/made" "$made"
  rm -rf "$work"
else
  told() { sed -n "s/^$1: //p" "$made"/unpacked/*.dist-info/METADATA; }
  known "$(told Tarball-SHA256)" "$(told Tarball)"
fi
if [ "${1:-}" = --unpacked ]; then echo "$made/unpacked"; else echo "$made"/*.whl; fi
