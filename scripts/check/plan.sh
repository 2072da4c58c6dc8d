#!/usr/bin/env bash
# Small studies on a real model (weights; ranks and fine-tuning), predicted and run: `faultline plan` has to be within a
# factor of 2 of the time and within 20 % of a worker's peak memory and of the disk that the run's folder takes; the same
# study again takes everything from the cache. STUDIES chooses (weights ranks), MODEL the checkpoint.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
options=(--workers "${WORKERS:-2}" --threads 1)

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", b ? a / b : 0 }'; }
percent_off() { awk -v r="$1" 'BEGIN { printf "%+.0f", 100 * (r - 1) }'; } # RATIO
megabytes() { awk -v b="$1" 'BEGIN { printf "%.0f", b / 1e6 }'; } # BYTES
seconds_of() { awk -v s="$1" 'BEGIN { printf "%.1f", s }'; } # SECONDS
judge() { # WORDS RATIO LEAST MOST
    holds "$1" awk -v r="$2" -v least="$3" -v most="$4" 'BEGIN { exit !(r >= least && r <= most) }'
}
judge_size() { # NAME WORD PREDICTED TAKEN: within 20 %
    local off
    off=$(ratio "$3" "$4")
    judge "$1: predicted $(megabytes "$3") MB, $2 $(megabytes "$4") MB ($(percent_off "$off") %)" "$off" 0.8 1.2
}
# Sets peak: the most memory, in KiB, that a local worker of a run has ever had, asked until the run is over.
watch_memory() { # PID
    local worker now
    peak=0
    while ! gone "$1"; do
        for worker in $(children "$1"); do
            now=$(awk '/^VmHWM/ { print $2 }' "/proc/$worker/status" 2>/dev/null || true)
            [ "${now:-0}" -le "$peak" ] || peak=$now
        done
        sleep 0.2
    done
}

compare() { # NAME CONDITIONS
    local folder=$work/$1 before took off peak part
    mkdir "$folder"
    cat >"$folder/study.yaml" <<YAML
name: $1
model: $MODEL
block_examples: 8
batch_tokens: 504
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: 32}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: 32}
conditions:
$2
evaluation:
  harmful: {prompts: $root/demo/harmless_prompts.txt, samples: 24}
  max_new_tokens: 32
  slots: 12
  group_prompts: 12
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 2000, window: 400}
YAML
    bin/faultline plan "$folder/study.yaml" "${options[@]}" --no-cache --out "$folder/plan.json" >"$folder/plan.log" 2>&1 ||
        { tail -n 3 "$folder/plan.log" >&2; verdict "faultline plan" 1; return; }
    field() { sed -n "s/^ *\"$1\": *\([0-9.]*\),*$/\1/p" "$folder/plan.json" | head -n 1; }

    before=$(date +%s.%N)
    start "$folder/run.log" bin/faultline study run "$folder/study.yaml" "${options[@]}" --run-dir "$folder/run"
    watch_memory "$started"
    wait "$started" || { tail -n 3 "$folder/run.log" >&2; verdict "the study" 1; return; }
    took=$(awk -v a="$before" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')

    off=$(ratio "$(field seconds)" "$took")
    judge "time: predicted $(seconds_of "$(field seconds)") s, took $(seconds_of "$took") s (factor $(printf %.2f "$off"))" "$off" 0.5 2
    judge_size "memory of a worker" peak "$(field worker_memory_bytes)" $((peak * 1024))
    judge_size disk took "$(field disk_bytes)" "$(du -sb "$folder/run" | cut -f1)"

    bin/faultline study run "$folder/study.yaml" "${options[@]}" --run-dir "$folder/again" >"$folder/again.log" 2>&1 ||
        { tail -n 3 "$folder/again.log" >&2; verdict "the study again" 1; return; }
    if says ' tokens' "$folder/again.log"; then
        verdict "a second run computed again: $(grep -m1 ' tokens' "$folder/again.log")" 1
    else
        verdict "a second run of the same study computes nothing" 0
    fi
    for part in scores masks answers results.csv; do
        same_bytes "$part from the cache" "$folder/run/$part" "$folder/again/$part"
    done
}

for name in ${STUDIES:-weights ranks}; do
    echo "-- $name"
    case $name in
        weights) compare weights "  - unedited
  - set_difference: {p: [1, 3], q: [1, 3]}" ;;
        ranks) compare ranks "  - unedited
  - orthogonal_projection: {r_u: 50%, r_s: [90%, 95%]}
  - finetune: {pairs: $root/demo/finetune_pairs.jsonl, samples: 18, steps: 3, batch: 6, batch_tokens: 192}" ;;
    esac
done
[ "$failures" -eq 0 ]
