# shellcheck shell=bash
# To be sourced: buildah with a storage of our own, and the base image made there from what this machine has, for where no
# registry can be reached: Debian from the mirror that apt uses, and the machine's own Rust toolchain and crates, lent to the
# build. Needs root, debootstrap and buildah (`tests/tools.sh containers`).

# What it stores, some 4 GB, lies here alone.
containers=${TAMIS_CONTAINERS:-$root/target/containers}
tools=${TAMIS_TOOLS:-$root/.tools}

container_tool() {
    local name=$1
    shift
    "$tools/bin/$name" --root "$containers/storage" --runroot "$containers/run" --storage-driver overlay "$@"
}

# For the mirror of Debian that apt uses.
# shellcheck source=/dev/null
source "$root/tests/tools/common.sh"

# make_base IMAGE: what the Dockerfile uses of the official image of that name, unless it is there already.
make_base() {
    local image=$1 container mounted
    if container_tool buildah images --quiet "$image" >/dev/null 2>&1; then
        return
    fi
    echo "image: making the base $image"
    container=$(container_tool buildah from scratch)
    mounted=$(container_tool buildah mount "$container")
    "$tools/bin/debootstrap" --variant=minbase --include=ca-certificates,gcc,libc6-dev,make,python3 \
        bookworm "$mounted" "$(mirror)" >"$containers/debootstrap.log" || {
        tail -n 20 "$containers/debootstrap.log" >&2
        return 1
    }
    rm -rf "$mounted"/var/cache/apt/archives/*.deb "$mounted"/var/lib/apt/lists/* "$mounted"/usr/share/{doc,man,locale}
    container_tool buildah config --env CARGO_HOME=/usr/local/cargo \
        --env PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    container_tool buildah umount "$container" >/dev/null
    container_tool buildah commit --quiet --rm "$container" "localhost/$image" >/dev/null
}
