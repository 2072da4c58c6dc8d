#!/usr/bin/env python3
"""Random tiny models of random configurations against transformers: the same log-likelihoods, or a refusal by name.

    configurations.py --faultline bin/faultline [--seed 1] [--count 60]

Llama, Mistral, Qwen2 and Qwen3, as Hugging Face folders in both spellings of `config.json` and, where easy, as GGUF
files; every second case with a key that is unusual, contradictory, of another type, or means other mathematics. Where
transformers cannot load the folder, Faultline has to refuse it. Needs torch, transformers, gguf, safetensors.
"""
import argparse
import copy
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import gguf
import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel

import shared

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
ALPHABET = sorted(ByteLevel.alphabet())
VOCABULARY = {token: number for number, token in enumerate(ALPHABET)}
CLASSES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def rope(draw, positions):
    """Settings in transformers 5's spelling."""
    theta = draw.choice([10000.0, 500000.0, 1000000, 321.5])
    kind = draw.choice(["default", "default", "linear", "dynamic", "llama3", "yarn", "yarn"])
    settings = {"rope_type": kind, "rope_theta": theta}
    if kind != "default":
        settings["factor"] = draw.choice([2.0, 4, 8.0, 1.5])
    if kind == "llama3":
        settings.update(low_freq_factor=1.0, high_freq_factor=draw.choice([4.0, 2]), original_max_position_embeddings=positions // 4)
    if kind == "yarn":
        settings["original_max_position_embeddings"] = positions // 4
        for key, values in {"beta_fast": [32, 16.0], "beta_slow": [1, 2.0], "attention_factor": [0.9, 1.3], "mscale": [1.0, 0.707]}.items():
            if draw.random() < 0.3:
                settings[key] = draw.choice(values)
        if "mscale" in settings:
            settings["mscale_all_dim"] = draw.choice([0.5, 1.0])
    return settings


def configuration(draw):
    family = draw.choice(list(CLASSES))
    heads = draw.choice([1, 2, 4])
    head = draw.choice([4, 6, 8, 16])
    positions = draw.choice([64, 128, 256])
    config = {
        "model_type": family, "architectures": [CLASSES[family]], "hidden_act": "silu", "hidden_size": heads * head,
        "intermediate_size": draw.choice([8, 20, 36]), "num_hidden_layers": draw.randint(1, 3), "num_attention_heads": heads,
        "num_key_value_heads": draw.choice([n for n in (1, 2, 4) if heads % n == 0]), "vocab_size": len(VOCABULARY) + draw.choice([1, 3]),
        "rms_norm_eps": draw.choice([1e-6, 1e-5, 0.01]), "max_position_embeddings": positions,
        "tie_word_embeddings": draw.random() < 0.3, "rope_parameters": rope(draw, positions), "bos_token_id": None, "eos_token_id": None}
    if family == "qwen3" or draw.random() < 0.3:
        config["head_dim"] = draw.choice([head, 2 * head])
    if family in ("llama", "qwen3"):
        config["attention_bias"] = draw.random() < 0.4
    if family == "llama":
        config["mlp_bias"] = draw.random() < 0.3
    if family == "mistral":
        config["sliding_window"] = draw.choice([None, 5, 17])
    if family in ("qwen2", "qwen3"):
        config["use_sliding_window"] = draw.random() < 0.5
        config["sliding_window"] = draw.choice([5, 17, None]) if config["use_sliding_window"] else None
        config["max_window_layers"] = draw.randint(0, 3)
        if config["sliding_window"] is not None and draw.random() < 0.5:
            config["layer_types"] = [draw.choice(["full_attention", "sliding_attention"]) for _ in range(config["num_hidden_layers"])]
    return config


def old_spelling(config):
    """The same configuration as transformers 4 writes it."""
    config = copy.deepcopy(config)
    settings = config.pop("rope_parameters")
    config["rope_theta"] = settings.pop("rope_theta")
    config["rope_scaling"] = None if settings["rope_type"] == "default" else settings
    config["torch_dtype"] = "bfloat16"
    return config


def twist(draw, config):
    """Changes one key: unusual, contradictory, of another type, or of other mathematics."""
    key, value = draw.choice([
        ("is_causal", False), ("is_causal", True), ("hidden_act", "gelu"), ("hidden_act", "swish"), ("rms_norm_eps", "1e-5"),
        ("rms_norm_eps", None), ("rms_norm_eps", 1), ("num_hidden_layers", 1.0), ("num_hidden_layers", "2"), ("num_attention_heads", None),
        ("num_key_value_heads", None), ("head_dim", None), ("head_dim", 8.0), ("tie_word_embeddings", "true"),
        ("tie_word_embeddings", None), ("tie_word_embeddings", 1), ("attention_bias", "false"), ("attention_bias", True), ("mlp_bias", True),
        ("rope_theta", "10000"), ("rope_theta", 77.0), ("rope_theta", None), ("rope_scaling", "linear"), ("rope_scaling", {}),
        ("rope_scaling", {"type": "linear", "factor": 3.0}), ("rope_scaling", {"type": "linear", "rope_type": "dynamic", "factor": 3.0}),
        ("rope_scaling", {"rope_type": "llama3", "factor": 2.0}), ("rope_scaling", {"rope_type": "yarn", "factor": 2.0, "truncate": False}),
        ("rope_scaling", {"rope_type": "yarn", "factor": 2.0}), ("rope_scaling", {"rope_type": "longrope", "factor": 2.0}),
        ("rope_scaling", {"rope_type": "linear", "factor": "2"}), ("rope_scaling", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16.5}),
        ("rope_parameters", {"full_attention": {"rope_type": "default"}}), ("partial_rotary_factor", 0.5), ("partial_rotary_factor", 1.0),
        ("original_max_position_embeddings", 32), ("sliding_window", 6), ("sliding_window", 0), ("sliding_window", "6"), ("use_sliding_window", 1),
        ("use_sliding_window", True), ("max_window_layers", None), ("layer_types", ["sliding_attention"]), ("layer_types", "full_attention"),
        ("layer_types", ["chunked_attention"] * config["num_hidden_layers"]), ("layer_types", ["sliding_attention"] * config["num_hidden_layers"]),
        ("attention_chunk_size", 4), ("attention_multiplier", 0.3), ("residual_multiplier", 2.0), ("logits_scaling", 4.0), ("logit_scale", 2.0),
        ("query_pre_attn_scalar", 64), ("attn_logit_softcapping", 20.0), ("final_logit_softcapping", 20.0), ("clip_qkv", 1.0),
        ("embedding_multiplier", 3.0), ("num_experts", 4), ("quantization_config", {"quant_method": "awq"}), ("pretraining_tp", 2),
        ("use_cache", False), ("attention_dropout", 0.5), ("initializer_range", 0.5), ("transformers_version", 3), ("unknown_note", "x"),
        ("torch_dtype", "float16"), ("dtype", "bfloat16"), ("vocab_size", 10**20), ("hidden_size", -8), ("intermediate_size", True),
        ("architectures", ["LLaMAForCausalLM"]), ("architectures", None), ("architectures", "LlamaForCausalLM"), ("architectures", ["GPT2LMHeadModel"]),
        ("per_layer_config", {"0": {"num_attention_heads": 1}}), ("max_position_embeddings", "128"), ("chunk_size_feed_forward", 4),
        ("num_kv_shared_layers", 1), ("tie_last_hidden_states", True), ("no_rope_layers", [0]), ("bos_token_id", "1"),
    ])
    config[key] = value
    return f"{key} = {json.dumps(value)}"


