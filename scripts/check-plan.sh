#!/usr/bin/env bash
# Small studies on a real model (weights; ranks and fine-tuning), predicted and run: `faultline plan` has to be within a
# factor of 2 of the time and within 20 % of a worker's peak memory and of the disk that the run's folder takes; the same
# study again takes everything from the cache. STUDIES chooses (weights ranks). MODEL: a checkpoint.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
model=${MODEL:?MODEL names no checkpoint}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options=(--workers "${WORKERS:-2}" --threads 1)
status=0

compare() { # NAME CONDITIONS
    local folder=$work/$1 seconds bytes disk begin end run peak now worker part status=0
    mkdir "$folder"
    cat >"$folder/study.yaml" <<YAML
name: $1
model: $(realpath "$model")
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
        { tail -n 3 "$folder/plan.log" >&2; echo "FAILED  faultline plan" >&2; return 1; }
    field() { sed -n "s/^ *\"$1\": *\([0-9.]*\),*$/\1/p" "$folder/plan.json" | head -n 1; }
    seconds=$(field seconds)
    bytes=$(field worker_memory_bytes)
    disk=$(field disk_bytes)

    begin=$(date +%s.%N)
    bin/faultline study run "$folder/study.yaml" "${options[@]}" --run-dir "$folder/run" >"$folder/run.log" 2>&1 &
    run=$!
    peak=0
    while kill -0 "$run" 2>/dev/null; do
        for worker in $(ps -o pid=,comm= --ppid "$run" | awk '/faultline-worke/ { print $1 }'); do
            now=$(awk '/^VmHWM/ { print $2 }' "/proc/$worker/status" 2>/dev/null || true)
            [ "${now:-0}" -gt "$peak" ] && peak=$now
        done
        sleep 0.2
    done
    wait "$run" || { tail -n 3 "$folder/run.log" >&2; echo "FAILED  the study" >&2; return 1; }
    end=$(date +%s.%N)

    awk -v p="$seconds" -v a="$begin" -v b="$end" 'BEGIN {
        t = b - a; r = p / t
        printf "%s  time: predicted %.1f s, took %.1f s (factor %.2f)\n", (r >= 0.5 && r <= 2 ? "ok    " : "FAILED"), p, t, r
        exit !(r >= 0.5 && r <= 2) }' || status=1
    awk -v p="$bytes" -v k="$peak" 'BEGIN {
        m = k * 1024; r = p / m
        printf "%s  memory of a worker: predicted %.0f MB, peak %.0f MB (%+.0f %%)\n", (r >= 0.8 && r <= 1.2 ? "ok    " : "FAILED"), p / 1e6, m / 1e6, 100 * (r - 1)
        exit !(r >= 0.8 && r <= 1.2) }' || status=1
    awk -v p="$disk" -v a="$(du -sb "$folder/run" | cut -f1)" 'BEGIN {
        r = p / a
        printf "%s  disk: predicted %.0f MB, took %.0f MB (%+.0f %%)\n", (r >= 0.8 && r <= 1.2 ? "ok    " : "FAILED"), p / 1e6, a / 1e6, 100 * (r - 1)
        exit !(r >= 0.8 && r <= 1.2) }' || status=1

    bin/faultline study run "$folder/study.yaml" "${options[@]}" --run-dir "$folder/again" >"$folder/again.log" 2>&1 ||
        { tail -n 3 "$folder/again.log" >&2; echo "FAILED  the study again" >&2; return 1; }
    if grep -q " tokens" "$folder/again.log"; then
        echo "FAILED  a second run computed again: $(grep -m1 ' tokens' "$folder/again.log")"
        status=1
    else
        echo "ok      a second run of the same study computes nothing"
    fi
    for part in scores masks answers results.csv; do
        if diff -r "$folder/run/$part" "$folder/again/$part" >/dev/null; then
            echo "ok      $part from the cache"
        else
            echo "FAILED  $part from the cache differ"
            status=1
        fi
    done
    return $status
}

for name in ${STUDIES:-weights ranks}; do
    echo "-- $name"
    case $name in
        weights) compare weights "  - unedited
  - set_difference: {p: [1, 3], q: [1, 3]}" ;;
        ranks) compare ranks "  - unedited
  - orthogonal_projection: {r_u: 50%, r_s: [90%, 95%]}
  - finetune: {pairs: $root/demo/finetune_pairs.jsonl, samples: 18, steps: 3, batch: 6, batch_tokens: 192}" ;;
    esac || status=1
done
exit $status
