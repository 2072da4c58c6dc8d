"""Remakes models/: tiny random checkpoints in every format, with the weights they stand for.

Needs: pip install torch transformers gguf safetensors sentencepiece. Run in this folder, after make_tokenizers.py:
python make_models.py
"""
import hashlib
import io
import json
import pathlib
import shutil

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Q
from safetensors.torch import load_file
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

from make_tokenizers import CASES, text_for_training

HERE = pathlib.Path(__file__).parent
OUT = HERE / "models"
COMMON = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
              vocab_size=20, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)


def save_expected(weights, name):
    """Shape, first weights and SHA-256 (little-endian f32) of every tensor."""
    table = {k: {"shape": v.shape, "first": v.reshape(-1)[:3].astype(float).tolist(),
                 "sha256": hashlib.sha256(np.ascontiguousarray(v, dtype="<f4").tobytes()).hexdigest()} for k, v in weights.items()}
    (OUT / f"{name}.expected.json").write_text(json.dumps(table, indent=0))


def hugging_face():
    kinds = {
        "llama": (LlamaForCausalLM, LlamaConfig(**COMMON, attention_bias=True, mlp_bias=True, rope_parameters={
            "rope_type": "llama3", "rope_theta": 5000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32}), torch.bfloat16, "5GB"),
        "mistral": (MistralForCausalLM, MistralConfig(**COMMON, sliding_window=8), torch.float16, "5GB"),
        "qwen2": (Qwen2ForCausalLM, Qwen2Config(**COMMON, tie_word_embeddings=True), torch.float32, "5GB"),
        "qwen3": (Qwen3ForCausalLM, Qwen3Config(**COMMON, head_dim=8, use_sliding_window=True, sliding_window=4,
                                              max_window_layers=1), torch.bfloat16, "4KB"),
    }
    for seed, (name, (cls, config, dtype, shard)) in enumerate(kinds.items()):
        torch.manual_seed(seed)
        model = cls(config).to(dtype)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn_like(parameter, dtype=torch.float32) * 0.3)
        model.save_pretrained(OUT / name, max_shard_size=shard)
        weights = {k: v.float().numpy().copy() for k, v in model.state_dict().items()
                   if not (config.tie_word_embeddings and k == "lm_head.weight")}
        save_expected(weights, name)


NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_norm": "attn_q_norm",
         "self_attn.k_norm": "attn_k_norm"}


def gguf_name(name):
    outer = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
             "lm_head.weight": "output.weight"}
    if name in outer:
        return outer[name]
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    inner, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[inner]}.{kind}"


