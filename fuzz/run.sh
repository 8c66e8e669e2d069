#!/usr/bin/env bash
# Fuzzes every target for so many seconds, 60 if not told: fuzz/run.sh [SECONDS]. Needs a nightly compiler and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")"

for target in $(cargo +nightly run --quiet --release --bin seeds); do
    printf '\n==> %s\n' "$target"
    cargo +nightly fuzz run --fuzz-dir . "$target" -- -max_total_time="${1:-60}" -max_len=65536 -malloc_limit_mb=64 -timeout=5 -print_final_stats=1
done
