#!/usr/bin/env bash
# kill -9 of the coordinator at random times, the same command again until it is through: scores, masks, answers and
# results have to be the bytes of a run that nobody disturbed. MODEL: a checkpoint; SEED and KILLS may be set.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
model=${MODEL:?MODEL names no checkpoint}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
RANDOM=${SEED:=$(date +%s)}
echo "seed $SEED"
cat >"$work/study.yaml" <<YAML
name: resume
model: $(realpath "$model")
block_examples: 4
batch_tokens: 504
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: 16}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: 16}
conditions:
  - unedited
  - set_difference: {p: 2, q: 2}
  - name: tuned
    finetune: {pairs: $root/demo/finetune_pairs.jsonl, samples: 8, steps: 6, batch: 4, parameters: linear, checkpoint_every: 2}
evaluation:
  harmful: {prompts: $root/demo/harmless_prompts.txt, samples: 12}
  max_new_tokens: 24
  slots: 4
  group_prompts: 4
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 1200, window: 300}
YAML
bin/faultline study run "$work/study.yaml" --run-dir "$work/golden" --no-cache --workers 1 >"$work/golden.log" 2>&1 ||
    { tail -n 3 "$work/golden.log" >&2; echo "FAILED  the undisturbed run" >&2; exit 1; }

kills=0
for life in $(seq 1 30); do
    bin/faultline study run "$work/study.yaml" --run-dir "$work/run" --no-cache --workers $((1 + life % 3)) >>"$work/run.log" 2>&1 &
    run=$!
    if [ "$kills" -lt "${KILLS:-5}" ]; then
        sleep "$((2 + RANDOM % 9)).$((RANDOM % 10))"
        kill -9 "$run" 2>/dev/null && kills=$((kills + 1))
    fi
    if wait "$run" 2>/dev/null; then break; fi
done
status=0
for part in scores masks answers results.csv; do
    diff -r "$work/golden/$part" "$work/run/$part" >/dev/null && echo "ok      $part after $kills kills" ||
        { echo "FAILED  $part differ after $kills kills (seed $SEED)"; status=1; }
done
again=$(bin/faultline study run "$work/study.yaml" --run-dir "$work/run" --no-cache --workers 1 2>&1) || status=1
grep -q "tokens" <<<"$again" && { echo "FAILED  a finished run computed again: $(grep -m1 tokens <<<"$again")"; status=1; } ||
    echo "ok      a finished run computes nothing again"
left=$(find "$work/run/partials" -type f | wc -l)
[ "$left" -eq 0 ] && echo "ok      no partials are left" || { echo "FAILED  $left partials are left"; status=1; }
exit $status
