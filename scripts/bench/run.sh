#!/usr/bin/env bash
# Speeds side by side, each part in one run: every kind of work beside the machine's SGEMM rate, then the same SNIP work by
# PyTorch; bulk transfer beside bare libzmq; fleet overhead beside Dask.distributed and Parsl.
# MODEL and THREADS choose; ONLY="compute products kernels bulk fleet" chooses parts. `products` and `kernels` are not
# among the usual ones.
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

bench_products() {
    local sources="$root/Sources"
    clang -O3 -w -I "$sources/CKernels/include" -I "$sources/COneDNN/include" "$root/scripts/bench/products.c" \
        "$sources"/COneDNN/*.c "$sources"/CKernels/*.c -o "$work/products" -lm -ldl -lpthread
    "$work/products"
}

bench_kernels() {
    clang -O3 -w -I "$root/Sources/CKernels/include" "$root/scripts/bench/kernels.c" "$root"/Sources/CKernels/*.c \
        -o "$work/kernels" -lm
    "$work/kernels"
}

bench_bulk() { "$root/.build/release/Bench" bulk --programs "$bin"; }

bench_fleet() {
    local python
    python=$(python_for fleet) || python=python3
    "$python" "$root/scripts/bench/fleet.py" --programs "$bin"
}

for part in ${ONLY:-compute bulk fleet}; do "bench_$part"; done
