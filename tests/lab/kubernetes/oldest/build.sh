#!/bin/bash
# build.sh GOPATH BIN: builds lab-kubernetes (all components of the cluster in one file, see main.go) and lab-pause into BIN,
# static, stripped, without cloud providers and dockershim; the components' names are links to it.
set -euo pipefail
gopath=$1 bin=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/go-env.sh"
tree=$gopath/src/k8s.io/kubernetes
# Inside the tree, so that the programs see its vendor/ folder.
rm -rf "$tree/cmd/lab-kubernetes" "$tree/cmd/lab-pause"
cp -r "$here/../src/lab-kubernetes" "$here/../src/lab-pause" "$tree/cmd/"
cp "$here/main.go" "$tree/cmd/lab-kubernetes/"
cd "$tree"

flags='-s -w'
for package in k8s.io/kubernetes/vendor/k8s.io/{client-go/pkg,component-base}/version; do
  for pair in gitVersion=v1.20.2 gitMajor=1 gitMinor=20 gitTreeState=archive gitCommit=debian buildDate=1970-01-01T00:00:00Z; do
    flags+=" -X $package.$pair"
  done
done
mkdir -p "$bin"
for program in lab-pause lab-kubernetes; do
  go build -trimpath -tags 'providerless dockerless' -ldflags "$flags" -o "$bin/$program" "k8s.io/kubernetes/cmd/$program"
done
for component in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy cluster-dns; do
  ln -sf lab-kubernetes "$bin/$component"
done
