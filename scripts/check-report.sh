#!/usr/bin/env bash
# The report of a real study in a real browser, at two widths, light and dark; with gnuplot and without. MODEL: a
# checkpoint; PICTURES: a folder for the screenshots; REPORT: look at this report instead of making one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pictures=${PICTURES:-$work/pictures}
failures=0
chromium=$(command -v chromium || true)
if [ -z "$chromium" ] && bash scripts/apt-install.sh chromium >/dev/null 2>&1; then chromium=$(command -v chromium || true); fi
look() { # REPORT FOLDER
    if [ -z "$chromium" ]; then echo "skipped: no Chromium here"; return; fi
    python3 scripts/check_report.py "$chromium" "$1" "$2" || failures=$((failures + 1))
}

echo "== the report"
if [ -n "${REPORT:-}" ]; then
    look "$REPORT" "$pictures"
    exit "$failures"
fi
model=$(realpath "${MODEL:?MODEL names no checkpoint}")
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
model: $model
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
run() { bin/faultline study run "$work/study.yaml" --run-dir "$work/run" >"$work/out" 2>"$work/log" ||
    { tail -n 3 "$work/log" >&2; echo "FAILED  the study"; exit 1; }; }
run
figures() { grep -c '<figure ' "$work/run/report.html"; }
drawings() { grep -c '<svg ' "$work/run/report.html" || true; }
if command -v gnuplot >/dev/null; then
    if [ "$(figures)" -gt 4 ] && [ "$(drawings)" -eq "$(figures)" ]; then echo "ok      $(figures) figures, all drawn"; else
        echo "FAILED  $(drawings) of $(figures) figures are drawn"; failures=$((failures + 1)); fi
else
    echo "skipped: no gnuplot here"
fi
look "$work/run/report.html" "$pictures/drawn"
# Everything but gnuplot in PATH, and the same command again: what was computed is there.
mkdir "$work/bin"
for program in sh env python3; do ln -s "$(command -v "$program")" "$work/bin/$program"; done
start=$SECONDS
PATH=$work/bin "$root/bin/faultline" study run "$work/study.yaml" --run-dir "$work/run" >"$work/out" 2>"$work/log" ||
    { tail -n 3 "$work/log" >&2; echo "FAILED  the study without gnuplot"; exit 1; }
if [ "$(drawings)" -eq 0 ] && grep -q 'apt-get install gnuplot-nox' "$work/run/report.html" "$work/log"; then
    echo "ok      without gnuplot the numbers stand as tables ($((SECONDS - start)) s, nothing computed anew)"
else
    echo "FAILED  the report without gnuplot"; failures=$((failures + 1))
fi
look "$work/run/report.html" "$pictures/tables"
[ "$failures" -eq 0 ]
