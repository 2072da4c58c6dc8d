#!/usr/bin/env bash
# What can go wrong in a fleet, made to go wrong, on real processes and a real model: every run's scores, masks, answers and
# results are compared byte for byte with those of a single local worker that nobody disturbed. MODEL, SEED.
# ONLY="points kill journal stop disk partition crowd fuzz" chooses parts. A part that this machine lacks rights for is skipped with one
# line; CHECK_STRICT=1 makes that a failure.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
bin=$root/bin
if [ -z "${MODEL:-}" ]; then
    bash scripts/fetch-smollm2.sh
    MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
fi
MODEL=$(realpath "$MODEL")
RANDOM=${SEED:=$(($(date +%s) % 32768))}
echo "seed $SEED"
work=$(mktemp -d /tmp/faultline-faults-XXXXXX)
failures=0
skipped=0
cleanups=()
clean_up() {
    local index
    for ((index = ${#cleanups[@]} - 1; index >= 0; index--)); do eval "${cleanups[index]}" || true; done
    cleanups=()
}
# shellcheck disable=SC2317 # called by the trap
leave() {
    clean_up
    [ -n "${KEEP:-}" ] || rm -rf "$work" || true
}
trap leave EXIT
trap 'exit 130' INT TERM
trap 'echo "check-faults: ${BASH_SOURCE[0]##*/} line $LINENO failed: $BASH_COMMAND" >&2' ERR

verdict() { # WORDS STATUS
    if [ "$2" -eq 0 ]; then echo "ok      $1"; else echo "FAILED  $1"; failures=$((failures + 1)); fi
}
skip() { # WORDS
    echo "skipped $1"
    skipped=$((skipped + 1))
}
check() { # WORDS COMMAND...
    local words=$1 status=0
    shift
    "$@" >"$work/check.log" 2>&1 || status=$?
    [ "$status" -eq 0 ] || tail -n 8 "$work/check.log" >&2
    verdict "$words" "$status"
}
installed() { bash scripts/apt-install.sh "$@" >"$work/apt.log" 2>&1; }
gone() { ! kill -0 "$1" 2>/dev/null; }
within() { # SECONDS COMMAND...: until the command succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
says() { grep -qE -- "$1" "$2" 2>/dev/null; }
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }
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
    "$bin/faultline" study run "$study" --run-dir "$golden" --no-cache --workers 1 >"$work/golden-$1.log" 2>&1 || {
        tail -n 3 "$work/golden-$1.log" >&2
        echo "check-faults: the undisturbed run failed" >&2
        exit 1
    }
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
children() { ps -o pid=,args= --ppid "$1" | awk '/faultline-worker/ { print $1 }'; }

for part in ${ONLY:-points kill journal stop disk partition crowd fuzz}; do
    # shellcheck source=/dev/null
    source "$root/scripts/check-faults/$part.sh"
    echo "== faults: $part"
    "check_$part"
    clean_up
done

[ "$failures" -eq 0 ] || { echo "check-faults: $failures failed (seed $SEED)" >&2; exit 1; }
[ "$skipped" -eq 0 ] || [ "${CHECK_STRICT:-}" != 1 ] || { echo "check-faults: $skipped skipped" >&2; exit 1; }
echo "check-faults: all passed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
