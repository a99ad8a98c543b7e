#!/bin/sh
# Put a pinned kustomize into TOOLS/bin, unless `kustomize` is on PATH already.
# Usage: tools/kustomize.sh TOOLS
#
# With a Go toolchain it is built from its Go module, which the checksum database vouches for. Without one, the
# official release is downloaded and compared with the checksum below.
set -eu
version=5.8.1
tools=$1
command -v kustomize >/dev/null 2>&1 && exit 0
mkdir -p "$tools/bin"
if command -v go >/dev/null 2>&1; then
    echo "building kustomize $version from its Go module (once, about a minute)" >&2
    GOBIN="$tools/bin" GOFLAGS= go install "sigs.k8s.io/kustomize/kustomize/v5@v$version" && exit 0
fi
