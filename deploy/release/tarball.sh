#!/usr/bin/env bash
# tarball.sh BINARY PLATFORM DIRECTORY: DIRECTORY/tamis-VERSION-PLATFORM.tar.gz and its .sha256, with the binary, its manual
# pages and completions as it prints them, the hardened unit, an example of its settings, the licences of all that is in it
# and the list of that (CycloneDX). It is laid out to be unpacked over /usr/local. Of the same binary and SOURCE_DATE_EPOCH
# come the same bytes. The binary must run here.
set -euo pipefail

if (($# != 3)); then
    echo "usage: tarball.sh BINARY PLATFORM DIRECTORY" >&2
    exit 2
fi
binary=$(realpath "$1")
platform=$2
mkdir -p "$3"
directory=$(realpath "$3")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$(deploy/release/version.sh)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
if [[ $("$binary" --version) != "tamis $version" ]]; then
    echo "tarball.sh: $binary is $("$binary" --version), Cargo.toml says $version" >&2
    exit 1
fi

name=tamis-$version-$platform
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name

# put MODE SOURCE PATH: PATH below the root, with its directories. SOURCE may be /dev/stdin.
put() { install -D --mode="$1" "$2" "$root/$3"; }

# As the page of tamis refers to their pages; `--help` is laid out for the width of a terminal.
commands() { "$binary" man | sed -n 's/\\-/-/g; s/^tamis-\([a-z-]*\)(1)$/\1/p' | grep -vx help; }

put 755 "$binary" bin/tamis
"$binary" man | put 644 /dev/stdin share/man/man1/tamis.1
for command in $(commands); do
    "$binary" man "$command" | put 644 /dev/stdin "share/man/man1/tamis-$command.1"
done
"$binary" completions bash | put 644 /dev/stdin share/bash-completion/completions/tamis
"$binary" completions zsh | put 644 /dev/stdin share/zsh/site-functions/_tamis
"$binary" completions fish | put 644 /dev/stdin share/fish/vendor_completions.d/tamis.fish
put 644 deploy/systemd/tamis.service lib/systemd/system/tamis.service
put 644 deploy/systemd/tamis.env share/doc/tamis/tamis.env
for file in LICENSE README.md CHANGELOG.md; do
    put 644 "$file" "share/doc/tamis/$file"
done
python3 deploy/release/inventory.py --features bert \
    --sbom "$work/tamis.cdx.json" --notices "$work/THIRD-PARTY-NOTICES.txt"
put 644 "$work/tamis.cdx.json" share/doc/tamis/tamis.cdx.json
put 644 "$work/THIRD-PARTY-NOTICES.txt" share/doc/tamis/THIRD-PARTY-NOTICES.txt

# Directories as install(1) made them; names sorted, nobody's, of one time.
find "$root" -type d -exec chmod 755 {} +
tar --create --directory "$work" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" "$name" |
    gzip --no-name -9 >"$directory/$name.tar.gz"
(cd "$directory" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "tarball.sh: $directory/$name.tar.gz, $(stat --format=%s "$directory/$name.tar.gz") bytes"
