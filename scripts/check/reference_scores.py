"""SNIP and Wanda by plain PyTorch: the independent implementation `make check-full` compares with.

    reference_scores.py --model FOLDER|FILE.gguf (--examples EXAMPLES.jsonl | --pairs PAIRS.jsonl)
                        [--out-snip S] [--out-wanda S] [--loss mean|sum] [--threads N] [--limit N]

EXAMPLES: one JSON object a line, {"tokens": [ids], "scored_from": n}; tokens scored_from.. are the response. PAIRS:
{"prompt", "response"}, tokenised here by transformers: the chat template around one user turn, then the response apart,
without an end token. Both files hold F32 [d_out, d_in] under the weights' own names:
    SNIP   |W| * mean over examples of |gradient of the example's NLL|
    Wanda  |W| * sqrt(sum over response positions of the map's input squared)
"""
import argparse
import json

import torch
from safetensors.torch import save_file
from torch import nn

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def load(path, dtype=torch.float32):
    from pathlib import Path

    from transformers import AutoModelForCausalLM

    path = Path(path)
    options = {"dtype": dtype, "attn_implementation": "eager"}
    if path.suffix == ".gguf":
        return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, **options).eval()
    return AutoModelForCausalLM.from_pretrained(path, **options).eval()


def linear_maps(model):
    return {f"{name}.weight": module for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and name.split(".")[-1] in LINEAR and ".layers." in name}


def examples(path, limit=None):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()][:limit]
    return [(torch.tensor(row["tokens"]), row["scored_from"]) for row in rows]


def pairs(path, model_path, limit=None):
    """The same from text, by the tokenizer and chat template that transformers finds in the checkpoint."""
    from pathlib import Path

    from transformers import AutoTokenizer

    model_path = Path(model_path)
    if model_path.suffix == ".gguf":
        tokenizer = AutoTokenizer.from_pretrained(model_path.parent, gguf_file=model_path.name)
    else:
        tokenizer = AutoTokenizer.from_pretrained(model_path)
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()][:limit]
    data = []
    for row in rows:
        turn = [{"role": "user", "content": row["prompt"]}]
        prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        first = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        response = tokenizer(row["response"], add_special_tokens=False)["input_ids"]
        data.append((torch.tensor(first + response), len(first)))
    return data


def response_loss(model, tokens, scored_from, reduction="mean"):
    """NLL of tokens scored_from.., the head evaluated where it is needed only."""
    hidden = model.model(input_ids=tokens[None, :], use_cache=False).last_hidden_state[0, scored_from - 1:-1]
    logits = model.lm_head(hidden)
    return nn.functional.cross_entropy(logits.float(), tokens[scored_from:], reduction=reduction)


def scores(model, data, reduction="mean", progress=lambda i: None):
    """(snip, wanda): two dictionaries of F32 [d_out, d_in]; squares are summed in F64."""
    maps = linear_maps(model)
    model.requires_grad_(False)
    absolute = {name: torch.zeros_like(module.weight) for name, module in maps.items()}
    squares = {name: torch.zeros(module.in_features, dtype=torch.float64) for name, module in maps.items()}
    start = [0]

    def tap(name):
        def add(_, inputs):
            squares[name].add_(inputs[0].detach()[0, start[0]:].double().square().sum(0))
        return add

    hooks = []
    for name, module in maps.items():
        module.weight.requires_grad_(True)
        hooks.append(module.register_forward_pre_hook(tap(name)))
    for i, (tokens, scored_from) in enumerate(data):
        start[0] = scored_from
        response_loss(model, tokens, scored_from, reduction).backward()
        for name, module in maps.items():
            absolute[name] += module.weight.grad.abs()
            module.weight.grad = None
        progress(i)
    for hook in hooks:
        hook.remove()
    weights = {name: module.weight.detach().abs() for name, module in maps.items()}
    return ({name: weights[name] * absolute[name] / len(data) for name in maps},
            {name: (weights[name].double() * squares[name].sqrt()).float() for name in maps})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--examples")
    source.add_argument("--pairs")
    parser.add_argument("--out-snip")
    parser.add_argument("--out-wanda")
    parser.add_argument("--loss", choices=("mean", "sum"), default="mean")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.pairs:
        data = pairs(options.pairs, options.model, options.limit)
    else:
        data = examples(options.examples, options.limit)
    model = load(options.model)
    snip, wanda = scores(model, data, options.loss, lambda i: print(f"\r{i + 1}/{len(data)}", end="", flush=True))
    print()
    for path, tensors in ((options.out_snip, snip), (options.out_wanda, wanda)):
        if path:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path,
                      metadata={"made_by": "reference_scores.py", "loss": options.loss, "examples": str(len(data))})


if __name__ == "__main__":
    main()
