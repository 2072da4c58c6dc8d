"""Opens what a study of the related systems wrote with gguf-py, transformers and peft: what related.sh calls.

    related.py --model FOLDER|FILE.gguf --work DIR

DIR has direction.safetensors and direction.gguf (`faultline direction`), and for orthogonal and lora the merged model
(NAME, F32) and the adapter (NAME-adapter).
  1. the control vector: its keys, a vector for every block from 1, the mean difference before the direction's block;
  2. the direction ablated by hooks in transformers, as arXiv 2406.11717 defines it, against the orthogonalised weights;
  3. both adapters by peft against the merged models.
"""
import argparse
import sys

import numpy as np
import torch
from safetensors.numpy import load_file

import reference_scores

failures = []


def verdict(words, value, limit):
    ok = value <= limit
    print(f"{'ok    ' if ok else 'FAILED'}  {words}: {value:.3g} (limit {limit:g})")
    if not ok:
        failures.append(words)


def holds(words, ok):
    print(f"{'ok    ' if ok else 'FAILED'}  {words}")
    if not ok:
        failures.append(words)


def control_vector(work, layers, layer):
    from gguf import GGUFReader

    reader = GGUFReader(f"{work}/direction.gguf")
    architecture = reader.fields["general.architecture"].contents()
    vectors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    difference = load_file(f"{work}/direction.safetensors")["mean_difference"].astype(np.float32)
    holds("gguf-py reads the control vector", architecture == "controlvector" and "controlvector.model_hint" in reader.fields)
    holds("a vector for every block from 1", sorted(vectors) == sorted(f"direction.{n}" for n in range(1, layers)))
    holds("the mean difference stands before the direction's block, zeros elsewhere", all(
        np.array_equal(values, difference if name == f"direction.{layer - 1}" else np.zeros_like(difference))
        for name, values in vectors.items()))


def ablate(model, unit):
    """Hooks that take the direction out of every block's input and of what attention and MLP add."""
    def without(x):
        return x - (x @ unit)[..., None] * unit

    def output(_, __, out):
        return (without(out[0]), *out[1:]) if isinstance(out, tuple) else without(out)

    hooks = []
    for block in model.model.layers:
        hooks.append(block.register_forward_pre_hook(lambda _, args: (without(args[0]), *args[1:])))
        hooks += [block.self_attn.register_forward_hook(output), block.mlp.register_forward_hook(output)]
    return hooks


def main():
    from peft import PeftModel

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    tokens = torch.arange(5, 37)[None]
    with torch.no_grad():
        base = reference_scores.load(options.model)
        control_vector(options.work, base.config.num_hidden_layers, 14)
        plain = base(input_ids=tokens).logits
        unit = torch.tensor(load_file(f"{options.work}/direction.safetensors")["direction"], dtype=torch.float32)
        hooks = ablate(base, unit)
        ablated = base(input_ids=tokens).logits
        for hook in hooks:
            hook.remove()
        merged = reference_scores.load(f"{options.work}/orthogonal")(input_ids=tokens).logits
        scale = (merged - plain).norm().item()
        verdict("ablation in transformers against the orthogonalised weights", (ablated - merged).norm().item() / scale, 1e-3)
        del merged
        for name in ("orthogonal", "lora"):
            wanted = reference_scores.load(f"{options.work}/{name}")(input_ids=tokens).logits
            adapted = PeftModel.from_pretrained(reference_scores.load(options.model), f"{options.work}/{name}-adapter").eval()
            got = adapted(input_ids=tokens).logits
            scale = (wanted - plain).norm().item()
            holds(f"{name} changes the logits", scale > 0)
            verdict(f"{name}: peft's adapter against the merged model", (got - wanted).norm().item() / scale, 1e-3)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
