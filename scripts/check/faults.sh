#!/usr/bin/env bash
# What can go wrong in a fleet, made to go wrong, on real processes and a real model: every run's scores, masks, answers and
# results are compared byte for byte with those of a single local worker that nobody disturbed. MODEL, SEED.
# ONLY="points kill journal stop disk partition crowd fuzz" chooses parts. A part that this machine lacks rights for is skipped with one
# line; CHECK_STRICT=1 makes that a failure.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
tell_errors
RANDOM=${SEED:=$(($(date +%s) % 32768))}
echo "seed $SEED"
remark=" (seed $SEED)"

await() { # NAME PID SECONDS: the run ends well, and in time
    within "$3" gone "$2" || { kill -9 "$2"; verdict "$1 ends within $3 s" 1; }
    local status=0
    wait "$2" || status=$?
    [ "$status" -eq 0 ] || tail -n 5 "$work/$1.log" >&2
    verdict "$1: the run ends by itself, and well" "$status"
}

# One study for all: scores, a mask, answers, fine-tuning. METHOD is snip (large partials) or wanda (small ones).
write_study() { # METHOD FILE SAMPLES
    cat >"$2" <<YAML
name: faults
model: $MODEL
block_examples: 2
batch_tokens: 504
scores: {method: $1}
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: $3}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: $3}
conditions:
  - unedited
  - set_difference: {p: 2, q: 2}
  - name: tuned
    finetune: {pairs: $root/demo/finetune_pairs.jsonl, samples: 4, steps: 2, batch: 2, parameters: linear}
evaluation:
  harmful: {prompts: $root/demo/harmless_prompts.txt, samples: 6}
  max_new_tokens: 8
  slots: 3
  group_prompts: 3
YAML
}
golden_of() { # METHOD: sets golden and study
    study=$work/$1.yaml
    golden=$work/golden-$1
    [ ! -e "$golden/results.csv" ] || return 0
    write_study "$1" "$study" 12
    must "$script: the undisturbed run failed" "$work/golden-$1.log" \
        "$bin/faultline" study run "$study" --run-dir "$golden" --no-cache --workers 1
}
same() { # NAME FOLDER
    local part status=0
    for part in scores masks answers results.csv; do
        diff -rq "$golden/$part" "$2/$part" >>"$work/diff.log" 2>&1 || status=1
    done
    verdict "$1: the bytes of an undisturbed run (seed $SEED)" "$status"
}
sql() { # FOLDER QUERY
    python3 - "$1/journal.sqlite" "$2" <<'PYTHON'
import sqlite3, sys
for row in sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=20).execute(sys.argv[2]):
    print(*row, sep="|")
PYTHON
}
recorded() { # FOLDER: events of that kind so far
    sql "$1" "SELECT count(*) FROM event WHERE kind = '$2'" 2>/dev/null || echo 0
}
has_recorded() { [ "$(recorded "$1" "$2")" -ge "$3" ]; } # FOLDER KIND COUNT
# Tasks that were granted in a life of the run after they had been committed in an earlier one.
computed_again() {
    sql "$1" "SELECT count(*) FROM event g JOIN event c ON c.task = g.task AND c.kind = 'committed' AND g.kind = 'granted'
        AND g.epoch > c.epoch AND g.task NOT LIKE 'task %'"
}

# shellcheck disable=SC2086 # several parts
run_parts faults ${ONLY:-points kill journal stop disk partition crowd fuzz}
finish
