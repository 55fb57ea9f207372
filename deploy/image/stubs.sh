#!/bin/sh
# Writes empty sources where Cargo.toml names sources: with these cargo builds the dependencies, once for all that is built
# afterwards from the same Cargo.toml and Cargo.lock. Benches stay empty: an image needs none.
set -eu
mkdir -p src models benches
: >src/lib.rs
echo 'fn main() {}' >src/main.rs
echo 'fn main() {}' >models/build.rs
sed -n '/^\[\[bench\]\]$/{n;s/^name = "\(.*\)"$/\1/p;}' Cargo.toml | while read -r bench; do
    : >"benches/$bench.rs"
done