def weights(draw, model):
    """Weights large enough that every setting shows."""
    generator = torch.Generator().manual_seed(draw.randrange(1 << 30))
    result = {}
    for name, tensor in model.state_dict().items():
        scale = 0.5 if "norm" not in name else 0.2
        values = scale * torch.randn(tensor.shape, generator=generator)
        result[name] = values + 1 if "norm" in name else values
    if model.config.tie_word_embeddings:
        result["lm_head.weight"] = result["model.embed_tokens.weight"].clone()
    return result


def write_tensors(draw, folder, tensors, config):
    """The folder's weights: other types, tied heads that are there as well, names without `model.`."""
    kind = draw.choice([torch.float32, torch.float32, torch.bfloat16, torch.float16, torch.float64])
    if config.get("tie_word_embeddings") is True:
        tensors.pop("lm_head.weight", None)
        head = draw.random()
        if head < 0.2:
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
        elif head < 0.4:
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] * 0.7
        elif head < 0.5:
            tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")
    if draw.random() < 0.15:
        tensors = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    save_file({name: tensor.to(kind).contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return str(kind)


def permuted(tensor, heads):
    """llama.cpp's order of rotary rows."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def write_gguf(draw, path, config, tensors):
    """The model as a GGUF file. Returns what is unusual about it; None where it has no place for the configuration."""
    family = config["model_type"]
    settings = config["rope_parameters"]
    if config.get("sliding_window") is not None or settings["rope_type"] in ("dynamic", "llama3") or "mscale" in settings:
        return None
    name = "llama" if family == "mistral" else family
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    writer = gguf.GGUFWriter(path, name)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(float(settings["rope_theta"]))
    if settings["rope_type"] == "linear":
        writer.add_string(f"{name}.rope.scaling.type", "linear")
        writer.add_float32(f"{name}.rope.scaling.factor", float(settings["factor"]))
    if settings["rope_type"] == "yarn":
        if "attention_factor" in settings or "beta_fast" in settings or "beta_slow" in settings:
            return None
        writer.add_string(f"{name}.rope.scaling.type", "yarn")
        writer.add_float32(f"{name}.rope.scaling.factor", float(settings["factor"]))
        writer.add_uint32(f"{name}.rope.scaling.original_context_length", settings["original_max_position_embeddings"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    # The format has no empty list of merges; the texts hold no such pair.
    tokens = ALPHABET + ["!!"] + [f"<unused{i}>" for i in range(config["vocab_size"] - len(ALPHABET) - 1)]
    writer.add_token_list(tokens)
    writer.add_token_types([1] * len(tokens))
    writer.add_token_merges(["! !"])
    note, other = "", False
    if draw.random() < 0.6:
        key, kind, value, other = draw.choice([
            ("attention.causal", "bool", False, True), ("attention.causal", "bool", True, False), ("attention.scale", "float32", 0.5 / head, True),
            ("attention.scale", "float32", head**-0.5, False), ("attn_logit_softcapping", "float32", 20.0, True),
            ("final_logit_softcapping", "float32", 20.0, True), ("attention.sliding_window", "uint32", 4, True),
            ("attention.sliding_window", "uint32", 1 << 20, False), ("rope.dimension_sections", "array", [2, 2, 0, 0], True),
            ("expert_count", "uint32", 4, True), ("expert_count", "uint32", 0, False), ("logit_scale", "float32", 2.0, True),
            ("use_parallel_residual", "bool", True, True), ("attention.max_alibi_bias", "float32", 8.0, True),
            ("attention.clamp_kqv", "float32", 1.0, True), ("embedding_scale", "float32", 2.0, True), ("rope.scaling.finetuned", "bool", True, False),
            ("residual_scale", "float32", 1.0, False), ("rope.scaling.yarn_log_multiplier", "float32", 0.1, True),
            ("a_new_setting", "float32", 0.3, True), ("attention.head_count_kv", "string", "2", True)])
        note = f"{key} = {value}"
        if kind == "string":
            writer.kv_data[0].pop(f"{name}.{key}")
        getattr(writer, f"add_{kind}")(f"{name}.{key}", value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[name.upper()], config["num_hidden_layers"])
    for original, tensor in tensors.items():
        if original == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        values = tensor.float().numpy()
        if name == "llama" and ("q_proj" in original or "k_proj" in original):
            values = permuted(values, heads if "q_proj" in original else groups)
        if values.ndim == 2 and draw.random() < 0.3:
            values = values.astype(np.float64 if draw.random() < 0.3 else np.float32)
        writer.add_tensor(names.get_name(original, (".weight", ".bias")), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return note, other


def tokenizer():
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": VOCABULARY, "merges": []}}


def questions(draw):
    def words(least, most):
        return "".join(draw.choice("abcdefghij .,xyz") for _ in range(draw.randint(least, most)))

    return [
        {"task": "t", "id": str(i), "context": words(1, 30) + "?", "choices": [words(1, 12) + ".", words(1, 12) + "!"], "label": 0}
        for i in range(4)]


def likelihoods(model, items):
    def ids(text):
        return [VOCABULARY[token] for part, _ in ByteLevel(add_prefix_space=False).pre_tokenize_str(text) for token in part]

    result = []
    for item in items:
        context = ids(item["context"])
        for choice in item["choices"]:
            tokens = context + ids(choice)
            with torch.no_grad():
                scores = model(torch.tensor([tokens])).logits[0].double().log_softmax(-1)
            result.append(sum(scores[at - 1, tokens[at]].item() for at in range(len(context), len(tokens))))
    return result


def ours(faultline, model, folder):
    out = folder / "questions-out.jsonl"
    out.unlink(missing_ok=True)
    run = subprocess.run(
        [faultline, "evaluate", "--model", model, "--tasks", folder / "questions.jsonl", "--questions-out", out,
         "--out", folder / "results.json", "--workers", "1", "--template", "none"], capture_output=True, text=True, cwd=folder)
    if run.returncode == 0:
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        return [value for line in sorted(lines, key=lambda line: str(line["id"])) for value in line["log_likelihoods"]], ""
    return (None if run.returncode == 2 else run.returncode), run.stderr.strip()


def compare(tally, number, note, expected, found, words, plain):
    if found is None and plain:
        tally.failed(number, f"{note}: nothing unusual, and refused: {words[-300:]}")
    elif found is None:
        # With a fleet there may be lines before the error; the error is one.
        tally.refused(words.splitlines()[-1])
    elif isinstance(found, int):
        tally.failed(number, f"{note}: exit code {found}: {words[-300:]}")
    elif expected is None:
        tally.failed(number, f"{note}: the reference refuses it, Faultline does not")
    else:
        worst = max(abs(a - b) for a, b in zip(expected, found, strict=True))
        if worst < 2e-3:
            tally.same()
        else:
            tally.failed(number, f"{note}: log-likelihoods differ by {worst:.4g}")


def one(draw, faultline, folder, tally, number):
    config = configuration(draw)
    made = transformers.AutoConfig.for_model(**copy.deepcopy(config))
    tensors = weights(draw, transformers.AutoModelForCausalLM.from_config(made))
    items = questions(draw)
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, items)))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    if draw.random() < 0.25:
        path = folder / "model.gguf"
        written = write_gguf(draw, path, config, tensors)
        if written:
            model = transformers.AutoModelForCausalLM.from_config(made, attn_implementation="eager").float().eval()
            model.load_state_dict(tensors)
            model.tie_weights()
            expected = None if written[1] else likelihoods(model, items)
            return compare(tally, number, f"GGUF {config['model_type']} {written[0]}", expected, *ours(faultline, path, folder), plain=not written[1])
    note = "HF"
    final = old_spelling(config) if draw.random() < 0.5 else config
    if draw.random() < 0.5:
        final = copy.deepcopy(final)
        note = twist(draw, final)
    (folder / "config.json").write_text(json.dumps(final))
    kind = write_tensors(draw, folder, dict(tensors), final)
    try:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        # Weights that are missing are drawn at random: no reference.
        expected = None if info["missing_keys"] or info.get("mismatched_keys") else likelihoods(model.eval(), items)
    except Exception:
        expected = None
    return compare(tally, number, f"{config['model_type']} {kind} {note}", expected, *ours(faultline, folder, folder), plain=note == "HF")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faultline", default="bin/faultline")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tally = shared.Tally("configurations", arguments.seed)
    for number in range(arguments.count):
        with tempfile.TemporaryDirectory() as folder:
            draw = random.Random(f"{arguments.seed}-{number}")
            one(draw, pathlib.Path(arguments.faultline).resolve(), pathlib.Path(folder), tally, number)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
