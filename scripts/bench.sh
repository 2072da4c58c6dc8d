#!/usr/bin/env bash
# Speeds side by side, each part in one run: every kind of work beside the machine's SGEMM rate, then the same SNIP work by
# PyTorch; bulk transfer beside bare libzmq; fleet overhead beside Dask.distributed and Parsl.
# MODEL and THREADS choose; ONLY="compute bulk fleet" chooses parts.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
threads=${THREADS:-$(nproc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bench_compute() {
    if [ -z "${MODEL:-}" ]; then
        bash "$root/scripts/fetch-smollm2.sh"
        MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
    fi
    local python
    "$root/.build/release/Bench" compute --model "$MODEL" --threads "$threads" --tokens-out "$work/tokens.jsonl" |
        tee "$work/ours"
    if python=$(bash "$root/scripts/python-env.sh"); then
        "$python" "$root/scripts/bench_pytorch.py" --model "$MODEL" --examples "$work/tokens.jsonl" --threads "$threads" \
            --ours "$(awk '/^SNIP/ { print $(NF - 1) }' "$work/ours")" 2>/dev/null ||
            echo "bench: PyTorch could not run this model" >&2
    fi
}

bench_bulk() { "$root/.build/release/Bench" bulk --programs "$root/bin"; }

bench_fleet() {
    local python
    python=$(bash "$root/scripts/python-env.sh" fleet) || python=python3
    "$python" "$root/scripts/bench_fleet.py" --programs "$root/bin"
}

for part in ${ONLY:-compute bulk fleet}; do "bench_$part"; done
