#!/usr/bin/env bash
# Counts the instructions of a fixed amount of work (main.rs) under valgrind's callgrind and compares them to baseline.txt.
#
#   benches/instructions/run.sh            fails where a section takes over 2 % more instructions than the baseline
#   benches/instructions/run.sh --renew    writes the baseline anew: to be committed with the change that moves it
#
# The AVX2 kernels are counted: valgrind hides AVX-512 from the program. Counts depend on the compiler, so under another
# rustc than the baseline's the differences are printed, and nothing fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

tolerance=${TOLERANCE_PERCENT:-2}
baseline=benches/instructions/baseline.txt
compiler=$(rustc --version)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

command -v valgrind >/dev/null || { echo "instructions: valgrind is needed (Debian: apt-get install valgrind)" >&2; exit 2; }

# The default target-cpu, whatever the environment says: other instructions are other counts.
RUSTFLAGS='' CARGO_TERM_COLOR=never cargo bench --bench instructions --no-run 2>"$out/build" ||
    { cat "$out/build" >&2; exit 2; }
binary=$(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' "$out/build")

# Names on standard output, one file of counts a section, in the same order; the last file is what is left at exit.
POCKETREC_SIMD=avx2 valgrind --quiet --tool=callgrind --callgrind-out-file="$out/part" \
    --toggle-collect='*counted_work*' --dump-before='*write_counts*' "$binary" >"$out/names" 2>"$out/log" ||
    { cat "$out/log" >&2; exit 2; }
number=0
while read -r name; do
    number=$((number + 1))
    count=$(awk '/^(summary|totals):/ { print $2; exit }' "$out/part.$number")
    printf '%s\t%s\n' "$name" "$count"
done <"$out/names" >"$out/counts"

if [ "${1:-}" = --renew ]; then
    { echo "# Instructions of each section; renewed by benches/instructions/run.sh --renew"
      echo "# $compiler; $(valgrind --version); avx2"
      cat "$out/counts"; } >"$baseline"
    cat "$baseline"
    exit
fi

same_compiler=yes
if ! grep -qF "# $compiler;" "$baseline"; then
    same_compiler=no
    echo "instructions: NOT JUDGED, only shown: the baseline is of another compiler"
    echo "instructions: $(sed -n '2s/^# \([^;]*\);.*/\1/p' "$baseline"); this is $compiler"
fi

awk -F '\t' -v tolerance="$tolerance" '
    /^#/ { next }
    NR == FNR { before[$1] = $2; next }
    {
        seen[$1] = 1
        if (!($1 in before)) { printf "%-28s %12s %12d        new\n", $1, "-", $2; bad++; next }
        change = 100 * ($2 / before[$1] - 1)
        verdict = change > tolerance ? "  MORE" : (change < -tolerance ? "  less" : "")
        bad += change > tolerance
        printf "%-28s %12d %12d %+9.2f %%%s\n", $1, before[$1], $2, change, verdict
    }
    END {
        for (name in before) if (!(name in seen)) { printf "%-28s %12d %12s       gone\n", name, before[name], "-"; bad++ }
        exit bad > 0
    }' "$baseline" "$out/counts" && exit 0

echo "instructions: more than $tolerance % above the baseline, or other sections; where that is meant," >&2
echo "instructions: benches/instructions/run.sh --renew, and commit the baseline with the change" >&2
[ "$same_compiler" = no ]
