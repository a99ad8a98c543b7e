#!/bin/sh
# Put a pinned kustomize into TOOLS/bin, unless `kustomize` is on PATH already.
# Usage: tools/kustomize.sh TOOLS
#
# The official release is downloaded and compared with the SHA-256 below (from the release's checksums.txt). Where it
# cannot be had, a Go toolchain builds the same version from its module, which Go's checksum database vouches for.
set -eu
version=5.8.1
tools=$1

case "$(uname -s)_$(uname -m)" in
    Linux_x86_64 | Linux_amd64) platform=linux_amd64 sha256=029a7f0f4e1932c52a0476cf02a0fd855c0bb85694b82c338fc648dcb53a819d ;;
    Linux_aarch64 | Linux_arm64) platform=linux_arm64 sha256=0953ea3e476f66d6ddfcd911d750f5167b9365aa9491b2326398e289fef2c142 ;;
    Darwin_x86_64) platform=darwin_amd64 sha256=ee7cf0c1e3592aa7bb66ba82b359933a95e7f2e0b36e5f53ed0a4535b017f2f8 ;;
    Darwin_arm64) platform=darwin_arm64 sha256=8886f8a78474e608cc81234f729fda188a9767da23e28925802f00ece2bab288 ;;
    *) platform='' sha256='' ;;
esac
archive="kustomize_v${version}_${platform}.tar.gz"
url="https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv${version}/${archive}"

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

download() {
    [ -n "$platform" ] && command -v curl >/dev/null 2>&1 || return 1
    curl --fail --silent --location --proto '=https' --connect-timeout 10 --max-time 180 \
        --output "$scratch/$archive" "$url" || return 1
    if [ "$(digest "$scratch/$archive")" != "$sha256" ]; then
        # Not a reason to try the next way: somebody should look at it.
        echo "kustomize: $archive does not have the checksum that tools/kustomize.sh expects; it was thrown away" >&2
        exit 1
    fi
    tar -xzf "$scratch/$archive" -C "$scratch" kustomize && mv "$scratch/kustomize" "$tools/bin/kustomize"
}

build() {
    command -v go >/dev/null 2>&1 || return 1
    echo "kustomize: building $version from its Go module (once, about a minute)" >&2
    GOBIN="$scratch" go install "sigs.k8s.io/kustomize/kustomize/v5@v$version" || return 1
    mv "$scratch/kustomize" "$tools/bin/kustomize"
}

command -v kustomize >/dev/null 2>&1 && exit 0
[ -x "$tools/bin/kustomize" ] && exit 0
mkdir -p "$tools/bin"
scratch=$(mktemp -d "$tools/kustomize.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
download || build || {
    echo "kustomize: neither downloaded nor built; install it yourself (https://kubectl.docs.kubernetes.io/installation/kustomize/) and put it on PATH" >&2
    exit 1
}
