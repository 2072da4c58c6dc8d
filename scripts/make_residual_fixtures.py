"""Makes what the tests of residual states compare with (needs torch, transformers, safetensors).

    python3 scripts/make_residual_fixtures.py

Tests/ModelFixtures/Fixtures/MODEL/residual.safetensors, in F64, for the models of make_transformer_fixtures.py. The
prompts are the first scored_from tokens of its sequences; those with an even number are of class 0, the others of class 1.
PLACE is input.L (the input of decoder block L), output (of the last block) or norm (the final norm's output):

    mean.CLASS.PLACE          [positions, hidden size]: mean over the class's prompts of the residual stream at POSITIONS
    mean_square.CLASS.PLACE   the same of its squares
    count.CLASS               [1] prompts of the class
"""
import pathlib

import torch
from safetensors.torch import load_file, save_file

from make_transformer_fixtures import MODELS, load

ROOT = pathlib.Path(__file__).resolve().parent.parent / "Tests/ModelFixtures/Fixtures"
POSITIONS = [-1, -3]  # -1 is a prompt's last token


def states(model, tokens):
    """Where the stream passes, [positions, hidden size] each."""
    seen = {}
    layers = model.model.layers
    handles = [
        layer.register_forward_pre_hook(
            lambda _, args, kwargs, n=n: seen.__setitem__(f"input.{n}", args[0] if args else kwargs["hidden_states"]),
            with_kwargs=True)
        for n, layer in enumerate(layers)]
    handles.append(model.model.norm.register_forward_pre_hook(lambda _, args: seen.__setitem__("output", args[0])))
    handles.append(model.model.norm.register_forward_hook(lambda _, __, y: seen.__setitem__("norm", y)))
    with torch.no_grad():
        model(input_ids=tokens[None], use_cache=False)
    for handle in handles:
        handle.remove()
    return {place: x[0][POSITIONS].clone() for place, x in seen.items()}


def main():
    for name in MODELS:
        folder = ROOT / name
        expected = load_file(folder / "expected.safetensors")
        model = load(folder)
        classes, start = [[], []], 0
        for i, (length, scored) in enumerate(zip(expected["lengths"].tolist(), expected["scored_from"].tolist())):
            classes[i % 2].append(states(model, expected["tokens"][start:start + scored].long()))
            start += length
        out = {}
        for number, prompts in enumerate(classes):
            out[f"count.{number}"] = torch.tensor([float(len(prompts))], dtype=torch.float64)
            for place in prompts[0]:
                all_of = torch.stack([prompt[place] for prompt in prompts])
                out[f"mean.{number}.{place}"] = all_of.mean(0)
                out[f"mean_square.{number}.{place}"] = all_of.square().mean(0)
        save_file({key: value.contiguous() for key, value in out.items()}, folder / "residual.safetensors",
                  metadata={"made_by": "scripts/make_residual_fixtures.py"})
        print(f"{name}: {(folder / 'residual.safetensors').stat().st_size} bytes")


if __name__ == "__main__":
    main()
