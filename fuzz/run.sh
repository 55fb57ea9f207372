#!/usr/bin/env bash
# Fuzzes with libFuzzer: `fuzz/run.sh [TARGET [SECONDS]]`, all targets and a minute each by default. `fuzz/run.sh --merge [TARGET]`
# puts what was found into fuzz/corpus/, as few and short inputs as reach what is reached.
#
# Needs no cargo-fuzz and no nightly: fuzz/rustc.sh says to rustc what they would. What is built, grows and crashes lies in target/fuzz/.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTC_WRAPPER=$PWD/fuzz/rustc.sh CARGO_TARGET_DIR=$PWD/target/fuzz
merge=
if [[ ${1:-} == --merge ]]; then merge=1; shift; fi
targets=${1:-$(cd fuzz/fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//')}
seconds=${2:-60}

# shellcheck disable=SC2046,SC2086 # one argument a target
cargo build --locked --manifest-path fuzz/Cargo.toml $(printf -- '--bin %s ' $targets)

failed=()
for target in $targets; do
  binary=$CARGO_TARGET_DIR/debug/$target
  grown=target/fuzz/corpus/$target
  mkdir -p "$grown" "target/fuzz/artifacts/$target"
  if [[ -n $merge ]]; then
    fuzz/merge.py "$binary" "fuzz/corpus/$target" "$grown"
    continue
  fi
  printf '==> %s, %d s\n' "$target" "$seconds"
  "$binary" "$grown" "fuzz/corpus/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=8192 \
    -artifact_prefix="target/fuzz/artifacts/$target/" -print_final_stats=1 || failed+=("$target")
done
if ((${#failed[@]})); then
  printf 'found something: %s; what did it lies in target/fuzz/artifacts/\n' "${failed[*]}" >&2
  exit 1
fi
