#!/usr/bin/env bash
# Random cases against the reference, one script a part in scripts/check/sweep/: each is equal to the reference or refused
# by name. SEED (default 1) and COUNT (default: each part's own) choose the cases; PARTS="templates …" the parts.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
python=$(python_for torch) || { echo "skipped: no transformers here"; exit 0; }
for part in ${PARTS:-configurations damages templates tokenizer_files}; do
    echo "== sweep: $part"
    status=0
    "$python" "scripts/check/sweep/$part.py" --seed "${SEED:-1}" ${COUNT:+--count "$COUNT"} || status=$?
    verdict "$part" "$status"
done
finish
