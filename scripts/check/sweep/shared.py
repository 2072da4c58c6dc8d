"""What the sweeps share: a tiny model's folder, and the count of cases."""
import json
import pathlib
import re

import numpy as np
from safetensors.numpy import save_file


def write_model(folder):
    """A one-layer Llama of 8 numbers a token, for the parts that need a checkpoint and not its weights."""
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 16}
    pathlib.Path(folder, "config.json").write_text(json.dumps(config))
    shapes = {"model.embed_tokens.weight": (16, 8), "model.norm.weight": (8,), "lm_head.weight": (16, 8)}
    for name in ["input_layernorm", "post_attention_layernorm"]:
        shapes[f"model.layers.0.{name}.weight"] = (8,)
    for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                 "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]:
        shapes[f"model.layers.0.{name}.weight"] = (8, 8)
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, pathlib.Path(folder, "model.safetensors"))


class Tally:
    """Counts cases that are the same as the reference's, refused, or wrong; prints the wrong ones as they come."""

    def __init__(self, name, seed, keep=None):
        self.name, self.seed, self.keep = name, seed, keep
        self.equal = self.wrong = 0
        self.reasons = {}

    def same(self):
        self.equal += 1

    def refused(self, line):
        fault = line.strip().rsplit(": ", 1)[-1]
        reason = re.sub(r"\d+", "N", fault)[:60]
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def failed(self, number, what, case=None):
        self.wrong += 1
        print(f"FAILED  {self.name} case {number} (seed {self.seed}): {what}", flush=True)
        if self.keep and case is not None:
            pathlib.Path(self.keep, f"{self.name}-{self.seed}-{number}.json").write_text(json.dumps(case))

    def close(self):
        refused = sum(self.reasons.values())
        for reason, count in sorted(self.reasons.items(), key=lambda item: -item[1]):
            print(f"        refused {count}: {reason}")
        verdict = "FAILED " if self.wrong else "ok     "
        print(f"{verdict} {self.name}: {self.equal} as the reference, {refused} refused by name, {self.wrong} wrong")
        return 1 if self.wrong else 0
