#!/usr/bin/env bash
# version.sh             prints the version: that of Cargo.toml
# version.sh --check     fails where another file names another one
# version.sh VERSION     sets it everywhere but in docs/openapi.json, which `make documents` writes, and gives what
#                        CHANGELOG.md calls unreleased the version and today's date
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

current() { sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1; }

# FILE:LINE:VERSION of every place below deploy/ that names a version of the image: kustomize's newTag, and tamis:VERSION; of
# the image without bert too, VERSION-simple.
images() {
    # Not the first three numbers of an address.
    local number='[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(?![.\d])'
    { grep -rnoP --include='*.yaml' --include='*.yml' "(newTag: *\"?|tamis:)\K$number" deploy || (($? == 1)); } |
        sed 's/-simple$//'
}

check() {
    local version wrong=0 place
    version=$(current)
    while IFS= read -r place; do
        [[ ${place##*:} == "$version" ]] && continue
        echo "version.sh: ${place%:*} says ${place##*:}, Cargo.toml $version" >&2
        wrong=1
    done < <(
        awk '/^name = "tamis"$/ { getline; gsub(/version = |"/, ""); print "Cargo.lock:" FNR ":" $0 }' Cargo.lock
        sed -n 's#^  "version": "\(.*\)",$#docs/openapi.json:5:\1#p' docs/openapi.json
        images
    )
    return "$wrong"
}

set_to() {
    local version=$1 old file
    old=$(current)
    if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
        echo "version.sh: '$version' is no semantic version: MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRE" >&2
        exit 2
    fi
    if grep -qF "## [$version]" CHANGELOG.md; then
        echo "version.sh: CHANGELOG.md has a section [$version] already" >&2
        exit 1
    fi
    deploy/release/notes.sh Unreleased >/dev/null
    sed -i "s/^## \[Unreleased\]\$/&\n\n## [$version] - $(date -u +%F)/" CHANGELOG.md
    sed -i "0,/^version = /s/^version = .*/version = \"$version\"/" Cargo.toml
    sed -i "/^name = \"tamis\"\$/{n;s/.*/version = \"$version\"/}" Cargo.lock
    images | cut -d: -f1 | sort -u | while IFS= read -r file; do
        sed -i -E "s/(newTag: *\"?|tamis:)${old//./\\.}/\1$version/" "$file"
    done
    echo "version.sh: $version in place of $old; now: make documents, make test, commit, tag v$version"
}

case ${1:-} in
    "") current ;;
    --check) check ;;
    *) set_to "$1" ;;
esac
