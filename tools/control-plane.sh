#!/bin/sh
# Build kube-apiserver and etcd from their Go modules, for the tests that ask a real API server.
# Usage: tools/control-plane.sh CACHE [VERSION...]
#
# Leaves CACHE/<version>/{etcd,kube-apiserver}, laid out as KUBEBUILDER_ASSETS is. About eight minutes a version on two
# cores, the first time only. Who has setup-envtest needs none of this.
set -eu
cache=$1
shift
[ $# -gt 0 ] || set -- v1.37.2 v1.34.4
etcd=v3.7.3

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

module() {  # module DIRECTORY GO-VERSION PACKAGE: a module whose only purpose is to build that package
    mkdir -p "$1"
    printf 'module controlplane\n\ngo %s\n' "$2" >"$1/go.mod"
    printf '//go:build tools\n\npackage tools\n\nimport _ "%s"\n' "$3" >"$1/tools.go"
}

build() {  # build DIRECTORY PACKAGE LDFLAGS OUTPUT
    (
        cd "$1"
        go mod tidy -e >tidy.log 2>&1 || { tail -5 tidy.log >&2; exit 1; }
        go build -mod=mod -trimpath -buildvcs=false -ldflags "-s -w $3" -o "$scratch/binary" "$2"
    )
    # Moved at the end, so that an interrupted build leaves nothing that looks finished.
    mv "$scratch/binary" "$4"
}

build_etcd() {
    module "$scratch/etcd" 1.24 go.etcd.io/etcd/server/v3
    printf 'require go.etcd.io/etcd/server/v3 %s\n' "$etcd" >>"$scratch/etcd/go.mod"
    build "$scratch/etcd" go.etcd.io/etcd/server/v3 "" "$1"
}

build_apiserver() {  # build_apiserver VERSION OUTPUT
    staging=v0.${1#v1.}
    described=$(cd "$scratch" && go mod download -json "k8s.io/kubernetes@$1")
    gomod=$(printf '%s\n' "$described" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    directory=$scratch/kube-apiserver-$1
    module "$directory" "$(sed -n 's/^go //p' "$gomod")" k8s.io/kubernetes/cmd/kube-apiserver
    {
        printf 'require k8s.io/kubernetes %s\n' "$1"
        # Kubernetes names its own modules by directories of its repository; they are published as v0.<minor>.<patch>.
        sed -n "s#^[[:space:]]*\(k8s.io/[a-z0-9-]*\) => ./staging/.*#replace \1 => \1 $staging#p" "$gomod"
    } >>"$directory/go.mod"
    version=k8s.io/component-base/version
    minor=${1#v1.}
    build "$directory" k8s.io/kubernetes/cmd/kube-apiserver \
        "-X $version.gitVersion=$1 -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}" "$2"
}

command -v go >/dev/null 2>&1 || { echo "control plane: there is no Go toolchain to build it with" >&2; exit 3; }
mkdir -p "$cache"
for version in "$@"; do
    assets=$cache/$version
    mkdir -p "$assets"
    if [ ! -x "$assets/etcd" ]; then
        other=$(find "$cache" -name etcd -type f -perm -u+x | head -n 1)
        if [ -n "$other" ]; then
            cp "$other" "$assets/etcd"
        else
            echo "control plane: building etcd $etcd from its Go module (once, about a minute)" >&2
            build_etcd "$assets/etcd"
        fi
    fi
    if [ ! -x "$assets/kube-apiserver" ]; then
        echo "control plane: building kube-apiserver $version from its Go module (once, about eight minutes)" >&2
        build_apiserver "$version" "$assets/kube-apiserver"
    fi
done
