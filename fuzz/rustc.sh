#!/usr/bin/env bash
# Stands before rustc when fuzz/run.sh builds: what reads bytes from outside is instrumented, the rest is compiled as always. tract alone would
# take longer to instrument than all the others to compile, and its counters longer to read after each input than most inputs take.
#
# Coverage: 8-bit counters for each edge, comparisons, and the table from edges to places, as libFuzzer reads them.
set -euo pipefail
name= previous=
for word in "$@"; do
  if [[ $previous == --crate-name ]]; then name=$word; fi
  previous=$word
done
case $name in
  tamis | tamis_fuzz | simd_json | hyper | httparse | h2)
    exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
  *) exec "$@" ;;
esac
