#!/usr/bin/env bash
# Speeds side by side, each part in one run: every kind of work beside the machine's SGEMM rate, then the same SNIP work by
# PyTorch; bulk transfer beside bare libzmq; fleet overhead beside Dask.distributed and Parsl.
# MODEL and THREADS choose; ONLY="compute bulk fleet" chooses parts.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
script=bench
threads=${THREADS:-$(nproc)}
make_work

bench_compute() {
    find_model
    local python
    "$root/.build/release/Bench" compute --model "$MODEL" --threads "$threads" --tokens-out "$work/tokens.jsonl" |
        tee "$work/ours"
    if python=$(python_for torch); then
        "$python" "$root/scripts/bench/pytorch.py" --model "$MODEL" --examples "$work/tokens.jsonl" --threads "$threads" \
            --ours "$(awk '/^SNIP/ { print $(NF - 1) }' "$work/ours")" 2>/dev/null ||
            echo "bench: PyTorch could not run this model" >&2
    fi
}

bench_bulk() { "$root/.build/release/Bench" bulk --programs "$bin"; }

bench_fleet() {
    local python
    python=$(python_for fleet) || python=python3
    "$python" "$root/scripts/bench/fleet.py" --programs "$bin"
}

for part in ${ONLY:-compute bulk fleet}; do "bench_$part"; done
