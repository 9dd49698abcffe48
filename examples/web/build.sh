#!/usr/bin/env bash
# Builds the package for browsers from this repository.
#
#   examples/web/build.sh              both modules, into examples/web/pkg
#   examples/web/build.sh cpu          the processor's alone: the smallest
#   examples/web/build.sh plain        as cpu, without vectors, into examples/web/pkg-plain: to compare with
#
# They have MF, GMF, MLP and NeuMF; with EXTRA=graphs,sequences in the environment LightGCN and SASRec, too.
#
# Needs cargo with the target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown), or Debian's packages rustc-web,
# cargo-web and rust-web-src, from which the standard library is built too. Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
modules=(cpu gpu) out=examples/web/pkg vectors=+simd128
case "$*" in
    "") ;;
    cpu) modules=(cpu) ;;
    plain) modules=(cpu) out=examples/web/pkg-plain vectors=-simd128 ;;
    *)
        echo "usage: examples/web/build.sh [cpu|plain]" >&2
        exit 2
        ;;
esac
target=wasm32-unknown-unknown

# The program that makes the JavaScript is of the version that Cargo.lock has of its other half.
cargo build --locked --quiet --manifest-path examples/web/bindgen/Cargo.toml --target-dir target/bindgen

sysroot=$(rustc --print sysroot)
cargo=(cargo) std=()
if [ ! -d "$sysroot/lib/rustlib/$target" ]; then
    if [ ! -x /usr/bin/cargo ] || [ ! -d /usr/lib/rustlib/src/rust/library ]; then
        echo "no standard library of $target; rustup target add $target, or apt-get install rustc-web cargo-web rust-web-src" >&2
        exit 1
    fi
    cargo=(env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc /usr/bin/cargo)
    std=(-Zbuild-std=std,panic_abort)
    lld=$(ls "$sysroot"/lib/rustlib/*/bin/rust-lld 2>/dev/null | head -1)
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=${lld:-wasm-ld}
fi

mkdir -p "$out"
rm -f "$out"/*.js "$out"/*.wasm
rm -rf "$out"/snippets
for module in "${modules[@]}"; do
    features=web${EXTRA:+,$EXTRA}
    [ "$module" = gpu ] && features+=,gpu
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=$vectors" "${cargo[@]}" rustc --locked --lib --crate-type cdylib \
        --profile web --no-default-features --features "$features" "${std[@]}" --target "$target" --target-dir target/web
    target/bindgen/debug/bindgen "target/web/$target/web/pocketrec.wasm" "$out" "$module"
done
cp src/web/pocketrec.js src/web/pocketrec.d.ts "$out"

for module in "${modules[@]}"; do
    file=$out/${module}_bg.wasm
    packed=$(command -v brotli >/dev/null && brotli --stdout --best "$file" | wc -c) || packed=?
    echo "$file: $(wc -c <"$file") bytes, $packed as brotli"
done
