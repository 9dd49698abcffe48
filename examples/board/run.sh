#!/usr/bin/env bash
# Trains a model on this machine, builds the program with it for a Cortex-M4, and runs it in qemu. The answers must be those that
# this machine gives, to the bit; heap, flash and instructions are compared to baseline.txt.
#
#   examples/board/run.sh            fails where one is over 2 % more than in the baseline
#   examples/board/run.sh --renew    writes the baseline anew: to be committed with the change that moves it
#
# Takes qemu-system-arm, and either rustup's target thumbv7em-none-eabihf or Debian's packages rustc-web, cargo-web and rust-web-src.
# Counts depend on the compiler: under another than the baseline's they are printed, and nothing fails.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TERM_COLOR=never
tolerance=${TOLERANCE_PERCENT:-2}
target=thumbv7em-none-eabihf

# This machine's part, with plain lanes as on the board: no instruction set is looked for without std.
cargo build --locked --release
target/release/pocketrec-board train target/model.safetensors
target/release/pocketrec-board answer target/model.safetensors <requests.txt >target/expected.txt

build=(build --locked --profile board --target "$target")
if [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    compiler=$(rustc --version)
    MODEL=$PWD/target/model.safetensors cargo "${build[@]}"
else
    compiler=$(/usr/bin/rustc --version)
    # Debian's has no linker for it: rustup's, which are the same for all targets.
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    MODEL=$PWD/target/model.safetensors RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER=$linker \
        /usr/bin/cargo "${build[@]}" -Zbuild-std=core,alloc
fi
program=target/$target/board/pocketrec-board

# Byte 4 ends the program. With -icount an instruction takes a nanosecond of the board's time, whatever it takes here.
{ cat requests.txt; printf '\4'; } | timeout 120 qemu-system-arm -M mps2-an386 -display none -monitor none -serial stdio \
    -icount shift=0 -semihosting-config enable=on,target=native -kernel "$program" >target/printed.txt ||
    { cat target/printed.txt; echo "board: the program failed" >&2; exit 1; }
cat target/printed.txt
grep -v '^#' target/printed.txt | diff target/expected.txt - ||
    { echo "board: these are not the answers that this machine gives (<)" >&2; exit 1; }
echo "board: $(grep -c . target/expected.txt) answers, the same bits as on this machine"

# The most of each: of a request, of the heap, and what lies in flash, the model among it.
{
    sed -n 's/^# \([a-z]*\): \([0-9]*\) instructions.*/\1 instructions\t\2/p' target/printed.txt | sort -t $'\t' -k1,1 -k2,2nr | sort -t $'\t' -u -k1,1
    sed -n 's/^#.* \([0-9]*\) at most/heap bytes\t\1/p' target/printed.txt | tail -1
    flash=0
    for bytes in $(readelf -lW "$program" | awk '$1 == "LOAD" { print $5 }'); do flash=$((flash + bytes)); done
    printf 'flash bytes\t%d\n' "$flash"
} >target/counts.txt

if [ "${1:-}" = --renew ]; then
    { echo "# The board's heap, flash and instructions; renewed by examples/board/run.sh --renew"
      echo "# $compiler"
      cat target/counts.txt; } >baseline.txt
fi
judged=yes
if ! grep -qxF "# $compiler" baseline.txt; then
    judged=no
    echo "board: NOT JUDGED, only shown: the baseline is of $(sed -n '2s/^# //p' baseline.txt), this is $compiler"
fi
awk -F '\t' -v tolerance="$tolerance" '
    /^#/ { next }
    NR == FNR { before[$1] = $2; next }
    {
        seen[$1] = 1
        if (!($1 in before)) { printf "%-24s %10s %10d        new\n", $1, "-", $2; bad++; next }
        change = 100 * ($2 / before[$1] - 1)
        bad += change > tolerance
        verdict = change > tolerance ? "  MORE" : (change < -tolerance ? "  less" : "")
        printf "%-24s %10d %10d %+8.2f %%%s\n", $1, before[$1], $2, change, verdict
    }
    END {
        for (name in before) if (!(name in seen)) { printf "%-24s %10d %10s       gone\n", name, before[name], "-"; bad++ }
        exit bad > 0
    }' baseline.txt target/counts.txt && exit 0
echo "board: more than $tolerance % above the baseline; where that is meant, examples/board/run.sh --renew, and commit the baseline" >&2
[ "$judged" = no ]
