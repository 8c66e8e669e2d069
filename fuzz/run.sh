#!/usr/bin/env bash
# Fuzzes every target for so many seconds, 60 if not told: fuzz/run.sh [SECONDS]. Needs cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")"

# A nightly compiler, or a stable one that is told to take what otherwise only a nightly one does.
if cargo +nightly --version >/dev/null 2>&1; then
    cargo=(cargo +nightly)
else
    cargo=(cargo)
    export RUSTC_BOOTSTRAP=1
fi

for target in $("${cargo[@]}" run --quiet --release --bin seeds); do
    printf '\n==> %s\n' "$target"
    "${cargo[@]}" fuzz run --fuzz-dir . "$target" -- -max_total_time="${1:-60}" -max_len=65536 -malloc_limit_mb=64 -timeout=5 -print_final_stats=1
done
