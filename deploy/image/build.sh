#!/usr/bin/env bash
# Builds the image, as localhost/tamis:VERSION with bert and as localhost/tamis:VERSION-simple without.
#   build.sh [bert|simple]... [-- OPTION...]    both at once, or one; options go to the builder, as --no-cache does
# DOCKER       what builds where it answers: docker (the default), podman, or a command with options
# BUILDER      docker or local: that, or buildah of .tools over a base made from this machine (local.sh); by default local
#              where DOCKER does not answer
# TARGET_CPU   x86-64-v3 (the default), or empty for every x86-64
# SOURCE_DATE_EPOCH   the time of all that is in it; the commit's
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
read -ra docker <<<"${DOCKER:-docker}"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    --build-arg "SOURCE_DATE_EPOCH=$epoch" --build-arg "TARGET_CPU=${TARGET_CPU-x86-64-v3}")

# Health checks are of Docker's format, which podman and buildah make where they are told: OCI's has none.
export BUILDAH_FORMAT=docker

variants=()
while (($#)) && [[ $1 != -- ]]; do
    [[ $1 == bert || $1 == simple ]] || {
        echo "there is bert and simple, no $1" >&2
        exit 2
    }
    variants+=("$1")
    shift
done
shift $(($# > 0))
((${#variants[@]})) || variants=(bert simple)

if [[ -z ${BUILDER:-} ]]; then
    BUILDER=local
    ! "${docker[@]}" info >/dev/null 2>&1 || BUILDER=docker
fi

if [[ $BUILDER == local ]]; then
    # shellcheck source=SCRIPTDIR/local.sh
    source deploy/image/local.sh
    toolchain=$(rustc --print sysroot)
    rust=$(rustc --version | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
    cargo=${CARGO_HOME:-$HOME/.cargo}
    mkdir -p "$containers" "$cargo/registry"
    make_base "rust:$rust-bookworm"
    arguments+=(--build-arg "RUST_VERSION=$rust" --volume "$toolchain:/usr/local/rust:ro"
        --volume "$cargo/registry:/usr/local/cargo/registry" --volume /etc/ssl/certs:/etc/ssl/certs:ro)
    for settings in config config.toml; do
        [[ ! -f $cargo/$settings ]] || arguments+=(--volume "$cargo/$settings:/usr/local/cargo/$settings:ro")
    done
fi

# Together: each has times at which it keeps one core busy and no more.
if ((${#variants[@]} > 1)); then
    export BUILDER
    # shellcheck disable=SC2016 # what stands in quotes is the inner shell's
    printf '%s\n' "${variants[@]}" | xargs -P 0 -I VARIANT bash -o pipefail -c '"$@" 2>&1 | sed --unbuffered "s/^/$2: /"' \
        build deploy/image/build.sh VARIANT -- "$@"
    exit
fi

variant=${variants[0]}
tag=localhost/tamis:$version
features=bert
[[ $variant == bert ]] || { tag+=-$variant; features=; }
begin=$SECONDS
if [[ $BUILDER == local ]]; then
    container_tool buildah bud --layers --force-rm --isolation chroot --pull-never --timestamp "$epoch" \
        "${arguments[@]}" --build-arg "FEATURES=$features" "$@" --tag "$tag" .
else
    "${docker[@]}" build "${arguments[@]}" --build-arg "FEATURES=$features" "$@" --tag "$tag" .
fi
echo "image: $tag, $((SECONDS - begin)) s"
