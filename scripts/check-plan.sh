#!/usr/bin/env bash
# A small study on a real model, predicted and run: `faultline plan` has to be within a factor of 2 of the time and within
# 20 % of a worker's peak memory and of the disk that the run's folder takes; the same study again takes everything from the
# cache. MODEL: a checkpoint.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
model=${MODEL:?MODEL names no checkpoint}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/study.yaml" <<YAML
name: plan
model: $(realpath "$model")
block_examples: 8
batch_tokens: 504
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: 32}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: 32}
conditions:
  - unedited
  - set_difference: {p: [1, 3], q: [1, 3]}
evaluation:
  harmful: {prompts: $root/demo/harmless_prompts.txt, samples: 24}
  max_new_tokens: 32
  slots: 12
  group_prompts: 12
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 2000, window: 400}
YAML
options=(--workers "${WORKERS:-2}" --threads 1)
bin/faultline plan "$work/study.yaml" "${options[@]}" --no-cache --out "$work/plan.json" >"$work/plan.log" 2>&1 ||
    { tail -n 3 "$work/plan.log" >&2; echo "FAILED  faultline plan" >&2; exit 1; }
field() { sed -n "s/^ *\"$1\": *\([0-9.]*\),*$/\1/p" "$work/plan.json" | head -n 1; }
seconds=$(field seconds)
bytes=$(field worker_memory_bytes)
disk=$(field disk_bytes)

begin=$(date +%s.%N)
bin/faultline study run "$work/study.yaml" "${options[@]}" --run-dir "$work/run" >"$work/run.log" 2>&1 &
run=$!
peak=0
while kill -0 "$run" 2>/dev/null; do
    for worker in $(ps -o pid=,comm= --ppid "$run" | awk '/faultline-worke/ { print $1 }'); do
        now=$(awk '/^VmHWM/ { print $2 }' "/proc/$worker/status" 2>/dev/null || true)
        [ "${now:-0}" -gt "$peak" ] && peak=$now
    done
    sleep 0.2
done
wait "$run" || { tail -n 3 "$work/run.log" >&2; echo "FAILED  the study" >&2; exit 1; }
end=$(date +%s.%N)

status=0
awk -v p="$seconds" -v a="$begin" -v b="$end" 'BEGIN {
    t = b - a; r = p / t
    printf "%s  time: predicted %.1f s, took %.1f s (factor %.2f)\n", (r >= 0.5 && r <= 2 ? "ok    " : "FAILED"), p, t, r
    exit !(r >= 0.5 && r <= 2) }' || status=1
awk -v p="$bytes" -v k="$peak" 'BEGIN {
    m = k * 1024; r = p / m
    printf "%s  memory of a worker: predicted %.0f MB, peak %.0f MB (%+.0f %%)\n", (r >= 0.8 && r <= 1.2 ? "ok    " : "FAILED"), p / 1e6, m / 1e6, 100 * (r - 1)
    exit !(r >= 0.8 && r <= 1.2) }' || status=1
awk -v p="$disk" -v a="$(du -sb "$work/run" | cut -f1)" 'BEGIN {
    r = p / a
    printf "%s  disk: predicted %.0f MB, took %.0f MB (%+.0f %%)\n", (r >= 0.8 && r <= 1.2 ? "ok    " : "FAILED"), p / 1e6, a / 1e6, 100 * (r - 1)
    exit !(r >= 0.8 && r <= 1.2) }' || status=1

bin/faultline study run "$work/study.yaml" "${options[@]}" --run-dir "$work/again" >"$work/again.log" 2>&1 ||
    { tail -n 3 "$work/again.log" >&2; echo "FAILED  the study again" >&2; exit 1; }
if grep -q " tokens" "$work/again.log"; then
    echo "FAILED  a second run computed again: $(grep -m1 ' tokens' "$work/again.log")"
    status=1
else
    echo "ok      a second run of the same study computes nothing"
fi
for part in scores masks answers results.csv; do
    diff -r "$work/run/$part" "$work/again/$part" >/dev/null && echo "ok      $part from the cache" ||
        { echo "FAILED  $part from the cache differ"; status=1; }
done
exit $status
