#!/usr/bin/env bash
# The status page of a real fleet in a real browser, at two widths, light and dark; its JSON, its metrics (promtool and
# Python's prometheus_client where Debian has them) and its logs. A worker is killed on the way. On SmolLM2,
# or MODEL. PICTURES: a folder for the screenshots.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
LINES_SHOWN=3

echo "== the status page"
cat >"$work/study.yaml" <<YAML
name: page
model: $MODEL
block_examples: 4
batch_tokens: 504
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: 12}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: 48}
conditions:
  - unedited
  - set_difference: {p: 2, q: 2}
evaluation:
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 1200, window: 300}
YAML
bin/faultline keygen --out "$work/keys" --workers 0 >/dev/null
token=$work/keys/view.token
FAULTLINE_LOG=json bin/faultline study run "$work/study.yaml" --run-dir "$work/run" --no-cache --workers 4 --pipelines 1 --threads 1 \
    --status-port 0 --view-token "$token" >"$work/out" 2>"$work/log" &
run=$!
cleanups+=("end_started $run")
within 30 says 'http://' "$work/log" || { tail -n 3 "$work/log" >&2; echo "FAILED  no status page"; exit 1; }
url=$(grep -ao 'http://[^"]*' "$work/log" | head -n 1)
status() { bin/faultline status --url "$url" --token-file "$token" "$@"; }
shows_time_left() { status >"$work/status" 2>&1 && says 'left$' "$work/status"; }
within 60 shows_time_left || true
cat "$work/status"
check "faultline status --url" grep -q 'tasks, .* tokens' "$work/status"
check "status.json is the same" python3 - "$work/run/status.json" <(status --json) <<'PY'
import json, sys
there, here = (json.load(open(path)) for path in sys.argv[1:])
# What is not known yet is left out.
differ = (there.keys() ^ here.keys()) | (there["progress"].keys() ^ here["progress"].keys())
assert differ <= {"rate", "secondsLeft", "idle"}, differ
PY

find_chromium
look_at page "$url" "${PICTURES:-$work/pictures}/working" "$token"

victim=$(children "$run" | tail -n 1)
kill -9 "$victim"
shows_a_loss() { status --json 2>/dev/null | grep -q '"event":"lost"'; }
within 20 shows_a_loss || true
check "a killed worker shows" shows_a_loss
look_at page "$url" "${PICTURES:-$work/pictures}/after-a-kill" "$token"

python3 - "$url" "$token" >"$work/metrics" <<'PY'
import sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "metrics", headers={"Authorization": "Bearer " + open(sys.argv[2]).read().strip()})
sys.stdout.write(urllib.request.urlopen(request, timeout=20).read().decode())
PY
check "metrics tell of the kill" grep -q '^faultline_workers_lost_total{cause=".*"} 1$' "$work/metrics"
# Unpacked, not installed: the package would start a server.
unpack() { (cd "$work" && apt-get download "$1" && dpkg -x "$1"_*.deb "$work/$1") >/dev/null 2>&1; }
promtool=$(command -v promtool || true)
if [ -z "$promtool" ] && unpack prometheus; then promtool=$work/prometheus/usr/bin/promtool; fi
if [ -n "$promtool" ]; then
    check "promtool check metrics" "$promtool" check metrics <"$work/metrics"
else
    echo "skipped: no promtool here"
fi
packages=usr/lib/python3/dist-packages
if python3 -c 'import prometheus_client' 2>/dev/null || { unpack python3-prometheus-client && unpack python3-decorator; }; then
    PYTHONPATH=$work/python3-prometheus-client/$packages:$work/python3-decorator/$packages \
        check "prometheus_client reads the metrics" python3 - "$work/metrics" <<'PY'
import sys
from prometheus_client.parser import text_string_to_metric_families
families = {family.name: family for family in text_string_to_metric_families(open(sys.argv[1]).read())}
assert families["faultline_tasks"].type == "gauge" and families["faultline_batches"].type == "counter"
assert sum(sample.value for sample in families["faultline_workers"].samples) >= 3
PY
else
    echo "skipped: no prometheus_client here"
fi

status=0
wait "$run" || status=$?
verdict "the run ends by itself" "$status"
check "when it is over, one line says so" grep -q 'nothing answers (connection refused)' <(status 2>&1)
check "logs are an object a line" python3 - "$work/log" "$work/run/log.jsonl" <<'PY'
import json, sys
for path in sys.argv[1:]:
    events = {json.loads(line)["event"] for line in open(path)}
    assert {"joined", "granted", "committed", "lost", "interrupted"} <= events, (path, events)
PY
[ "$failures" -eq 0 ]
