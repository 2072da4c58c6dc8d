#!/usr/bin/env bash
# Every kind of work beside the machine's SGEMM rate, then the same SNIP work by PyTorch. MODEL and THREADS choose.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
threads=${THREADS:-$(nproc)}
if [ -z "${MODEL:-}" ]; then
    bash "$root/scripts/fetch-smollm2.sh"
    MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/.build/release/Bench" --model "$MODEL" --threads "$threads" --tokens-out "$work/tokens.jsonl" | tee "$work/ours"
if python=$(bash "$root/scripts/python-env.sh"); then
    "$python" "$root/scripts/bench_pytorch.py" --model "$MODEL" --examples "$work/tokens.jsonl" --threads "$threads" \
        --ours "$(awk '/^SNIP/ { print $(NF - 1) }' "$work/ours")" 2>/dev/null ||
        echo "bench: PyTorch could not run this model" >&2
fi
