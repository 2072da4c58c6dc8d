#!/usr/bin/env bash
# More than one machine, on this one: every file under deploy/ is checked, and used. Each run's scores are compared byte for
# byte with a single local worker's. MODEL, PAIRS (default 12). ONLY="files slurm network bulk ssh container" chooses parts.
# A part that this machine lacks rights or packages for is skipped with one line; CHECK_STRICT=1 makes that a failure.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
bin=$root/bin
if [ -z "${MODEL:-}" ]; then
    bash scripts/fetch-smollm2.sh
    MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
fi
MODEL=$(realpath "$MODEL")
work=$(mktemp -d /tmp/faultline-deploy-XXXXXX)
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
    rm -rf "$work" || true
}
trap leave EXIT
trap 'exit 130' INT TERM
trap 'echo "check-deploy: ${BASH_SOURCE[0]##*/} line $LINENO failed: $BASH_COMMAND" >&2' ERR

verdict() { # WORDS STATUS
    if [ "$2" -eq 0 ]; then echo "ok      $1"; else echo "FAILED  $1"; failures=$((failures + 1)); fi
}
skip() { # WORDS
    echo "skipped $1"
    skipped=$((skipped + 1))
}
check() { # WORDS COMMAND...: silent unless it fails
    local words=$1 status=0
    shift
    "$@" >"$work/check.log" 2>&1 || status=$?
    [ "$status" -eq 0 ] || tail -n "${LINES_SHOWN:-8}" "$work/check.log" >&2
    verdict "$words" "$status"
}
have() { command -v "$1" >/dev/null; }
installed() { # PACKAGE...: there, or installed now
    bash scripts/apt-install.sh "$@" >"$work/apt.log" 2>&1
}
gone() { ! kill -0 "$1" 2>/dev/null; }
end_daemon() { # PID-FILE: ended, and waited for
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    within 10 gone "$pid"
}
within() { # SECONDS COMMAND...: until the command succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.3
    done
}
same_scores() { # WORDS FILE
    if cmp -s "$golden" "$2"; then verdict "$1" 0; else verdict "$1" 1; fi
}
pairs=$work/pairs.jsonl
head -n "${PAIRS:-12}" demo/harmless_pairs.jsonl >"$pairs"
# What a run computes, with `golden` the scores of a single local worker: many small blocks, so that there is work to move.
compute() { # METHOD EXAMPLES-A-BLOCK: sets command and golden
    command=(score --model "$MODEL" --data "$pairs" --method "$1" --block-examples "$2")
    golden=$work/golden-$1-$2.safetensors
    [ ! -e "$golden" ] || return 0
    "$bin/faultline" "${command[@]}" --workers 1 --out "$golden" >"$work/golden.log" 2>&1 || {
        tail -n 3 "$work/golden.log" >&2
        echo "check-deploy: a single local worker failed" >&2
        exit 1
    }
}

# One fleet's keys for every way to start it.
keys=$work/keys
"$bin/faultline" keygen --out "$keys" --names slurm,ssh,w1,w2 >/dev/null

for part in ${ONLY:-files slurm network bulk ssh container}; do
    # shellcheck source=/dev/null
    source "$root/scripts/check-deploy/$part.sh"
    echo "== deploy: $part"
    "check_$part"
    clean_up
done

[ "$failures" -eq 0 ] || { echo "check-deploy: $failures failed" >&2; exit 1; }
[ "$skipped" -eq 0 ] || [ "${CHECK_STRICT:-}" != 1 ] || { echo "check-deploy: $skipped skipped" >&2; exit 1; }
echo "check-deploy: all passed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
