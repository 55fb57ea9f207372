#!/bin/sh
# Writes empty sources where Cargo.toml names sources: with these cargo builds the dependencies, once for all that is built
# afterwards from the same Cargo.toml and Cargo.lock. Benches and tests stay empty: an image needs none.
set -eu
mkdir -p src models benches tests
: >src/lib.rs
echo 'fn main() {}' >src/main.rs
echo 'fn main() {}' >models/build.rs
stub() {
    sed -n "/^\[\[$1\]\]\$/{n;s/^name = \"\(.*\)\"\$/\1/p;}" Cargo.toml | while read -r name; do
        : >"$2/$name.rs"
    done
}
stub bench benches
stub test tests
