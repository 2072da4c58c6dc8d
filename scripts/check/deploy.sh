#!/usr/bin/env bash
# More than one machine, on this one: every file under deploy/ is checked, and used. Each run's scores are compared byte for
# byte with a single local worker's. MODEL, PAIRS (default 12). ONLY="files slurm network bulk ssh container" chooses parts.
# A part that this machine lacks rights or packages for is skipped with one line; CHECK_STRICT=1 makes that a failure.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
tell_errors

same_scores() { # WORDS FILE
    same_bytes "$1" "$golden" "$2"
}
pairs=$work/pairs.jsonl
head -n "${PAIRS:-12}" demo/harmless_pairs.jsonl >"$pairs"
# What a run computes, with `golden` the scores of a single local worker: many small blocks, so that there is work to move.
compute() { # METHOD EXAMPLES-A-BLOCK: sets command and golden
    command=(score --model "$MODEL" --data "$pairs" --method "$1" --block-examples "$2")
    golden=$work/golden-$1-$2.safetensors
    [ ! -e "$golden" ] || return 0
    must "$script: a single local worker failed" "$work/golden.log" \
        "$bin/faultline" "${command[@]}" --workers 1 --out "$golden"
}

# One fleet's keys for every way to start it.
keys=$work/keys
"$bin/faultline" keygen --out "$keys" --names slurm,ssh,w1,w2 >/dev/null

# shellcheck disable=SC2086 # several parts
run_parts deploy ${ONLY:-files slurm network bulk ssh container}
finish
