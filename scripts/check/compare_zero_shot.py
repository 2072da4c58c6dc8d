"""Zero-shot accuracy by EleutherAI's lm-eval on the same model and documents, held against Faultline's.

    compare_zero_shot.py --model FOLDER|FILE.gguf --documents FOLDER --questions OUT.jsonl
                         [--tasks boolq …] [--limit 200] [--max-length N] [--results RESULTS.json]
                         [--perplexity TEXT --window N]

OUT.jsonl and RESULTS.json are what `faultline evaluate --zero-shot FOLDER --questions-out OUT.jsonl --out RESULTS.json`
wrote. The documents are chosen here once more, by Python's own random.Random(42).shuffle; prompts, choices and
log-likelihoods are lm-eval's. With --perplexity, that of TEXT's full windows by transformers too (the run had
--perplexity TEXT --perplexity-window N). Exit 1 where a log-likelihood differs by more than 1e-3, a perplexity by more
than a 10,000th, or an accuracy or its standard error at all.
"""
import argparse
import json
import logging
import os
import pathlib
import random
import sys
import tempfile

TASKS = ("boolq", "rte", "hellaswag", "winogrande", "arc_challenge", "openbookqa")
TOLERANCE = 1e-3
# Where no network is, nothing shall wait for one; the tasks' data are local files.
for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def chosen(path, limit):
    """(index in the file, document) of the first `limit` after the shuffle."""
    with open(path, encoding="utf-8") as file:
        documents = list(enumerate(json.loads(line) for line in file if line.strip()))
    random.Random(42).shuffle(documents)
    return documents[:limit]


def task(manager, name, path, work):
    """lm-eval's own task over a local file in place of the hub's data set; all else stays as it is there."""
    settings = {
        "include": str(manager.task_index[name].yaml_path), "task": name, "dataset_path": "json", "dataset_name": None,
        "dataset_kwargs": {"data_files": {"validation": str(path)}}, "training_split": None, "fewshot_split": None,
        "validation_split": "validation", "test_split": None, "num_fewshot": 0,
    }
    file = work / f"{name}.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    return str(file)


def load(path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = pathlib.Path(path)
    place = {"pretrained_model_name_or_path": path}
    if path.suffix == ".gguf":
        place = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(**place)
    if path.suffix == ".gguf" and pre_tokenizer(path) == "smollm":
        # Its tokenizer.json sets every digit apart, "¼" and "²" too; transformers' GGUF reader leaves that out.
        from tokenizers.pre_tokenizers import Digits, Sequence
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = Sequence([Digits(individual_digits=True), backend.pre_tokenizer])
    return model, tokenizer


def pre_tokenizer(path):
    from gguf import GGUFReader

    field = GGUFReader(path).fields.get("tokenizer.ggml.pre")
    return field.contents() if field else None


def perplexity(model, tokenizer, path, window):
    """exp of the mean NLL over non-overlapping full windows, the first token of each unscored."""
    import torch

    tokens = tokenizer.encode(path.read_text(encoding="utf-8"), add_special_tokens=False)
    values = []
    for start in range(0, len(tokens) - window + 1, window):
        part = torch.tensor(tokens[start:start + window])
        with torch.no_grad():
            logs = torch.log_softmax(model(input_ids=part[None]).logits[0, :-1].double(), dim=-1)
        values.append(-logs.gather(1, part[1:, None])[:, 0])
    return torch.cat(values).mean().exp().item()


def harness(options, work):
    """For every task: its accuracies, and by document index the log-likelihood of every choice."""
    import lm_eval
    from lm_eval.tasks import TaskManager
    from lm_eval.models.huggingface import HFLM

    manager, tasks, order = TaskManager(), [], {}
    for name in options.tasks:
        documents = chosen(options.documents / f"{name}.jsonl", options.limit)
        order[name] = [index for index, _ in documents]
        path = work / f"{name}.jsonl"
        path.write_text("".join(json.dumps(document) + "\n" for _, document in documents), encoding="utf-8")
        tasks.append(task(manager, name, path, work))
    model, tokenizer = load(options.model)
    length = {} if options.max_length is None else {"max_length": options.max_length}
    # log_softmax in f32 over 49,152 tokens is off by 2e-5 a token, always to the same side: 1e-3 for a long choice.
    lm = HFLM(pretrained=model, tokenizer=tokenizer, backend="causal", batch_size=1, add_bos_token=False,
              softmax_dtype="float64", **length)
    found = lm_eval.simple_evaluate(model=lm, tasks=tasks, task_manager=manager, log_samples=True, bootstrap_iters=1000)
    sums = {}
    for name in options.tasks:
        sums[name] = {order[name][sample["doc_id"]]: [pair[0] for pair in sample["filtered_resps"]]
                      for sample in found["samples"][name]}
    text = None
    if options.perplexity:
        text = perplexity(model, tokenizer, options.perplexity, options.window)
    return found["results"], sums, text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--documents", required=True, type=pathlib.Path)
    parser.add_argument("--questions", required=True, type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--perplexity", type=pathlib.Path)
    parser.add_argument("--window", type=int)
    options = parser.parse_args()
    logging.disable(logging.WARNING)

    ours = {}
    for line in options.questions.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        ours.setdefault(row["task"], {})[int(row["id"])] = row
    measures = {}
    if options.results:
        measures = json.loads(options.results.read_text(encoding="utf-8"))["conditions"][-1]["measures"]
    with tempfile.TemporaryDirectory() as work:
        os.environ["HF_DATASETS_CACHE"] = work
        results, theirs, text = harness(options, pathlib.Path(work))

    good = True
    for name in options.tasks:
        mine = ours.get(name, {})
        same = mine.keys() == theirs[name].keys()
        worst = max((abs(a - b) for index in theirs[name] if index in mine
                     for a, b in zip(mine[index]["log_likelihoods"], theirs[name][index], strict=True)),
                    default=float("inf"))
        line = f"{name}: {len(mine)} documents, log-likelihoods within {worst:.1e}"
        good &= same and worst <= TOLERANCE
        for metric in ("acc", "acc_norm"):
            value = results[name].get(f"{metric},none")
            if value is None:
                continue
            own = sum(row[metric] for row in mine.values()) / max(1, len(mine))
            line += f", {metric} {own:.4f} and {value:.4f}"
            good &= abs(own - value) < 1e-9
            if measures:
                reported, error = (measures[f"{metric}_{name}"][key] for key in ("value", "standard_error"))
                line += f" ± {error:.4f} and {results[name][f'{metric}_stderr,none']:.4f}"
                good &= abs(reported - value) < 1e-9 and abs(error - results[name][f"{metric}_stderr,none"]) < 1e-9
        print(line if same else f"{line}; not the same documents", flush=True)
    if text is not None:
        own = measures["perplexity"]["value"]
        good &= abs(own - text) < 1e-4 * text
        print(f"perplexity {own:.5f} and {text:.5f}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
