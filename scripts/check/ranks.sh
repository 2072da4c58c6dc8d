#!/usr/bin/env bash
# Subspaces, projections, adapters and exported models of a real model (SmolLM2, or MODEL) against NumPy, PyTorch and
# peft, and the same bytes from any fleet. PAIRS (default 40) examples a data set; SHAPES="1:1 3:1 2:2" workers:pipelines.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
run() { # COMMAND…
    must "$script: failed: $*" "$work/log" "$@"
}
head -n "${PAIRS:-40}" demo/finetune_pairs.jsonl >"$work/s.jsonl"
head -n "${PAIRS:-40}" demo/harmless_pairs.jsonl >"$work/u.jsonl"

everything() { # FOLDER FLEET-OPTIONS…
    local folder=$1
    shift
    mkdir -p "$folder"
    run bin/faultline subspace find --model "$MODEL" --data "$work/s.jsonl" --out "$folder/safety" --moments "$folder/safety.moments" "$@"
    run bin/faultline subspace find --model "$MODEL" --data "$work/u.jsonl" --out "$folder/utility" --moments "$folder/utility.moments" "$@"
    run bin/faultline subspace edit --model "$MODEL" --safety "$folder/safety" --utility "$folder/utility" --utility-rank 90% --safety-rank 95% --out "$folder/projection" "$@"
}

echo "== subspaces and edits"
everything "$work/a" --workers 1
edit=(bin/faultline subspace edit --model "$MODEL" --safety "$work/a/safety" --workers 1)
run "${edit[@]}" --utility "$work/a/utility" --utility-rank 5% --safety-rank 3% --out "$work/a/narrow"
run "${edit[@]}" --top 2.5% --out "$work/a/top"
run "${edit[@]}" --keep 60% --out "$work/a/keep"
run "${edit[@]}" --bottom 10% --out "$work/a/bottom"
run bin/faultline overlap "$work/a/safety" "$work/a/utility" --model "$MODEL" --out "$work/a/overlap.csv"
status=0
bin/faultline subspace edit --model "$MODEL" --safety "$work/a/safety" --top 100000 --out "$work/x" --workers 1 >"$work/refusal" 2>&1 || status=$?
[ "$status" -ne 2 ] || says "is not below the rank of" "$work/refusal" || status=1
holds "a rank that is too large is refused by name" test "$status" -eq 2

echo "== the same bytes from any fleet"
for shape in ${SHAPES:-3:1 2:2}; do
    everything "$work/b" --workers "${shape%:*}" --pipelines "${shape#*:}"
    for file in safety.moments utility.moments safety utility projection; do
        same_bytes "$file: ${shape%:*} workers, ${shape#*:} pipelines" "$work/a/$file" "$work/b/$file"
    done
done

echo "== against NumPy, PyTorch and peft"
if python=$(python_for peft); then
    compare() { # OPTIONS…
        "$python" scripts/check/ranks.py --model "$MODEL" "$@" 2>"$work/python.log" ||
            { tail -n 1 "$work/python.log" >&2; failures=$((failures + 1)); }
    }
    compare --dir "$work/a" --safety "$work/s.jsonl" --utility "$work/u.jsonl"
    run bin/faultline export --model "$MODEL" --edit "$work/a/projection" --dtype f32 --out "$work/merged"
    run bin/faultline export --model "$MODEL" --edit "$work/a/projection" --adapter --out "$work/adapter"
    compare --merged "$work/merged" --adapter "$work/adapter" --edit "$work/a/projection"
else
    echo "skipped: no PyTorch or peft here"
fi
finish
