#!/bin/sh
# Put a pinned helm into TOOLS/bin, unless `helm` is on PATH already.
# Usage: tools/helm.sh TOOLS
#
# The official release is downloaded and compared with the SHA-256 that Helm publishes beside it over HTTPS. Where it
# cannot be had, a Go toolchain builds the same version from its module, which Go's checksum database vouches for.
set -eu
version=3.19.2
tools=$1

case "$(uname -s)_$(uname -m)" in
    Linux_x86_64 | Linux_amd64) platform=linux-amd64 ;;
    Linux_aarch64 | Linux_arm64) platform=linux-arm64 ;;
    Darwin_x86_64) platform=darwin-amd64 ;;
    Darwin_arm64) platform=darwin-arm64 ;;
    *) platform='' ;;
esac
archive="helm-v${version}-${platform}.tar.gz"
url="https://get.helm.sh/${archive}"

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

fetch() {
    curl --fail --silent --location --proto '=https' --connect-timeout 10 --max-time 180 --output "$2" "$1"
}

download() {
    [ -n "$platform" ] && command -v curl >/dev/null 2>&1 || return 1
    fetch "$url" "$scratch/$archive" && fetch "$url.sha256sum" "$scratch/sum" || return 1
    if [ "$(digest "$scratch/$archive")" != "$(cut -d ' ' -f 1 "$scratch/sum")" ]; then
        # Not a reason to try the next way: somebody should look at it.
        echo "helm: $archive does not have its published checksum; it was thrown away" >&2
        exit 1
    fi
    tar -xzf "$scratch/$archive" -C "$scratch" "$platform/helm" && mv "$scratch/$platform/helm" "$tools/bin/helm"
}

build() {
    command -v go >/dev/null 2>&1 || return 1
    echo "helm: building $version from its Go module (once, about two minutes)" >&2
    GOBIN="$scratch" go install "helm.sh/helm/v3/cmd/helm@v$version" || return 1
    mv "$scratch/helm" "$tools/bin/helm"
}

command -v helm >/dev/null 2>&1 && exit 0
[ -x "$tools/bin/helm" ] && exit 0
mkdir -p "$tools/bin"
scratch=$(mktemp -d "$tools/helm.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
download || build || {
    echo "helm: neither downloaded nor built; install it yourself (https://helm.sh/docs/intro/install/) and put it on PATH" >&2
    exit 1
}
