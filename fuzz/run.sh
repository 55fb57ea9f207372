#!/usr/bin/env bash
# Fuzzes with libFuzzer: `fuzz/run.sh [TARGET [SECONDS]]`, all targets and a minute each by default. `fuzz/run.sh --merge [TARGET]`
# puts what was found into fuzz/corpus/, as few and short inputs as reach everything that is reached.
#
# Needs no cargo-fuzz and no nightly: what it would pass to rustc is below. What runs, grows and crashes lies in target/fuzz/.
# SANITIZER=none leaves AddressSanitizer out, which doubles the speed; JOBS=N runs N processes on one corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizer=${SANITIZER:-address}
host=$(rustc --print host-tuple)
# Of the targets' code and of all they link: edges, comparisons, and the table from edges to places.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
if [[ $sanitizer != none ]]; then flags+=" -Zsanitizer=$sanitizer"; fi
export RUSTFLAGS="$flags --cfg fuzzing" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$PWD/target/fuzz/$sanitizer
# Memory that stays with the thread is no leak, and a file may say that it is larger than memory is.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1}

merge=
if [[ ${1:-} == --merge ]]; then merge=1; shift; fi
targets=${1:-$(cd fuzz/fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//')}
seconds=${2:-60}

# With a target named, cargo instruments what runs and not the build scripts.
# shellcheck disable=SC2046 # one argument a target
cargo build --locked --release --manifest-path fuzz/Cargo.toml --target "$host" $(printf -- '--bin %s ' $targets)

for target in $targets; do
  binary=$CARGO_TARGET_DIR/$host/release/$target
  grown=target/fuzz/corpus/$target
  mkdir -p "$grown" "target/fuzz/artifacts/$target"
  if [[ -n $merge ]]; then
    fuzz/merge.py "$binary" "fuzz/corpus/$target" "$grown"
    continue
  fi
  printf '==> %s, %d s\n' "$target" "$seconds"
  "$binary" "$grown" "fuzz/corpus/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=8192 \
    -artifact_prefix="target/fuzz/artifacts/$target/" -print_final_stats=1 ${JOBS:+-fork="$JOBS"}
done
