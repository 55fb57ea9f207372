#!/usr/bin/env bash
# The images of a release, in a registry.
#   publish.sh login              to REGISTRY, with REGISTRY_TOKEN
#   publish.sh push ARCH DIR      what `make image` has built here, as REGISTRY/tamis:VERSION-ARCH and VERSION-simple-ARCH; their
#                                 digests and bills of materials into DIR
#   publish.sh index DIR          one name, VERSION and VERSION-simple, for the digests of all architectures in DIR; each image is
#                                 signed and has its bill of materials attached. Prints bert=DIGEST and simple=DIGEST.
#   publish.sh digest VERSION     prints the digest that the registry has for it
# REGISTRY         host and path below which images lie, without a slash at the end
# REGISTRY_TOKEN   an OAuth 2.0 access token for it; without one, what Docker is logged in with holds
# COSIGN_OPTIONS   for signing with a key of one's own, as `--key FILE`; else the workflow's identity signs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

image=${REGISTRY:?names the registry}/tamis
read -ra cosign_options <<<"${COSIGN_OPTIONS:-}"
# As tags and files name them: with bert, and without.
variants=("" -simple)

login() {
    [[ -z ${REGISTRY_TOKEN:-} ]] ||
        docker login --username oauth2accesstoken --password-stdin "${REGISTRY%%/*}" <<<"$REGISTRY_TOKEN" >&2
}

# As JSON: what begins with {{.Manifest is printed for people.
digest() { docker buildx imagetools inspect --format '{{json .Manifest.Digest}}' "$image:$1" | tr -d '"'; }

push() {
    local architecture=$1 directory=$2 version variant tag container
    version=$(deploy/release/version.sh)
    mkdir -p "$directory"
    for variant in "${variants[@]}"; do
        tag=$image:$version$variant-$architecture
        docker tag "localhost/tamis:$version$variant" "$tag"
        docker push "$tag"
        digest "$version$variant-$architecture" >"$directory/image$variant-$architecture.digest"
        container=$(docker create "$tag")
        docker cp "$container:/licenses/tamis.cdx.json" "$directory/image$variant-$architecture.cdx.json"
        docker rm "$container" >/dev/null
    done
}

# sign REFERENCE [BILL]
sign() {
    cosign sign --yes "${cosign_options[@]}" "$1" >&2
    (($# < 2)) || cosign attest --yes "${cosign_options[@]}" --type cyclonedx --predicate "$2" "$1" >&2
}

index() {
    local directory=$1 version variant one bill whole
    version=$(deploy/release/version.sh)
    for variant in "${variants[@]}"; do
        local parts=()
        for one in amd64 arm64; do
            bill=$directory/image$variant-$one.cdx.json
            parts+=("$image@$(<"$directory/image$variant-$one.digest")")
            sign "${parts[-1]}" "$bill"
        done
        docker buildx imagetools create --tag "$image:$version$variant" "${parts[@]}" >&2
        whole=$(digest "$version$variant")
        sign "$image@$whole"
        variant=${variant#-}
        echo "${variant:-bert}=$whole"
    done
}

case ${1:-} in
    login) login ;;
    push) login && push "${2:?ARCH}" "${3:?DIR}" ;;
    index) login && index "${2:?DIR}" ;;
    digest) digest "${2:?VERSION}" ;;
    *)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
        exit 2
        ;;
esac
