#!/usr/bin/env bash
# The related systems on a real model (SmolLM2, or MODEL), in two studies: what they read off the unedited model, their edits,
# defences and trainings; and what begins with models that the first study exported. The same bytes from any fleet, and where
# a worker is killed; the exports opened by transformers, peft and gguf-py.
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
common() { # NAME
    cat <<YAML
name: $1
model: $MODEL
seed: 3
evaluation:
  harmful: {prompts: "a.jsonl:prompt", first: 3}
  harmless: {prompts: "b.jsonl:prompt", first: 3}
  max_new_tokens: 6
  coherence_floor: -6
  first_token_kl: exact
  refusal_log_odds: [40, 57]
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 200, window: 100}
YAML
}
{
    common related
    cat <<'YAML'
statistics:
  - {name: states, statistic: residual_state, harmful: "a.jsonl:prompt", harmless: "b.jsonl:prompt", positions: [-1, -2]}
  - {name: units, statistic: unit_variance, harmful: "a.jsonl:prompt", harmless: "b.jsonl:prompt"}
  - {name: last, statistic: last_token_state, harmful: "a.jsonl:prompt", harmless: "b.jsonl:prompt"}
  - {name: moves, statistic: transition, harmful: {pairs: a.jsonl, first: 6}, harmless: {pairs: b.jsonl, first: 6}}
refusal_direction:
  harmful: "a.jsonl:prompt"
  harmless: "b.jsonl:prompt"
  train: 8
  validation: 2
  filter: false
  refusal_tokens: [40, 57]
  positions: [-1]
  layers_below: 0.1
  kl: 1000
  induce: -1000
layer_curves: {statistic: last, pairs: 50}
layer_range: {prompts: {prompts: "b.jsonl:prompt", samples: 2}, alpha: 1.1, start: 10-12, reach: 1, max_new_tokens: 4}
reasoning_curves:
  prompts: {prompts: "a.jsonl:prompt", samples: 3}
  benign: "Sorry, somebody else has to say that."
  malicious: "Sure, here is how that is done."
  tokens: [2, 4]
conditions:
  - unedited
  - {name: orthogonal, direction: {edit: orthogonalise, statistic: states, layer: 14}}
  - {name: ablated, direction: {edit: ablate}}
  - {name: added, direction: {edit: add, statistic: states, layer: 14, strength: 0.5}}
  - {name: units, units: {statistic: units, class: safety, safety: 1}}
  - {name: moved, landscape: {alpha: 0.05}}
  - {name: scaled, scale: {layers: 6-9, alpha: 1.1}}
  - name: scans
    scans:
      harmful: {prompts: "a.jsonl:prompt", skip: 3}
      harmless: {prompts: "b.jsonl:prompt", skip: 3}
      anchors: 6
      calibration: 4
  - {name: told, defence: {strategy: instruction}}
  - {name: checked, defence: {strategy: self_check_answer, of: scaled, max_new_tokens: 4}}
  - {name: informed, defence: {strategy: knowledge, max_new_tokens: 8}}
  - {name: kept-units, finetune: {pairs: a.jsonl, samples: 4, steps: 2, batch: 2, lr: 1.0e-4, freeze: {units: {statistic: units, class: safety, safety: 1}}}}
  - {name: kept-layers, finetune: {pairs: a.jsonl, samples: 4, steps: 2, batch: 2, lr: 1.0e-4, freeze: {layers: found, norms: in}}}
  - {name: ascended, finetune: {pairs: a.jsonl, samples: 4, steps: 2, batch: 2, lr: 1.0e-5, ascent: true}}
export: [orthogonal, kept-units, ascended]
YAML
} >"$work/related.yaml"
{
    common repaired
    cat <<YAML
conditions:
  - unedited
  - {name: merged, merge: {with: $work/one/related/models/kept-units, t: 0.5}}
  - {name: added, delta: {to: $work/one/related/models/kept-units, from: $work/one/related/models/ascended, scale: 0.5, keep: {share: 0.5, rescale: true}}}
  - name: patched
    safe_patching:
      ascent: $work/one/related/models/ascended
      descent: $work/one/related/models/kept-units
      ascent_scores: $work/ascended.safetensors
      descent_scores: $work/kept-units.safetensors
  - {name: lora, finetune: {pairs: a.jsonl, samples: 8, steps: 4, batch: 4, lr: 3.0e-3, lora: {rank: 4, alpha: 8, maps: [q, v, o, down]}}}
  - {name: safe-lora, safe_lora: {of: lora, base: $work/one/related/models/kept-units, layers: 20}}
  - {name: antidote, antidote: {of: lora, pairs: b.jsonl, samples: 8}}
export: [lora]
YAML
} >"$work/repaired.yaml"
study() { # NAME FOLDER FLEET-OPTIONS…
    local name=$1 folder=$2/$1
    shift 2
    run bin/faultline study run "$work/$name.yaml" --run-dir "$folder" --no-cache "$@"
}
same() { # STUDY FOLDER WORDS
    local part
    for part in $(cd "$work/one/$1" && ls -d statistics directions gates edits masks answers models/*/*.safetensors ./*.csv 2>/dev/null); do
        same_bytes "$1: $part, $3" "$work/one/$1/$part" "$2/$1/$part"
    done
}

echo "== studies of the related systems"
study related "$work/one" --workers 1
for name in ascended kept-units; do
    run bin/faultline score --model "$work/one/related/models/$name" --data "$work/b.jsonl" --samples 4 --method snip --workers 1 \
        --out "$work/$name.safetensors"
done
study repaired "$work/one" --workers 1
holds "every condition has its numbers" python3 - "$work/one" <<'PY'
import json, sys
for study, count in (("related", 14), ("repaired", 7)):
    conditions = json.load(open(f"{sys.argv[1]}/{study}/results.json"))["conditions"]
    assert len(conditions) == count, len(conditions)
    for condition in conditions:
        if condition.get("defence"):
            continue
        measures, name = condition["measures"], condition["name"]
        assert measures["perplexity"]["value"] > 1 and measures["first_token_kl"]["value"] >= 0, name
        # SCANS steers prompts from their last token on, which a first token follows.
        assert name == "unedited" or measures["first_token_kl"]["value"] > 0, name
PY

echo "== the same bytes from any fleet"
for shape in ${SHAPES:-3:1 2:2}; do
    for name in related repaired; do
        study $name "$work/other" --workers "${shape%:*}" --pipelines "${shape#*:}"
        same $name "$work/other" "${shape%:*} workers, ${shape#*:} pipelines"
    done
    rm -rf "$work/other"
done

echo "== the same bytes where a worker is killed"
# Once while states are collected, once while a model is trained.
killed() { # STUDY PATTERN: a worker is killed when the run has said that
    local victim status=0
    start "$work/killed.log" bin/faultline study run "$work/$1.yaml" --run-dir "$work/killed/$1" --no-cache --workers 3 --pipelines 2
    run=$started
    within 300 says "$2" "$work/killed.log" || true
    victim=$(children "$run" | tail -n 1)
    [ -n "$victim" ] && kill -9 "$victim" || status=1
    wait "$run" || status=1
    [ "$status" -eq 0 ] || tail -n 3 "$work/killed.log" >&2
    verdict "$1: the run ends by itself after a kill" "$status"
    same "$1" "$work/killed" "after a kill"
}
killed related 'condition scans'
killed repaired 'lora: fine-tuning'
rm -rf "$work/killed"

echo "== what other programs make of it"
run bin/faultline direction --model "$MODEL" --statistic "$work/one/related/statistics/states.safetensors" --layer 14 \
    --out "$work/direction.safetensors" --control-vector "$work/direction.gguf"
for name in orthogonal lora; do
    edit=$(ls "$work"/one/*/edits/$name.safetensors)
    run bin/faultline export --model "$MODEL" --edit "$edit" --dtype f32 --out "$work/$name"
    run bin/faultline export --model "$MODEL" --edit "$edit" --adapter --out "$work/$name-adapter"
done
if python=$(python_for peft); then
    "$python" scripts/check/related.py --model "$MODEL" --work "$work" 2>"$work/python.log" ||
        { tail -n 1 "$work/python.log" >&2; failures=$((failures + 1)); }
else
    echo "skipped: no PyTorch or peft here"
fi
finish
