#!/usr/bin/env bash
# Builds all fuzz targets and runs each: fuzz/run.sh [SECONDS [RUNS [TARGET ...]]]
#
# It takes the stable toolchain and a C++ compiler: the flags are cargo-fuzz's for coverage, without a sanitizer, which
# would take a nightly one (see README.md). The seed is fixed, and the corpus begins with what lies in seeds/.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-10} runs=${2:--1}
shift $(($# < 2 ? $# : 2))
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(basename -s .rs -a fuzz_targets/*.rs | grep -v '^common$')
host=$(rustc -vV | sed -n 's/^host: //p')
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# With a target named the flags are for the target's code alone, not for build scripts.
RUSTFLAGS="$flags" cargo build --locked --release --target "$host"
for target in "${targets[@]}"; do
    corpus=target/corpus/$target
    mkdir -p "$corpus"
    printf '\n=== %s\n' "$target"
    # A unit that takes 10 s or 1 GB is a fault like any other.
    "target/$host/release/$target" "$corpus" "seeds/$target" -seed=1 -max_total_time="$seconds" -runs="$runs" \
        -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 -verbosity=0 -artifact_prefix=target/
done
