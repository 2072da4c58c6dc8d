#!/usr/bin/env bash
# The related systems on a real model (SmolLM2, or MODEL): a study with a direction, units, a landscape, a merge and LoRA
# fine-tuning; the same bytes from any fleet; its exports opened by transformers, peft and gguf-py.
# SHAPES="3:1 2:2" workers:pipelines beside the one worker.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
run() { # COMMAND…
    must "$script: failed: $*" "$work/log" "$@"
}
head -n 24 demo/finetune_pairs.jsonl >"$work/a.jsonl"
head -n 24 demo/harmless_pairs.jsonl >"$work/b.jsonl"
# Two lists of ordinary prompts: what is checked is arithmetic, not refusals.
cat >"$work/related.yaml" <<YAML
name: related
model: $MODEL
seed: 3
statistics:
  - {name: states, statistic: residual_state, harmful: "a.jsonl:prompt", harmless: "b.jsonl:prompt", positions: [-1, -2]}
  - {name: units, statistic: unit_variance, harmful: "a.jsonl:prompt", harmless: "b.jsonl:prompt"}
  - {name: last, statistic: last_token_state, harmful: "a.jsonl:prompt", harmless: "b.jsonl:prompt"}
layer_curves: {statistic: last, pairs: 50}
conditions:
  - unedited
  - {name: orthogonal, direction: {edit: orthogonalise, statistic: states, layer: 14}}
  - {name: ablated, direction: {edit: ablate, statistic: states, layer: 14}}
  - {name: added, direction: {edit: add, statistic: states, layer: 14, strength: 0.5}}
  - {name: units, units: {statistic: units, class: safety, safety: 1}}
  - {name: moved, landscape: {alpha: 0.05}}
  - {name: scaled, scale: {layers: 6-9, alpha: 1.1}}
  - {name: lora, finetune: {pairs: a.jsonl, samples: 8, steps: 4, batch: 4, lr: 3.0e-3, lora: {rank: 4, alpha: 8, maps: [q, v, o, down]}}}
evaluation:
  harmless: {prompts: "b.jsonl:prompt", first: 4}
  max_new_tokens: 8
  first_token_kl: exact
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 200, window: 100}
export: [orthogonal, lora]
YAML
study() { # FOLDER FLEET-OPTIONS…
    local folder=$1
    shift
    run bin/faultline study run "$work/related.yaml" --run-dir "$folder" --no-cache "$@"
}

echo "== a study of the related systems"
study "$work/one" --workers 1
holds "every condition has its numbers" python3 - "$work/one/results.json" <<'PY'
import json, sys
conditions = json.load(open(sys.argv[1]))["conditions"]
assert len(conditions) == 8, len(conditions)
for condition in conditions:
    measures = condition["measures"]
    assert measures["perplexity"]["value"] > 1 and measures["first_token_kl"]["value"] >= 0, condition["name"]
    assert condition["name"] == "unedited" or measures["first_token_kl"]["value"] > 0, condition["name"]
PY

echo "== the same bytes from any fleet"
for shape in ${SHAPES:-3:1 2:2}; do
    study "$work/other" --workers "${shape%:*}" --pipelines "${shape#*:}"
    for part in statistics edits masks answers layer-curves.csv results.csv models/orthogonal/model.safetensors; do
        same_bytes "$part: ${shape%:*} workers, ${shape#*:} pipelines" "$work/one/$part" "$work/other/$part"
    done
    rm -rf "$work/other"
done

echo "== what other programs make of it"
run bin/faultline direction --model "$MODEL" --statistic "$work/one/statistics/states.safetensors" --layer 14 \
    --out "$work/direction.safetensors" --control-vector "$work/direction.gguf"
for name in orthogonal lora; do
    run bin/faultline export --model "$MODEL" --edit "$work/one/edits/$name.safetensors" --dtype f32 --out "$work/$name"
    run bin/faultline export --model "$MODEL" --edit "$work/one/edits/$name.safetensors" --adapter --out "$work/$name-adapter"
done
if python=$(python_for peft); then
    "$python" scripts/check/related.py --model "$MODEL" --work "$work" 2>"$work/python.log" ||
        { tail -n 1 "$work/python.log" >&2; failures=$((failures + 1)); }
else
    echo "skipped: no PyTorch or peft here"
fi
finish
