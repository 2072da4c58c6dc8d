"""Makes what the tests of steering compare with (needs torch, transformers, safetensors).

    python3 scripts/make_steering_fixtures.py

Tests/TransformerTests/Fixtures/MODEL/steering.safetensors, computed in F64, for the models of
make_transformer_fixtures.py, without a key-value cache: every token is computed again from the sequence's beginning. A
vector is added to the output of each decoder block at every position from FIRST on:

    vector.L                [hidden size] F32: what is added at block L's output (alpha is in it)
    logits.FIRST.i          [length, vocabulary] F32 of sequence i; FIRST is `last_prompt` (the token before the response)
                            or `2` (the third token)
    greedy.FIRST.i          [12] I32: greedy continuation of the tokens before the response
"""
import pathlib

import torch
from safetensors.torch import load_file, save_file

from make_transformer_fixtures import MODELS, NEW_TOKENS, load

ROOT = pathlib.Path(__file__).resolve().parent.parent / "Tests/TransformerTests/Fixtures"
ALPHA = 0.3


def steer(model, vectors, first):
    """Hooks that add the vectors from position `first` on; every pass begins at position 0."""
    def add(vector):
        def hook(_, __, output):
            states = output[0] if isinstance(output, tuple) else output
            states = states.clone()
            states[:, first:] += vector
            return (states, *output[1:]) if isinstance(output, tuple) else states
        return hook
    return [layer.register_forward_hook(add(vector)) for layer, vector in zip(model.model.layers, vectors)]


def main():
    for number, name in enumerate(MODELS):
        folder = ROOT / name
        expected = load_file(folder / "expected.safetensors")
        model = load(folder)
        generator = torch.Generator().manual_seed(100 + number)
        vectors = [(ALPHA * torch.randn(model.config.hidden_size, generator=generator, dtype=torch.float64)).float()
                   for _ in model.model.layers]
        out = {f"vector.{layer}": vector for layer, vector in enumerate(vectors)}
        start = 0
        for i, (length, scored) in enumerate(zip(expected["lengths"].tolist(), expected["scored_from"].tolist())):
            tokens = expected["tokens"][start:start + length].long()
            start += length
            for label, first in (("last_prompt", scored - 1), ("2", 2)):
                handles = steer(model, [vector.double() for vector in vectors], first)
                with torch.no_grad():
                    out[f"logits.{label}.{i}"] = model(input_ids=tokens[None], use_cache=False).logits[0].float()
                    row = tokens[:scored]
                    for _ in range(NEW_TOKENS):
                        logits = model(input_ids=row[None], use_cache=False).logits[0, -1]
                        row = torch.cat([row, logits.argmax()[None]])
                out[f"greedy.{label}.{i}"] = row[scored:].int()
                for handle in handles:
                    handle.remove()
        save_file({key: value.contiguous() for key, value in out.items()}, folder / "steering.safetensors",
                  metadata={"made_by": "scripts/make_steering_fixtures.py"})
        print(f"{name}: {(folder / 'steering.safetensors').stat().st_size} bytes")


if __name__ == "__main__":
    main()
