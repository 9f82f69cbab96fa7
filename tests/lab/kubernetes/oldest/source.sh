#!/bin/bash
# source.sh GOPATH: puts Debian's source package `kubernetes` (1.20, with its vendor/ folder) into GOPATH, with Debian's patches applied.
#
# The machine's own apt sources decide where it comes from: they are copied into a private list as deb-src,
# so /etc/apt is not changed and no address is written down here.
set -euo pipefail
gopath=$1
tree=$gopath/src/k8s.io/kubernetes
[ -e "$tree/.unpacked" ] && exit 0

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/parts" "$gopath/src/k8s.io"
for file in /etc/apt/sources.list.d/*.sources; do
  [ -e "$file" ] && sed -E 's/^Types:.*/Types: deb-src/' "$file" > "$apt/parts/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$file" ] && sed -nE 's/^deb /deb-src /p' "$file" > "$apt/parts/$(basename "$file" .list).list"
done
options=(-o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts"
  -o "Dir::State::lists=$apt/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
# A foreign source without deb-src must not stop us; a missing `kubernetes` does, in the next command.
apt-get -qq "${options[@]}" update || true

cd "$gopath"
rm -rf kubernetes-*/ "$tree"
apt-get -qq "${options[@]}" source kubernetes
mv kubernetes-*/ "$tree"
rm -f kubernetes_*

# The vendored reflect2 1.0.1 panics on map types when compiled by Go >= 1.18: ConfigMaps, Secrets and CRDs
# would bring the API server down. Debian packages 1.0.2, which fits in its place.
reflect2=vendor/github.com/modern-go/reflect2
rm -rf "${tree:?}/$reflect2"
cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 "$tree/$reflect2"
touch "$tree/.unpacked"
