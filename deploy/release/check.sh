#!/usr/bin/env bash
# check.sh TAG: whether this tree may be released under the tag: it is "v" and the version of Cargo.toml, every file that
# names the version names this one, and CHANGELOG.md has a dated section with notes. Says all that is wrong; exits with 1 then.
set -euo pipefail

tag=${1:?usage: check.sh TAG}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
wrong=0

complain() {
    echo "check.sh: $*" >&2
    wrong=1
}

version=$("$here/version.sh")
[[ $tag == "v$version" ]] || complain "the tag is $tag, the version of Cargo.toml $version"
"$here/version.sh" --check || wrong=1
grep -Eq "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}\$" CHANGELOG.md ||
    complain "CHANGELOG.md has no line '## [$version] - YYYY-MM-DD'"
"$here/notes.sh" "$version" >/dev/null || wrong=1
exit "$wrong"
