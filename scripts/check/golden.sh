#!/usr/bin/env bash
# One study that walks through every method, on a real model (SmolLM2, or MODEL): scores, masks, subspaces, edits, answers,
# trained weights and every number have to be the bytes on record in scripts/check/golden/.
#   golden.sh            compares
#   golden.sh --record   writes the record anew; say in the commit why the bytes may change
# GOLDEN_BASE=COMMIT builds that commit in a folder of its own and compares with it in place of the record.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work

printf '%s\n' 'now please' >"$work/suffixes.txt"
cat >"$work/tasks.jsonl" <<'JSONL'
{"task": "rivers", "id": "1", "context": "Question: Which of these is a river?\nAnswer:", "choices": [" the Danube", " Mount Everest", " the Sahara"], "label": 0}
{"task": "rivers", "id": "2", "context": "Question: Where does a river end?\nAnswer:", "choices": [" in the sky", " in the sea"], "label": 1}
{"task": "colours", "id": "3", "context": ["Grass is", "Grass is mostly"], "choices": [" green.", " purple."], "label": 0}
JSONL
mkdir "$work/zero-shot"
cat >"$work/zero-shot/openbookqa.jsonl" <<'JSONL'
{"question_stem": "The sun is a", "choices": {"text": ["planet", "star", "moon", "comet"], "label": ["A", "B", "C", "D"]}, "answerKey": "B"}
{"question_stem": "Ice melts when it gets", "choices": {"text": ["warm", "cold", "dark", "loud"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
JSONL
cat >"$work/zero-shot/rte.jsonl" <<'JSONL'
{"sentence1": "The cat sleeps on the mat.", "sentence2": "A cat is asleep.", "label": 0}
{"sentence1": "He sold the car.", "sentence2": "He owns the car.", "label": 1}
JSONL

write_study() { # FILE METHOD CONDITIONS
    cat >"$1" <<YAML
name: golden
model: $MODEL
block_examples: 4
batch_tokens: 504
scores: {method: $2}
calibration:
  safety: {pairs: $root/demo/finetune_pairs.jsonl, samples: 8}
  utility: {pairs: $root/demo/harmless_pairs.jsonl, samples: 8}
$3
YAML
}
# The kernels that every machine with AVX2 and FMA has, so that one record serves all of them.
level=avx2
finetune="pairs: $root/demo/finetune_pairs.jsonl, samples: 6, steps: 3, batch: 3, batch_tokens: 252, parameters: linear"
write_study "$work/snip.yaml" snip "overlap: {p: 5, q: 5, rank: 20}
probe:
  harmful: {prompts: $root/demo/harmless_prompts.txt, first: 12}
  harmless: {prompts: $root/demo/harmless_prompts.txt, skip: 12, first: 12}
conditions:
  - unedited
  - {name: by-matrix, set_difference: {p: [1, 3], q: 2}}
  - {name: by-row, set_difference: {p: 2, q: 2, group: row}}
  - {name: by-model, set_difference: {p: 2, q: 2, group: model}}
  - {name: in-order, order: sequential, top: {of: safety, q: 1}}
  - {name: bottom, bottom: {of: utility, q: 3}}
  - {name: random-weights, random: {like: by-row}}
  - heads: {top: 5}
  - {name: random-heads, heads: {random: 5}}
  - actsvd_top: {of: safety, rank: 2%}
  - actsvd_keep: {of: utility, rank: 60%}
  - actsvd_bottom: {of: safety, rank: 10%}
  - {name: projection, orthogonal_projection: {r_u: 50%, r_s: 90%}}
  - {name: random-ranks, random: {like: projection}}
  - {name: tuned, finetune: {$finetune, checkpoint_every: 2}}
  - {name: frozen, finetune: {$finetune, freeze: by-row}}
  - {name: rewound, finetune: {$finetune, rewind: by-row}}
  - finetune_grid: {pairs: $root/demo/finetune_pairs.jsonl, examples: [4], frozen: [0, 20], of: linear_maps, by: mask, epochs: 1, batch: 4}
evaluation:
  harmful: {prompts: $root/demo/harmless_prompts.txt, first: 3}
  harmless: {prompts: $root/demo/harmless_prompts.txt, skip: 6, first: 3}
  attacks: [vanilla, {adv_suffix: {suffixes: suffixes.txt}}, {adv_decoding: {samples: 2}}]
  max_new_tokens: 8
  slots: 3
  group_prompts: 3
  tasks: [tasks.jsonl]
  zero_shot: {documents: zero-shot, tasks: [openbookqa, rte]}
  perplexity: {file: $root/demo/perplexity.txt, max_tokens: 200, window: 100}
export: [by-row, projection, tuned, rewound]"
write_study "$work/wanda.yaml" wanda "conditions: [unedited, {top: {q: 1}}]
evaluation: {perplexity: {file: $root/demo/perplexity.txt, max_tokens: 200, window: 200}}"

digests() { # PROGRAM OUT: what that program makes of both studies
    local name at=(--level "$level")
    # Commits of before levels take OpenBLAS's name for it; this one looks at no such setting.
    export OPENBLAS_CORETYPE=Haswell
    [[ $("$1" study run --help) == *--level* ]] || at=()
    for name in snip wanda; do
        must "$script: the study failed" "$work/$name.log" \
            "$1" study run "$work/$name.yaml" "${at[@]}" --run-dir "$work/run-$name" --no-cache --workers "${WORKERS:-2}"
    done
    python3 scripts/check/golden_digests.py "$work/run-snip" "$work/run-wanda" >"$2"
    rm -rf "$work"/run-*
}
digests "$bin/faultline" "$work/now"

record=scripts/check/golden/$(basename "${MODEL%.*}").sha256
if [ "${1:-}" = --record ]; then
    mkdir -p scripts/check/golden
    cp "$work/now" "$record"
    echo "recorded $(grep -vc '^#' "$record") digests at kernel level $level in $record"
    exit 0
fi
if [ -n "${GOLDEN_BASE:-}" ]; then
    record=$work/base
    git worktree add --detach --quiet "$work/tree" "$GOLDEN_BASE"
    must "$script: $GOLDEN_BASE cannot be built" "$work/base.log" make -C "$work/tree" build
    digests "$work/tree/bin/faultline" "$record"
    git worktree remove --force "$work/tree"
    sed -i '/^#/d' "$record" "$work/now"
fi
[ -f "$record" ] || { echo "$script: no record of $(basename "$MODEL"); GOLDEN_BASE=COMMIT compares with a commit" >&2; exit 1; }
if cmp -s "$record" "$work/now"; then
    echo "ok      golden: $(grep -vc '^#' "$record") results at kernel level $level are the bytes on record"
else
    diff "$record" "$work/now" | awk '/^[<>]/ { print $3 }' | sort -u | head -n 20 >&2
    echo "FAILED  golden: results differ from the record" >&2
    exit 1
fi
