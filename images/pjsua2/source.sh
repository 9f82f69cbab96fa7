#!/bin/bash
# source.sh FOLDER: puts pjproject's tarball into FOLDER, as Debian's source package `asterisk` carries it, and prints its path.
#
# That package is in Debian's unstable distribution only. The machine's own apt sources tell where Debian's packages come
# from, so no address is written down here: they are copied into a private list as deb-src of `sid`, and /etc/apt stays as it is.
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
shopt -s nullglob
for file in /etc/apt/sources.list.d/*.sources; do
  # A paragraph is a source. Those that do not have this release itself (updates, strangers) are left out.
  sed '/^#/d' "$file" | awk -v RS= -v ORS='\n\n' -v release="$release" '
    "\n" $0 "\n" ~ "\nSuites:([^\n]*[ \t])?" release "[ \t\n]" {
      gsub(/(^|\n)(Types|Suites|Components):[^\n]*/, "")
      sub(/^\n/, "")
      print "Types: deb-src\nSuites: sid\nComponents: main\n" $0
    }' > "$apt/parts/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$file" ] && sed -nE "s/^deb +(\[[^]]*\] +)?([^ ]+) +$release +.*\bmain\b.*/deb-src \1\2 sid main/p" "$file" \
    > "$apt/parts/$(basename "$file" .list).list"
done
options=(-o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts"
  -o "Dir::State::lists=$apt/lists" -o "Dir::Cache::archives=$apt/archives" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
apt-get -qq "${options[@]}" update >&2
cd "$folder"
rm -f asterisk_*
apt-get -qq "${options[@]}" source --download-only asterisk >&2 || true
found=("$folder"/asterisk_*.orig-Xpjproject.tar.*)
if [ ${#found[@]} = 0 ]; then
  echo "no pjproject came with Debian's source package asterisk: give a release of pjproject as PJPROJECT_TARBALL" >&2
  exit 1
fi
echo "${found[0]}"
