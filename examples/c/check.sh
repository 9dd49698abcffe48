#!/usr/bin/env bash
# Builds the C library by the commands of the README, word for word, and then all that is in this folder against it: the program as
# C99, as C++ and under AddressSanitizer, Python by ctypes, Java by JNI, and the module map of Swift. What this machine has no
# compiler for is said and left out.
#
#   examples/c/check.sh                     all of it
#   examples/c/check.sh clicks.safetensors  and ranks by a model of clicks, which `cargo test --features capi --test capi` leaves in
#                                           target/tmp/capi-clicks.safetensors
set -euo pipefail
clicks=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$target/c

skipped() {
    echo "skipped: examples/c: $1"
    [ -z "${POCKETREC_SKIPPED:-}" ] || echo "examples/c: $1" >>"$POCKETREC_SKIPPED"
}

echo "--- README"
commands=$(sed -n '/^### C$/,/^###* /p' README.md | sed -n '/^```sh$/,/^```$/p' | sed '/^```/d')
[ -n "$commands" ] || { echo "the README has no commands for C" >&2; exit 1; }
bash -euxc "$commands"

echo "--- C99, C++, static, AddressSanitizer"
make -C examples/c --no-print-directory check CLICKS="$clicks"
# All four print the same, but for the time that training took.
same() { sed 's/ in [0-9.]* s,/,/' "$1"; }
for form in static asan; do
    diff <(same "$out/cpp.txt") <(same "$out/$form.txt")
done

echo "--- the shared library has the functions of the header, and no others"
diff <(grep -o '\bpocketrec_[a-z_]*(' src/capi/pocketrec.h | tr -d '(' | sort -u | grep -vE '^pocketrec_(on_event)$') \
    <(nm -D --defined-only "$target/release/libpocketrec.so" | awk '{print $NF}' | sed 's/@.*//' | sort -u)
strip -o "$out/stripped.so" "$target/release/libpocketrec.so"
echo "stripped: $(stat -c %s "$out/stripped.so") bytes"

echo "--- Python"
if command -v python3 >/dev/null; then
    python3 examples/c/pocketrec.py "$target/release/libpocketrec.so"
else
    skipped "no python3, ctypes was not tried"
fi

echo "--- Java"
java=$(dirname "$(dirname "$(realpath "$(command -v javac || echo /none/none/none)")")")
if [ -f "$java/include/jni.h" ]; then
    mkdir -p "$out/java"
    cc -std=c99 -O1 -Wall -Wextra -Werror -pedantic -fPIC -shared -Isrc/capi -I"$java/include" -I"$java/include/linux" \
        examples/c/java/pocketrec_jni.c -L"$target/release" -lpocketrec -Wl,-rpath,"$target/release" -o "$out/java/libpocketrec_jni.so"
    "$java/bin/javac" -d "$out/java" examples/c/java/pocketrec/Trainer.java examples/c/java/Check.java
    "$java/bin/java" -Xcheck:jni -cp "$out/java" -Djava.library.path="$out/java" Check | tee "$out/java.txt"
    ! grep -q "WARNING in native\|FATAL ERROR in native" "$out/java.txt"
else
    skipped "no jni.h, the shim was not compiled"
fi

echo "--- Swift's module map"
if command -v clang >/dev/null; then
    # Swift reads the map by clang, as this does.
    mkdir -p "$out/swift"
    echo '#pragma clang module import PocketRec
int main(void) { return pocketrec_version()[0] == 0; }' >"$out/swift/main.c"
    clang -std=c99 -Wall -Wextra -Werror -fmodules -fmodules-cache-path="$out/swift/cache" -fmodule-map-file=examples/c/swift/module.modulemap \
        "$out/swift/main.c" -L"$target/release" -lpocketrec -Wl,-rpath,"$target/release" -o "$out/swift/main"
    "$out/swift/main"
else
    skipped "no clang, the module map was not read"
fi
echo "--- passed"
