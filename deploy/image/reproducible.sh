#!/usr/bin/env bash
# Builds the image, and again from nothing, and fails unless both are the same to the last bit.
#   reproducible.sh [bert|simple]...    both, or one
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
# shellcheck source=SCRIPTDIR/local.sh
source deploy/image/local.sh
export BUILDER=local

# The identifiers are digests of the configuration, which has those of the layers.
identifiers() {
    container_tool buildah images --no-trunc --filter reference=localhost/tamis --format '{{.Name}}:{{.Tag}} {{.ID}}' | sort
}

deploy/image/build.sh "$@"
first=$(identifiers)
deploy/image/build.sh "$@" -- --no-cache
[[ $(identifiers) == "$first" ]] || {
    printf 'image: they differ:\n%s\n%s\n' "$first" "$(identifiers)" >&2
    exit 1
}
printf 'image: the same twice:\n%s\n' "$first"
