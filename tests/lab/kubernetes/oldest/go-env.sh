# Sourced with $gopath set: the Go settings under which the Kubernetes 1.20 source builds.
# GOPATH mode, because its vendor/ folder fails the consistency checks of module mode since Go 1.16.
export GOPATH=$gopath GOCACHE=$gopath/cache GO111MODULE=off CGO_ENABLED=0 GOFLAGS= PATH=/usr/lib/go-1.19/bin:$PATH
