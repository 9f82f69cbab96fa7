#!/bin/bash
# sid.sh FOLDER PACKAGE...: unpacks packages of Debian sid into FOLDER. Nothing is installed, and /etc/apt stays as it is.
#
# The machine's own apt sources decide where they come from.
set -euo pipefail
folder=$1
shift
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/debs"
: > "$apt/status"
"$(dirname "$0")/../../sid-sources.sh" "$apt/parts"
options=(-qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts" -o Dir::Etc::preferencesparts=/dev/null
  -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache::archives=$apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o APT::Default-Release=)
apt-get "${options[@]}" update
(cd "$apt/debs" && apt-get "${options[@]}" download "$@")
rm -rf "$folder" "$folder.part"
mkdir -p "$folder.part" # dpkg-deb makes the last folder only; on a fresh machine the cache is not there yet
for deb in "$apt"/debs/*.deb; do
  dpkg-deb --extract "$deb" "$folder.part"
done
rm -rf "$folder.part/usr/share"
mv "$folder.part" "$folder"
