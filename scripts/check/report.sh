#!/usr/bin/env bash
# The report of a real study in a real browser, at two widths, light and dark; with gnuplot and without. On SmolLM2,
# or MODEL. PICTURES: a folder for the screenshots; REPORT: look at this report instead of making one.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
make_work
pictures=${PICTURES:-$work/pictures}
find_chromium

echo "== the report"
if [ -n "${REPORT:-}" ]; then
    look_at report "$REPORT" "$pictures"
    exit "$failures"
fi
find_model
# Harmless prompts stand for the harmful ones: what is looked at is the page. Their words make markup of a careless page.
printf '%s\n' 'Write <b>bold</b> & "quotes" in HTML, please.' 'What is 1 < 2 && 3 > 2?' 'Tell me a short story about a fox.' \
    'How do I boil an egg?' 'Name three rivers.' 'What is the capital of France?' >"$work/prompts.txt"
head -n 7 demo/harmless_pairs.jsonl | python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["prompt"])' >"$work/others.txt"
python3 - >"$work/sums.jsonl" <<'PY'
import json
for a in range(2, 10):
    right, wrong = f" {a + 3}", f" {a + 5}"
    print(json.dumps({"context": f"Question: What is {a} plus 3?\nAnswer:", "choices": [right, wrong], "label": 0}))
PY
cat >"$work/study.yaml" <<YAML
name: report
model: $MODEL
block_examples: 4
batch_tokens: 504
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: 8}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: 8}
overlap: {p: 5, q: 5, rank: 10%}
conditions:
  - unedited
  - {name: set-1-1, set_difference: {p: 1, q: 1}}
  - {name: set-1-5, set_difference: {p: 1, q: 5}}
  - {name: set-5-1, set_difference: {p: 5, q: 1}}
  - {name: set-5-5, set_difference: {p: 5, q: 5}}
  - {name: top-1, top: {q: 1}}
  - {name: top-5, top: {q: 5}}
  - {name: random, random: {like: set-1-5}}
  - orthogonal_projection: {r_u: 50%, r_s: 95%}
  - {name: random-ranks, random: {like: orthogonal_projection}}
evaluation:
  harmful: $work/prompts.txt
  harmless: $work/others.txt
  max_new_tokens: 24
  tasks: [$work/sums.jsonl]
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 300, window: 150}
YAML
must "FAILED  the study" "$work/log" bin/faultline study run "$work/study.yaml" --run-dir "$work/run"
figures() { grep -c '<figure ' "$work/run/report.html"; }
drawings() { grep -c '<svg ' "$work/run/report.html" || true; }
if command -v gnuplot >/dev/null; then
    if [ "$(figures)" -gt 4 ] && [ "$(drawings)" -eq "$(figures)" ]; then
        verdict "$(figures) figures, all drawn" 0
    else
        verdict "$(drawings) of $(figures) figures are drawn" 1
    fi
else
    echo "skipped: no gnuplot here"
fi
look_at report "$work/run/report.html" "$pictures/drawn"
# Everything but gnuplot in PATH, and the same command again: what was computed is there.
mkdir "$work/bin"
for program in sh env python3; do ln -s "$(command -v "$program")" "$work/bin/$program"; done
before=$SECONDS
must "FAILED  the study without gnuplot" "$work/plain.log" \
    env PATH="$work/bin" "$bin/faultline" study run "$work/study.yaml" --run-dir "$work/run"
if [ "$(drawings)" -eq 0 ] && grep -q 'apt-get install gnuplot-nox' "$work/run/report.html" "$work/plain.log"; then
    verdict "without gnuplot the numbers stand as tables ($((SECONDS - before)) s, nothing computed anew)" 0
else
    verdict "the report without gnuplot" 1
fi
look_at report "$work/run/report.html" "$pictures/tables"
[ "$failures" -eq 0 ]