def permute(weights, heads):
    """What llama.cpp's converter does to q and k of Llama models."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def unpermute(weights, heads):
    return weights.reshape(heads, weights.shape[0] // heads // 2, 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def start(path, arch, hidden, inter, layers, heads, kv, extra=lambda w: None, **options):
    writer = gguf.GGUFWriter(str(path), arch, **options)
    writer.add_block_count(layers)
    writer.add_context_length(64)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(inter)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(5000.0)
    extra(writer)
    return writer


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_of_llama(name, **options):
    """models/llama again, as llama.cpp would convert it: permuted, with the scaling as rope_freqs."""
    weights = {k: v.float().numpy() for k, v in load_file(OUT / "llama" / "model.safetensors").items()}
    writer = start(OUT / name, "llama", 16, 24, 2, 2, 1, **options)
    writer.add_tensor("rope_freqs.weight", np.array([1, 2, 4, 8], dtype=np.float32))
    for name, value in weights.items():
        if ".q_proj." in name or ".k_proj." in name:
            value = permute(value, 2 if ".q_proj." in name else 1)
        if value.ndim == 2:  # exact: the weights came from bf16
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(value, Q.BF16), raw_dtype=Q.BF16)
        else:
            writer.add_tensor(gguf_name(name), value)
    finish(writer)


def random_blocks(rows, columns, kind, draw):
    """Random K-type blocks with sane scales: gguf-py cannot quantise to these types."""
    length, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = draw.integers(0, 256, (rows * columns // length, size), dtype=np.uint8)
    scale = lambda: draw.uniform(0.001, 0.01, len(blocks)).astype(np.float16).view(np.uint8).reshape(-1, 2)
    if kind == Q.Q6_K:
        blocks[:, 208:210] = scale()
    else:
        blocks[:, 0:2], blocks[:, 2:4] = scale(), scale()
    return blocks.reshape(rows, -1)


def quantised():
    """Every quantised type, in a model of each architecture GGUF files name."""
    types = {"attn_q": Q.Q4_K, "attn_k": Q.Q6_K, "attn_v": Q.Q5_K, "attn_output": Q.Q4_0, "ffn_gate": Q.Q8_0, "ffn_up": Q.Q5_0,
             "ffn_down": Q.Q5_1, "token_embd": Q.Q4_1, "output": Q.F16}
    for seed, arch in enumerate(["llama", "qwen2", "qwen3"]):
        draw = np.random.default_rng(seed)
        heads, kv, head, hidden, inter, vocab = 2, 1, 16, 256, 32, 24
        shapes = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,), "lm_head.weight": (vocab, hidden)}
        block = {"self_attn.q_proj.weight": (heads * head, hidden), "self_attn.k_proj.weight": (kv * head, hidden),
                 "self_attn.v_proj.weight": (kv * head, hidden), "self_attn.o_proj.weight": (hidden, heads * head),
                 "mlp.gate_proj.weight": (inter, hidden), "mlp.up_proj.weight": (inter, hidden),
                 "mlp.down_proj.weight": (hidden, inter), "input_layernorm.weight": (hidden,),
                 "post_attention_layernorm.weight": (hidden,)}
        if arch == "qwen2":
            block |= {"self_attn.q_proj.bias": (heads * head,), "self_attn.k_proj.bias": (kv * head,),
                      "self_attn.v_proj.bias": (kv * head,)}
        if arch == "qwen3":
            block |= {"self_attn.q_norm.weight": (head,), "self_attn.k_norm.weight": (head,)}
        shapes |= {f"model.layers.0.{k}": v for k, v in block.items()}

        def extra(writer):
            writer.add_key_length(head)
            writer.add_value_length(head)
            writer.add_rope_dimension_count(head)

        writer = start(OUT / f"quantised-{arch}.gguf", arch, hidden, inter, 1, heads, kv, extra)
        expected = {}
        for name, shape in shapes.items():
            stored = gguf_name(name)
            key = stored.split(".")[2 if stored.startswith("blk") else 0]
            kind = types.get(key, Q.F32) if len(shape) == 2 else Q.F32
            if kind in (Q.Q4_K, Q.Q5_K, Q.Q6_K):
                data = random_blocks(*shape, kind, draw)
            else:
                data = gguf.quants.quantize(draw.standard_normal(shape).astype(np.float32) * 0.1, kind)
            wide = gguf.quants.dequantize(data, kind).astype(np.float32).reshape(shape)
            if arch == "llama" and key in ("attn_q", "attn_k"):
                wide = unpermute(wide, heads if key == "attn_q" else kv)
            expected[name] = np.ascontiguousarray(wide)
            writer.add_tensor(stored, data, raw_dtype=kind)
        finish(writer)
        save_expected(expected, f"quantised-{arch}")


def add_tiny_weights(writer, vocab):
    zeros = lambda *shape: np.zeros(shape, dtype=np.float32)
    writer.add_tensor("token_embd.weight", zeros(vocab, 2))
    writer.add_tensor("output_norm.weight", zeros(2))
    for name, shape in {"attn_q": (2, 2), "attn_k": (2, 2), "attn_v": (2, 2), "attn_output": (2, 2), "ffn_gate": (2, 2),
                        "ffn_up": (2, 2), "ffn_down": (2, 2), "attn_norm": (2,), "ffn_norm": (2,)}.items():
        writer.add_tensor(f"blk.0.{name}.weight", zeros(*shape))
    finish(writer)


def gguf_tokenizers():
    for name, pre in {"smollm": "smollm", "llama3": "llama-bpe", "qwen2": "qwen2"}.items():
        config = json.loads((HERE / "tokenizers" / f"{name}.json").read_text())
        tokens = {v: k for k, v in config["model"]["vocab"].items()}
        kinds = {i: gguf.TokenType.NORMAL for i in tokens}
        for added in config["added_tokens"]:
            tokens[added["id"]] = added["content"]
            kinds[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        writer = start(OUT / f"tokenizer-{name}.gguf", "llama", 2, 2, 1, 1, 1)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([tokens[i] for i in range(len(tokens))])
        writer.add_token_types([kinds[i] for i in range(len(tokens))])
        writer.add_token_merges([" ".join(m) for m in config["model"]["merges"]])
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(2)
        writer.add_chat_template(
            "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
        add_tiny_weights(writer, len(tokens))


def gguf_sentence_piece():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(s.replace("\n", " ") for s in text_for_training()), model_writer=model, vocab_size=600,
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        character_coverage=0.99, minloglevel=2)
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    kinds = [gguf.TokenType.UNKNOWN if sp.is_unknown(i) else gguf.TokenType.CONTROL if sp.is_control(i)
             else gguf.TokenType.BYTE if sp.is_byte(i) else gguf.TokenType.NORMAL for i in range(len(sp))]
    writer = start(OUT / "tokenizer-spm.gguf", "llama", 2, 2, 1, 1, 1)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([sp.id_to_piece(i) for i in range(len(sp))])
    writer.add_token_scores([sp.get_score(i) for i in range(len(sp))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    add_tiny_weights(writer, len(sp))
    # sentencepiece takes U+2581 and control tokens in the text in its own ways; NUL ends its input.
    texts = [t for t in CASES if t and not any(x in t for x in ("\u2581", "<s>", "</s>", "<unk>", "<0x", "\x00"))]
    cases = [{"text": t, "ids": [1] + sp.encode(t), "decoded": sp.decode(sp.encode(t))} for t in texts]
    (OUT / "tokenizer-spm.cases.json").write_text(json.dumps(cases, separators=(",", ":")))


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    hugging_face()
    gguf_of_llama("llama.gguf")
    gguf_of_llama("llama-split.gguf", split_max_tensors=9)
    quantised()
    gguf_tokenizers()
    gguf_sentence_piece()
