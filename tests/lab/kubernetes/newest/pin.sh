#!/bin/bash
# pin.sh VERSION: writes go.mod and go.sum for another release of Kubernetes (1.36.3, say), with the Go that is found first.
#
# k8s.io/kubernetes asks for its parts as v0.0.0 and finds them by replace lines that hold for itself only. So each one's release must be
# named here: v0.X.Y goes with v1.X.Y. What these parts are, it says in its own go.mod.
set -euo pipefail
version=$1
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r ../src/. main.go "$work/"
mv "$work/main.go" "$work/lab-kubernetes/"
export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
its=$(cd "$work" && go mod download -json "k8s.io/kubernetes@v$version" | sed -nE 's/^\t"GoMod": "(.*)",?$/\1/p')
{
  printf 'module lab\n\ngo 1.26.0\n\ngodebug default=go1.26\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
  sed -nE "s#^\t(k8s\.io/[a-z-]+) => \./staging/.*#\t\1 => \1 v0.${version#1.}#p" "$its"
  echo ')'
} > "$work/go.mod"
# Not `go mod tidy`, which also asks for the modules of everybody's tests.
(cd "$work" && go list -deps ./... > /dev/null)
cp "$work/go.mod" "$work/go.sum" .
