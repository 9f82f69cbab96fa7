#!/bin/bash
# build.sh GO FOLDER BIN: builds lab-kubernetes (all components of the cluster in one file, see main.go) and lab-pause into BIN, static and
# stripped, with the compiler GO; the components' names are links to it. FOLDER holds the modules and what was compiled.
set -euo pipefail
go=$1 folder=$2 bin=$3
here=$(cd "$(dirname "$0")" && pwd)
export GOMODCACHE=$folder/modules GOCACHE=$folder/cache GOFLAGS='-mod=readonly -modcacherw -trimpath' GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
rm -rf "$folder/source"
mkdir -p "$folder/source" "$bin"
cp -r "$here/../src/." "$here/go.mod" "$here/go.sum" "$folder/source/"
cp "$here/main.go" "$folder/source/lab-kubernetes/"
cd "$folder/source"

version=$("$go" list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
flags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  for pair in gitVersion="$version" gitMajor=1 gitMinor="${minor%%.*}" gitTreeState=archive gitCommit=module buildDate=1970-01-01T00:00:00Z; do
    flags+=" -X $package.$pair"
  done
done
"$go" build -ldflags "$flags" -o "$bin/" ./lab-pause ./lab-kubernetes
for component in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy cluster-dns; do
  ln -sf lab-kubernetes "$bin/$component"
done
