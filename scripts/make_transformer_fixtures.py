"""Makes Tests/ModelFixtures/Fixtures: tiny random models and what PyTorch computes with them.

    python3 scripts/make_transformer_fixtures.py [FIXTURES]

Needs torch, transformers, safetensors. Each folder holds a Hugging Face model (`config.json`, `model.safetensors` in
F32) and `expected.safetensors`, computed in f64 and stored as F32 (squares as F64):

    tokens [n] I32           all sequences, one after the other
    lengths, scored_from     [sequences] I32; response tokens of sequence i are scored_from[i]..<lengths[i]
    logits.i                 [length, vocabulary]
    loss_mean.i              [1] mean NLL of the response tokens
    grad_mean.i.W            its gradient, i = 0 and 1, every linear map's weight W
    snip.W                   sum over sequences of |gradient of the mean loss| (not multiplied by |W|)
    input_squares.W          [d_in] F64: sum of x^2 of the map's input over positions scored_from..<length (no shift)
    greedy.i                 [12] I32: greedy continuation of tokens 0..<scored_from
    trained.losses, trained.T  three AdamW steps (lr 1e-3, no decay) on all parameters; loss = mean over sequences of
                             each one's mean; the losses before each step and some tensors T afterwards
    frozen.losses, frozen.W  the same with linear maps only, of which a weight of flat index i is frozen where
                             (i * 2654435761) mod 2^32 < 2^31
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

VERSION = "1"
LINEAR = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
          "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
LENGTHS, SCORED_FROM, NEW_TOKENS = [13, 21, 7, 16], [5, 9, 3, 15], 12


def base(architecture, **keys):
    """The keys every published config.json of these architectures has."""
    config = {
        "architectures": [{"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM",
                           "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}[architecture]],
        "model_type": architecture, "hidden_act": "silu", "initializer_range": 0.02, "rms_norm_eps": 1e-6,
        "bos_token_id": 1, "eos_token_id": 2, "use_cache": True, "attention_dropout": 0.0,
        "vocab_size": 72, "hidden_size": 24, "intermediate_size": 26, "num_hidden_layers": 2,
        "num_attention_heads": 3, "num_key_value_heads": 3, "max_position_embeddings": 256,
        "tie_word_embeddings": False,
    }
    return config | keys


# Both generations of config.json: `rope_theta`, `rope_scaling`, `torch_dtype`; and `rope_parameters`, `dtype`.
MODELS = {
    "llama": base("llama", torch_dtype="float32", rope_theta=10000.0, rope_scaling=None, num_hidden_layers=3),
    "llama_gqa_llama3_tied": base(
        "llama", dtype="float32", hidden_size=32, intermediate_size=22, num_attention_heads=4, num_key_value_heads=2,
        tie_word_embeddings=True, rms_norm_eps=1e-5, rope_parameters={
            "rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
    "llama_linear_biases": base(
        "llama", torch_dtype="float32", rope_theta=10000.0, attention_bias=True, mlp_bias=True,
        rope_scaling={"type": "linear", "factor": 2.0}),
    "llama_yarn": base(
        "llama", dtype="float32", head_dim=16, num_attention_heads=2, num_key_value_heads=1, rope_parameters={
            "rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 64}),
    "mistral": base(
        "mistral", torch_dtype="float32", rope_theta=1000.0, num_key_value_heads=1, sliding_window=6),
    "qwen2": base(
        "qwen2", dtype="float32", hidden_size=32, intermediate_size=22, num_attention_heads=4, num_key_value_heads=2,
        tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        use_sliding_window=False, sliding_window=None, max_window_layers=2),
    "qwen3": base(
        "qwen3", torch_dtype="float32", rope_theta=1000000.0, rope_scaling=None, head_dim=16, num_attention_heads=2,
        num_key_value_heads=1, attention_bias=False, use_sliding_window=False, sliding_window=None,
        max_window_layers=2),
}


def randomise(model, generator):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            is_norm = "norm" in name
            parameter.copy_((1 + 0.2 * noise if is_norm else 0.2 * noise).float().double())


def response_loss(model, tokens, scored_from):
    logits = model(input_ids=tokens[None], use_cache=False).logits[0]
    predicted = torch.log_softmax(logits[scored_from - 1:-1], dim=-1)
    return -predicted.gather(1, tokens[scored_from:, None]).mean(), logits


def linear_modules(model):
    return {f"model.layers.{layer}.{name}.weight": model.get_submodule(f"model.layers.{layer}.{name}")
            for layer in range(model.config.num_hidden_layers) for name in LINEAR}


def train(folder, sequences, kept, frozen):
    model = load(folder)
    weights = {name: module.weight for name, module in linear_modules(model).items()}
    trained = list(weights.values()) if frozen else list(model.parameters())
    masks = {}
    for name, weight in weights.items():
        index = torch.arange(weight.numel(), dtype=torch.int64)
        masks[name] = ((index * 2654435761) % 2**32 < 2**31).reshape(weight.shape)
    optimiser = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        loss = torch.stack([response_loss(model, t, s)[0] for t, s in sequences]).mean()
        loss.backward()
        if frozen:
            for name, weight in weights.items():
                weight.grad[masks[name]] = 0
        optimiser.step()
        losses.append(loss.item())
    state = model.state_dict()
    return torch.tensor(losses), {name: state[name] for name in kept if name in state}


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()


def make(name, config, root, seed):
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generator = torch.Generator().manual_seed(seed)
    fresh = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float64)
    randomise(fresh, generator)
    tied = config["tie_word_embeddings"]
    stored = {k: v.float().contiguous() for k, v in fresh.state_dict().items() if not (tied and k == "lm_head.weight")}
    save_file(stored,
              folder / "model.safetensors", metadata={"format": "pt"})

    model = load(folder)
    for key, value in fresh.state_dict().items():
        assert torch.equal(model.state_dict()[key], value), f"{name}: {key} was not loaded"
    sequences = [(torch.randint(3, config["vocab_size"], (n,), generator=generator), s)
                 for n, s in zip(LENGTHS, SCORED_FROM)]
    modules = linear_modules(model)
    inputs = {}
    for weight, module in modules.items():
        module.register_forward_hook(lambda _, x, __, weight=weight: inputs.__setitem__(weight, x[0][0].detach()))
    expected = {
        "tokens": torch.cat([t for t, _ in sequences]).int(),
        "lengths": torch.tensor(LENGTHS, dtype=torch.int32),
        "scored_from": torch.tensor(SCORED_FROM, dtype=torch.int32),
    }
    margin = float("inf")
    for i, (tokens, scored_from) in enumerate(sequences):
        model.zero_grad()
        loss, logits = response_loss(model, tokens, scored_from)
        loss.backward()
        expected[f"logits.{i}"], expected[f"loss_mean.{i}"] = logits.detach(), loss.detach()[None]
        for weight, module in modules.items():
            gradient = module.weight.grad
            if i < 2:
                expected[f"grad_mean.{i}.{weight}"] = gradient.clone()
            squares = inputs[weight][scored_from:].square().sum(0)
            for key, value in (("snip", gradient.abs()), ("input_squares", squares)):
                expected[f"{key}.{weight}"] = expected.get(f"{key}.{weight}", 0) + value
        continued = tokens[:scored_from]
        with torch.no_grad():
            for _ in range(NEW_TOKENS):
                last = model(input_ids=continued[None], use_cache=False).logits[0, -1]
                top = last.topk(2).values
                margin = min(margin, (top[0] - top[1]).item())
                continued = torch.cat([continued, last.argmax()[None]])
        expected[f"greedy.{i}"] = continued[scored_from:].int()
    assert margin > 1e-4, f"{name}: a greedy choice is nearly a tie ({margin}); take another seed"
    first = "model.layers.0."
    kept = [first + "self_attn.q_proj.weight", first + "mlp.down_proj.weight", "model.embed_tokens.weight",
            "model.norm.weight", first + "input_layernorm.weight", first + "self_attn.k_proj.bias",
            first + "mlp.down_proj.bias", first + "self_attn.q_norm.weight"]
    kept += [] if tied else ["lm_head.weight"]
    for label, names, frozen in (("trained", kept, False), ("frozen", kept[:2], True)):
        losses, tensors = train(folder, sequences, names, frozen)
        expected[f"{label}.losses"] = losses
        expected |= {f"{label}.{key}": value for key, value in tensors.items()}
    as_is = lambda key, value: value.dtype == torch.int32 or key.startswith("input_squares")
    expected = {key: (value if as_is(key, value) else value.float()).contiguous()
                for key, value in expected.items()}
    save_file(expected, folder / "expected.safetensors", metadata={
        "version": f"{VERSION}, made by scripts/make_transformer_fixtures.py (run it again to remake)"})
    size = sum(f.stat().st_size for f in folder.iterdir())
    losses = [round(expected[f"loss_mean.{i}"].item(), 3) for i in range(len(sequences))]
    print(f"{name}: {size} bytes, losses {losses}, smallest greedy margin {margin:.2g}")
    return size


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    fixtures = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "Tests/ModelFixtures/Fixtures"
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the same bits whenever it is run
    total = sum(make(name, config, fixtures, 100 + i) for i, (name, config) in enumerate(MODELS.items()))
    print(f"{total} bytes in {fixtures}")
