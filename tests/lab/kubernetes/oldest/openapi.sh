#!/bin/bash
# openapi.sh GOPATH: generates the one generated file that the source package lacks.
set -euo pipefail
gopath=$1
. "$(dirname "$0")/go-env.sh"
cd "$gopath/src/k8s.io/kubernetes"
package=pkg/generated/openapi
file=$package/zz_generated.openapi.go
[ -s "$file" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
# Every folder that asks for it by a marker; what lies in staging/ is seen by the generator through vendor/.
folders=$(grep -rl --include='*.go' '+k8s:openapi-gen=' pkg cmd plugin staging/src/k8s.io |
  grep -vE '^staging/src/k8s.io/(code-generator|sample-apiserver)/|_test\.go$' |
  xargs -n1 dirname | sort -u |
  sed -E 's#^staging/src/#vendor/#; s#^#k8s.io/kubernetes/#' | paste -sd,)
"$work/openapi-gen" --input-dirs "$folders" --output-package "k8s.io/kubernetes/$package" --output-file-base zz_generated.openapi \
  --go-header-file hack/boilerplate/boilerplate.generatego.txt --output-base "$work/out" --report-filename "$work/violations"
cp "$work/out/k8s.io/kubernetes/$file" "$file"
