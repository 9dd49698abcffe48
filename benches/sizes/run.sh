#!/usr/bin/env bash
# Builds the shared library for C as the README's section on small builds does, and compares its size to baseline.txt.
#
#   benches/sizes/run.sh            fails where a library is over 2 % larger than in the baseline
#   benches/sizes/run.sh --renew    writes the baseline anew: to be committed with the change that moves it
#
# What is loaded is counted: in a file for ARM segments lie 64 KB apart, so that it grows by nothing or by that.
# x86-64 always; aarch64 where Debian's cross linker and standard library are there (.ci/run installs them). Sizes depend on
# the compiler, so under another rustc than the baseline's the differences are printed, and nothing fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

tolerance=${TOLERANCE_PERCENT:-2}
baseline=benches/sizes/baseline.txt
target=${CARGO_TARGET_DIR:-target}
export CARGO_TERM_COLOR=never
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The command in the README, word for word.
command=$(sed -n '/^### Small builds/,/^### /p' README.md | grep -m1 '^cargo rustc --profile small')
[ -n "$command" ] || { echo "sizes: the README has no command for a small library" >&2; exit 2; }

# build NAME COMPILER FOLDER: what is in the environment decides the rest.
build() {
    RUSTFLAGS='' $command ${3:+--target $3} 2>"$out/build" || { cat "$out/build" >&2; exit 2; }
    local bytes=0 segment
    for segment in $(readelf -lW "$target/${3:+$3/}small/libpocketrec.so" | awk '$1 == "LOAD" { print $5 }'); do
        bytes=$((bytes + segment))
    done
    printf '%s\t%d\t%s\n' "$1" "$bytes" "$2"
}

{
    build "x86-64" "$(rustc --version)" "" 
    arm=aarch64-unknown-linux-gnu
    if command -v aarch64-linux-gnu-gcc >/dev/null && [ -d /usr/lib/rustlib/$arm ]; then
        # Debian's toolchain stays apart from the one in PATH.
        export RUSTC=/usr/bin/rustc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
        command=${command/#cargo//usr/bin/cargo}
        build "aarch64" "$(/usr/bin/rustc --version)" $arm
    else
        echo "sizes: aarch64 was not built: no cross linker, or no standard library for it" >&2
    fi
} >"$out/sizes"

if [ "${1:-}" = --renew ]; then
    { echo "# Bytes of the shared library for C that are loaded: profile small, features of the README; renewed by benches/sizes/run.sh --renew"
      cat "$out/sizes"; } >"$baseline"
    cat "$baseline"
    exit
fi

awk -F '\t' -v tolerance="$tolerance" '
    /^#/ { next }
    NR == FNR { before[$1] = $2; compiler[$1] = $3; next }
    {
        if (!($1 in before)) { printf "%-10s %10s %10d        new\n", $1, "-", $2; bad++; next }
        change = 100 * ($2 / before[$1] - 1)
        judged = compiler[$1] == $3
        verdict = change > tolerance ? "  MORE" : (change < -tolerance ? "  less" : "")
        if (!judged) verdict = verdict "  not judged: the baseline is of " compiler[$1] ", this is " $3
        bad += judged && change > tolerance
        printf "%-10s %10d %10d %+9.2f %%%s\n", $1, before[$1], $2, change, verdict
    }
    END { exit bad > 0 }' "$baseline" "$out/sizes" && exit 0

echo "sizes: more than $tolerance % above the baseline; where that is meant, benches/sizes/run.sh --renew, and commit the baseline" >&2
exit 1
