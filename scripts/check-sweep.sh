#!/usr/bin/env bash
# Random cases against the reference, one script a part in scripts/check-sweep/: each is equal to the reference or refused
# by name. SEED (default 1) and COUNT (default: each part's own) choose the cases; PARTS="templates …" the parts.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
python=$(bash scripts/python-env.sh) || { echo "skipped: no transformers here"; exit 0; }
failures=0
for script in scripts/check-sweep/*.py; do
    part=$(basename "$script" .py)
    case " ${PARTS:-$part} " in *" $part "*) ;; *) continue ;; esac
    echo "== sweep: $part"
    if "$python" "$script" --seed "${SEED:-1}" ${COUNT:+--count "$COUNT"}; then
        echo "ok      $part"
    else
        echo "FAILED  $part"
        failures=$((failures + 1))
    fi
done
[ "$failures" -eq 0 ] && echo "check-sweep: all passed" || { echo "check-sweep: $failures failed" >&2; exit 1; }
