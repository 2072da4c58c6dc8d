#!/usr/bin/env bash
# kill -9 of the coordinator at random times, the same command again until it is through: scores, masks, answers and
# results have to be the bytes of a run that nobody disturbed. MODEL, SEED and KILLS may be set.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
RANDOM=${SEED:=$(date +%s)}
echo "seed $SEED"
cat >"$work/study.yaml" <<YAML
name: resume
model: $MODEL
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
must "FAILED  the undisturbed run" "$work/golden.log" \
    bin/faultline study run "$work/study.yaml" --run-dir "$work/golden" --no-cache --workers 1

kills=0
for life in $(seq 1 30); do
    start "$work/run.log" bin/faultline study run "$work/study.yaml" --run-dir "$work/run" --no-cache --workers $((1 + life % 3))
    run=$started
    if [ "$kills" -lt "${KILLS:-5}" ]; then
        sleep "$((2 + RANDOM % 9)).$((RANDOM % 10))"
        kill -9 "$run" 2>/dev/null && kills=$((kills + 1))
    fi
    if wait "$run" 2>/dev/null; then break; fi
done
for part in scores masks answers results.csv; do
    same_bytes "$part after $kills kills" "$work/golden/$part" "$work/run/$part"
done
must "FAILED  the finished run, started once more" "$work/again.log" \
    bin/faultline study run "$work/study.yaml" --run-dir "$work/run" --no-cache --workers 1
if says tokens "$work/again.log"; then
    verdict "a finished run computed again: $(grep -m1 tokens "$work/again.log")" 1
else
    verdict "a finished run computes nothing again" 0
fi
left=$(find "$work/run/partials" -type f | wc -l)
holds "no partials are left" test "$left" -eq 0
[ "$failures" -eq 0 ]
