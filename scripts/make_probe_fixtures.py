"""Makes what the tests of head probing compare with (needs torch, transformers, safetensors, scikit-learn).

Tests/ModelFixtures/Fixtures/MODEL/probe.safetensors, in F64 and stored as F32, for the models of
make_transformer_fixtures.py (its sequences, prompts being tokens 0..<scored_from):

    head_output.L      [sequences, heads * head_dim]: what layer L's output projection reads at the last prompt token
    ablated.i          [length, vocabulary]: logits of sequence i where the heads HEADS give nothing (their outputs are
                       set to zero where they leave the attention, no weight is touched)

Tests/SelectionTests/Fixtures/logistic.json: scikit-learn's LogisticRegression on small data, apart and mixed.
"""
import json
import pathlib

import numpy
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression

from make_transformer_fixtures import MODELS, load

ROOT = pathlib.Path(__file__).resolve().parent.parent / "Tests"
HEADS = [(0, 1), (1, 0)]  # (layer, query head)


def probe(name):
    folder = ROOT / "ModelFixtures/Fixtures" / name
    expected = load_file(folder / "expected.safetensors")
    model = load(folder)
    heads = model.config.num_attention_heads
    layers = model.model.layers
    seen, ablate = {}, [False]

    def hook(layer):
        def tap(_, inputs):
            x = inputs[0]
            seen[layer] = x[0].detach()
            if not ablate[0]:
                return None
            x = x.clone()
            dim = x.shape[-1] // heads
            for other, head in HEADS:
                if other == layer:
                    x[..., head * dim:(head + 1) * dim] = 0
            return (x, *inputs[1:])
        return tap

    for number, layer in enumerate(layers):
        layer.self_attn.o_proj.register_forward_pre_hook(hook(number))
    rows, out, start = {n: [] for n in range(len(layers))}, {}, 0
    for i, (length, scored) in enumerate(zip(expected["lengths"].tolist(), expected["scored_from"].tolist())):
        tokens = expected["tokens"][start:start + length].long()
        start += length
        with torch.no_grad():
            ablate[0] = False
            model(input_ids=tokens[None, :scored], use_cache=False)
            for n in rows:
                rows[n].append(seen[n][-1])
            ablate[0] = True
            out[f"ablated.{i}"] = model(input_ids=tokens[None], use_cache=False).logits[0]
    out |= {f"head_output.{n}": torch.stack(values) for n, values in rows.items()}
    save_file({key: value.float().contiguous() for key, value in out.items()}, folder / "probe.safetensors",
              metadata={"made_by": "scripts/make_probe_fixtures.py"})


def logistic():
    generator = numpy.random.default_rng(7)
    for n, d, shift, c in [(40, 3, 0.5, 1.0), (60, 8, 0.3, 0.05), (30, 16, 2.0, 100.0), (24, 5, 5.0, 1e4), (14, 20, 0.1, 1.0)]:
        labels = numpy.arange(n) % 3 == 0
        x = generator.normal(size=(n, d)) * generator.uniform(0.1, 3, size=d) + shift * labels[:, None] - 0.4
        x = x.astype(numpy.float32).astype(numpy.float64)
        model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-13, max_iter=10000).fit(x, labels)
        check = LogisticRegression(C=c, solver="lbfgs", tol=1e-12, max_iter=1000000).fit(x, labels)
        apart = numpy.abs(model.coef_ - check.coef_).max() / numpy.abs(model.coef_).max()
        assert apart < 1e-3, f"scikit-learn's solvers differ by {apart}"
        yield {"x": x.ravel().tolist(), "columns": d, "labels": labels.tolist(), "c": c,
               "weights": model.coef_[0].tolist(), "intercept": float(model.intercept_[0]),
               "training_accuracy": float(model.score(x, labels))}


def main():
    for name in MODELS:
        probe(name)
    path = ROOT / "SelectionTests/Fixtures/logistic.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"made_by": "scripts/make_probe_fixtures.py", "cases": list(logistic())}) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
