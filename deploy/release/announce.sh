#!/usr/bin/env bash
# announce.sh TAG DIRECTORY BERT SIMPLE: the GitHub release of a tag, with every file of DIRECTORY, one file of their checksums,
# signed, and as notes what CHANGELOG.md says and the digests of the two images. A version with a hyphen is a prerelease.
# REGISTRY         as in publish.sh
# COSIGN_OPTIONS   as in publish.sh
set -euo pipefail

if (($# != 4)); then
    echo "usage: announce.sh TAG DIRECTORY BERT SIMPLE" >&2
    exit 2
fi
tag=$1
directory=$2
bert=$3
simple=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$("$here/version.sh")
read -ra cosign_options <<<"${COSIGN_OPTIONS:-}"
"$here/check.sh" "$tag"

cat "$directory"/*.sha256 >"$directory/SHA256SUMS"
(cd "$directory" && sha256sum --check --strict --quiet SHA256SUMS)
cosign sign-blob --yes "${cosign_options[@]}" --bundle "$directory/SHA256SUMS.sigstore.json" "$directory/SHA256SUMS"

notes=$(mktemp)
trap 'rm -f "$notes"' EXIT
cat >"$notes" <<NOTES
$("$here/notes.sh" "$version")

### Images

    ${REGISTRY:?names the registry}/tamis:$version@$bert
    $REGISTRY/tamis:$version-simple@$simple
NOTES
kind=()
[[ $version != *-* ]] || kind=(--prerelease)
gh release create "$tag" --verify-tag --title "tamis $version" --notes-file "$notes" "${kind[@]}" "$directory"/*
