#!/usr/bin/env bash
# Tries every call of the description on a live cluster: requests made up from the schemas, well formed and not, one by one
# and in sequences. Fails if an answer is not one that the description promises.
#
#   tests/api/schemathesis.sh [OPTIONS OF schemathesis run]
#
# Builds `holdfast`, runs `holdfast dev` on free ports and asks the admin listener of node 1, which serves every call.
# The tool is installed once into target/schemathesis. Where that can't be done it says NOT RUN, and fails if CI is set.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly VERSION=4.32.5
readonly TOOLS=$PWD/target/schemathesis
readonly HERE=$PWD/tests/api
readonly READY_WITHIN_SECONDS=60

not_run() {
    echo "NOT RUN: $1" >&2
    [ -z "${CI:-}" ]
    exit
}

command -v python3 >/dev/null || not_run "python3 is missing"
if ! "$TOOLS/bin/schemathesis" --version 2>/dev/null | grep -qF "$VERSION"; then
    python3 -m venv "$TOOLS" || not_run "python3 makes no virtual environment here (the package python3-venv is missing?)"
    "$TOOLS/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION" || not_run "schemathesis can't be installed"
fi

cargo build --locked -p holdfast-node

# A port, and those after it that `dev` takes, which nobody else has now.
base=$(python3 - <<'PYTHON'
import random, socket

def is_free(port):
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

bases = (random.randrange(20_000, 30_000, 50) for _ in range(100))
print(next(base for base in bases if all(is_free(base + 10 * node + kind) for node in (1, 2, 3) for kind in (0, 1, 2))))
PYTHON
)
readonly base
readonly url="http://127.0.0.1:$((base + 11))"

scratch=$(mktemp -d)
target/debug/holdfast dev --data "$scratch/data" --base-port "$base" >"$scratch/output" 2>&1 &
readonly dev=$!
trap 'kill "$dev" 2>/dev/null; wait "$dev" || true; rm -rf "$scratch"' EXIT

for _ in $(seq "$READY_WITHIN_SECONDS"); do
    grep -q '^ready' "$scratch/output" && break
    kill -0 "$dev" 2>/dev/null || break
    sleep 1
done
if ! grep -q '^ready' "$scratch/output"; then
    cat "$scratch/output" >&2
    exit 1
fi

# In the scratch folder, for the tool leaves files where it runs.
(
    cd "$scratch"
    SCHEMATHESIS_HOOKS="$HERE/hooks.py" "$TOOLS/bin/schemathesis" --config-file "$HERE/schemathesis.toml" \
        run "$url/openapi.json" --url "$url" "$@"
)

# Whatever was sent: the nodes agree, and every unit is accounted for.
target/debug/holdfast verify --from "$url" "http://127.0.0.1:$((base + 21))" "http://127.0.0.1:$((base + 31))"
