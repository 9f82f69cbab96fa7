#!/bin/bash
# sid.sh FOLDER PACKAGE...: unpacks packages of Debian sid into FOLDER. Nothing is installed, and /etc/apt stays as it is.
#
# The machine's own apt sources decide where they come from: those of its release are copied into a private list, as sources of sid.
set -euo pipefail
folder=$1
shift
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts" "$apt/debs"
: > "$apt/status"
shopt -s nullglob
for file in /etc/apt/sources.list.d/*.sources; do
  # Paragraphs, of which those count that name the release itself, not its updates.
  sed '/^#/d' "$file" | awk -v RS= -v ORS='\n\n' -v release="$release" '
    ("\n" $0 "\n") ~ ("\nSuites:([^\n]*[ \t])?" release "[ \t\n]") && $0 !~ /(^|\n)Enabled:[ \t]*no/ {
      gsub(/(^|\n)(Types|Suites|Components):[^\n]*/, "")
      sub(/^\n/, "")
      print "Types: deb\nSuites: sid\nComponents: main\n" $0
    }' > "$apt/parts/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ ! -e "$file" ] || sed -nE "s#^deb[ \t]+((\[[^]]*\][ \t]+)?[^ \t]+)[ \t]+$release[ \t].*#deb \1 sid main#p" "$file" > "$apt/parts/$(basename "$file" .list).list"
done
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
