#!/usr/bin/env bash
# notes.sh VERSION: what CHANGELOG.md says of a version, without its heading: the notes of a release. Exits with 1 if it
# says nothing.
set -euo pipefail

version=${1:?usage: notes.sh VERSION}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# From the heading of the version to the next one; empty lines at both ends go.
notes=$(awk -v heading="## [$version]" '
    /^## / { if (within) exit; within = index($0, heading) == 1; next }
    within && (NF || begun) { begun = 1; print }' CHANGELOG.md)
if [[ -z $notes ]]; then
    echo "notes.sh: CHANGELOG.md has no section [$version], or an empty one" >&2
    exit 1
fi
printf '%s\n' "$notes"
