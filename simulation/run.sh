#!/usr/bin/env bash
# Runs so many seeds, 3000 if not told: simulation/run.sh [SEEDS [FIRST]]. One seed with its trace: cargo run --release -- --seed N
set -euo pipefail
cd "$(dirname "$0")"

cargo run --locked --release --quiet -- --seeds "${1:-3000}" --from "${2:-0}"
