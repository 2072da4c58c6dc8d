#!/usr/bin/env bash
# Subspaces, projections, adapters and exported models of a real model (SmolLM2, or MODEL) against NumPy, PyTorch and
# peft, and the same bytes from any fleet. PAIRS (default 40) examples a data set; SHAPES="1:1 3:1 2:2" workers:pipelines.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
if [ -z "${MODEL:-}" ]; then
    bash scripts/fetch-smollm2.sh
    MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
verdict() { # WORDS STATUS
    if [ "$2" -eq 0 ]; then echo "ok      $1"; else echo "FAILED  $1"; failures=$((failures + 1)); fi
}
run() { # COMMAND…
    "$@" >>"$work/log" 2>&1 || { tail -n 3 "$work/log" >&2; echo "check-ranks: failed: $*" >&2; exit 1; }
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
[ "$status" -eq 2 ] && grep -q "is not below the rank of" "$work/refusal" && verdict "a rank that is too large is refused by name" 0 ||
    verdict "a rank that is too large is refused by name" 1

echo "== the same bytes from any fleet"
for shape in ${SHAPES:-3:1 2:2}; do
    everything "$work/b" --workers "${shape%:*}" --pipelines "${shape#*:}"
    for file in safety.moments utility.moments safety utility projection; do
        cmp -s "$work/a/$file" "$work/b/$file" && verdict "$file: ${shape%:*} workers, ${shape#*:} pipelines" 0 ||
            verdict "$file: ${shape%:*} workers, ${shape#*:} pipelines" 1
    done
done

echo "== against NumPy, PyTorch and peft"
if python=$(bash scripts/python-env.sh peft); then
    compare() { # OPTIONS…
        "$python" scripts/check_ranks.py --model "$MODEL" "$@" 2>"$work/python.log" ||
            { tail -n 1 "$work/python.log" >&2; failures=$((failures + 1)); }
    }
    compare --dir "$work/a" --safety "$work/s.jsonl" --utility "$work/u.jsonl"
    run bin/faultline export --model "$MODEL" --edit "$work/a/projection" --dtype f32 --out "$work/merged"
    run bin/faultline export --model "$MODEL" --edit "$work/a/projection" --adapter --out "$work/adapter"
    compare --merged "$work/merged" --adapter "$work/adapter" --edit "$work/a/projection"
else
    echo "skipped: no PyTorch or peft here"
fi
[ "$failures" -eq 0 ] && echo "check-ranks: all passed" || { echo "check-ranks: $failures failed" >&2; exit 1; }
