"""Checks subspaces and projections of a real model against NumPy: what ranks.sh calls.

    ranks.py --model FOLDER|FILE.gguf --dir DIR --safety PAIRS --utility PAIRS [--layers 0,14,29]
    ranks.py --model FOLDER|FILE.gguf --merged FOLDER --adapter FOLDER --edit FILE

DIR holds what `faultline subspace find` and `edit` wrote: safety and utility (subspaces), safety.moments and
utility.moments, and edits NAME with the settings of EDITS below. Per layer:
  1. second moments against f64 activations of PyTorch: relative error at most 1e-4;
  2. subspaces against NumPy's eigenvectors of W C W^T of the same moments: every principal angle below 1e-3 rad, for
     every leading subspace that ends at a gap of the spectrum (2 % of the singular value);
  3. singular values against PyTorch's own svd(W X), and the angle of the widest gap;
  4. edits against NumPy's formula on NumPy's own eigenvectors: relative error of the change at most 1e-4.
The second form: the exported model and the adapter on the base model load in transformers and peft and give the same
logits, and the merged weights are base + left · right.
"""
import argparse
import sys

import numpy as np
import torch
from safetensors.numpy import load_file
from safetensors import safe_open

import reference_scores

LINEAR = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
          "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
GROUP = {"self_attn.k_proj": "self_attn.q_proj", "self_attn.v_proj": "self_attn.q_proj", "mlp.up_proj": "mlp.gate_proj"}
# name: (kind, share or shares of removed or kept ranks in percent), as ranks.sh asks for them
EDITS = {"projection": ("projection", 90.0, 95.0), "narrow": ("projection", 5.0, 3.0), "top": ("top", 2.5),
         "keep": ("keep", 60.0), "bottom": ("bottom", 10.0)}
failures = []


def verdict(words, value, limit):
    ok = value <= limit
    print(f"{'ok    ' if ok else 'FAILED'}  {words}: {value:.3g} (limit {limit:g})")
    if not ok:
        failures.append(words)


def ranks(percent, rank):
    return int(percent * rank / 100 * (1 + 1e-12))


def unpack(packed):
    n = int((np.sqrt(8 * packed.size + 1) - 1) / 2)
    whole = np.zeros((n, n))
    whole[np.triu_indices(n)] = packed
    return whole + np.triu(whole, 1).T


def moment(file, weight_name, name):
    shared = weight_name.replace(name, GROUP.get(name, name))
    for kind in ("input_moment.", "output_moment."):
        if kind + shared in file.keys():
            return kind, unpack(file.get_tensor(kind + shared))
    sys.exit(f"check_ranks: no second moment for {weight_name}")


def directions(w, kind, c):
    """Eigenvectors of W C W^T, decreasing, with singular values of W X."""
    s = w @ c @ w.T if kind == "input_moment." else c
    values, vectors = np.linalg.eigh((s + s.T) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = min(int((values > max(w.shape) * 2.0**-52 * values[0]).sum()), min(w.shape))
    return vectors[:, :kept], np.sqrt(values[:kept])


def angle(a, b):
    """At least the largest principal angle between the spans of orthonormal columns (the Frobenius norm bounds it)."""
    return float(np.arcsin(min(1.0, np.linalg.norm(a - b @ (b.T @ a)))))


def expected(w, edit, us, uu):
    rank = min(w.shape)
    kind, *shares = edit
    if kind == "projection":
        pu, ps = uu[:, :rank - ranks(shares[0], rank)], us[:, :rank - ranks(shares[1], rank)]
        inner = ps @ (ps.T @ w)
        return pu @ (pu.T @ inner) - inner
    r = ranks(shares[0], rank)
    if kind == "top":
        return -us[:, :r] @ (us[:, :r].T @ w)
    kept = us[:, :r] if kind == "keep" else us[:, :rank - r]
    return kept @ (kept.T @ w) - w


def activations(model, data, layers):
    """X [d_in, n] by layer and kind of map, over the response positions, in one pass."""
    seen = {(layer, name): [] for layer in layers for name in LINEAR}
    start = [0]
    hooks = [model.get_submodule(f"model.layers.{layer}.{name}").register_forward_hook(
        lambda _, x, __, key=(layer, name): seen[key].append(x[0][0, start[0]:].detach().numpy()))
        for layer, name in seen]
    with torch.no_grad():
        for tokens, scored_from in data:
            start[0] = scored_from
            model.model(input_ids=tokens[None], use_cache=False)
    for hook in hooks:
        hook.remove()
    return {key: np.concatenate(rows).T for key, rows in seen.items()}


def numbers(options):
    model = reference_scores.load(options.model, torch.float64)
    count = model.config.num_hidden_layers
    layers = [int(x) for x in options.layers.split(",")] if options.layers else [0, count // 2, count - 1]
    sides = ("safety", "utility")
    moments = {side: safe_open(f"{options.dir}/{side}.moments", "np") for side in sides}
    found = {side: safe_open(f"{options.dir}/{side}", "np") for side in sides}
    edits = {name: safe_open(f"{options.dir}/{name}", "np") for name in EDITS}
    data = {side: reference_scores.pairs(getattr(options, side), options.model) for side in sides}
    worst = {key: 0.0 for key in ("moments", "angles", "singular", "torch angle", *EDITS)}
    shown = []
    x = {side: activations(model, data[side], layers) for side in sides}
    for layer in layers:
        for name in LINEAR:
            key = f"model.layers.{layer}.{name}.weight"
            w = model.get_submodule(f"model.layers.{layer}.{name}").weight.detach().numpy()
            own = {}
            for side in sides:
                kind, c = moment(moments[side], key, name)
                y = x[side][layer, name] if kind == "input_moment." else w @ x[side][layer, name]
                worst["moments"] = max(worst["moments"], np.linalg.norm(c - y @ y.T) / np.linalg.norm(y @ y.T))
                u, s = own[side] = directions(w, kind, c)
                v = found[side].get_tensor(key).astype(np.float64)
                t = found[side].get_tensor("singular_values." + key)
                shown.append(v.shape[1] / min(w.shape))
                if v.shape[1] != u.shape[1]:
                    print(f"note    {side} {key}: {v.shape[1]} directions, NumPy keeps {u.shape[1]}")
                top = min(len(s), len(t))
                gaps = [r for r in range(1, top) if s[r] < 0.98 * s[r - 1]]
                for r in gaps[:20] + gaps[20::max(1, len(gaps) // 20)]:
                    worst["angles"] = max(worst["angles"], angle(v[:, :r], u[:, :r]))
                reference, sigma, _ = np.linalg.svd(w @ x[side][layer, name], full_matrices=False)
                worst["singular"] = max(worst["singular"], np.abs(t[:top] - sigma[:top]).max() / sigma[0])
                gap = 1 + int(np.argmax(sigma[:top - 1] - sigma[1:top]))
                worst["torch angle"] = max(worst["torch angle"], angle(v[:, :gap], reference[:, :gap]))
            for edit in EDITS:
                delta = edits[edit].get_tensor("left." + key).astype(np.float64) @ edits[edit].get_tensor("right." + key)
                wanted = expected(w, EDITS[edit], own["safety"][0], own["utility"][0])
                worst[edit] = max(worst[edit], np.linalg.norm(delta - wanted) / np.linalg.norm(wanted))
    print(f"layers {layers}; the data shows {100 * min(shown):.0f} to {100 * max(shown):.0f} % of the ranks")
    verdict("second moments against PyTorch's activations", worst["moments"], 1e-4)
    verdict("largest principal angle, NumPy's eigenvectors, all gaps (rad)", worst["angles"], 1e-3)
    verdict("singular values against svd(W X) of PyTorch's activations", worst["singular"], 1e-4)
    verdict("principal angle at the widest gap, PyTorch's svd(W X) (rad)", worst["torch angle"], 1e-3)
    for edit in EDITS:
        verdict(f"change of the weights, {edit} {EDITS[edit][1:]} %", worst[edit], 1e-4)


def exports(options):
    from peft import PeftModel

    tokens = torch.arange(5, 37)[None]
    with torch.no_grad():
        merged = reference_scores.load(options.merged)
        wanted = merged(input_ids=tokens).logits
        base = reference_scores.load(options.model)
        plain = base(input_ids=tokens).logits
        edit = load_file(options.edit)
        difference, size = 0.0, 0.0
        for key in [k[5:] for k in edit if k.startswith("left.")]:
            module = key.removesuffix(".weight")
            delta = (merged.get_submodule(module).weight - base.get_submodule(module).weight).numpy().astype(np.float64)
            change = edit["left." + key].astype(np.float64) @ edit["right." + key]
            difference += np.linalg.norm(delta - change) ** 2
            size += np.linalg.norm(change) ** 2
        adapted = PeftModel.from_pretrained(base, options.adapter).eval()
        got = adapted(input_ids=tokens).logits
    verdict("merged weights are base + left · right", (difference / size) ** 0.5, 1e-4)
    scale = (wanted - plain).norm().item()
    verdict("logits of peft's adapter against the merged model's", (got - wanted).norm().item() / scale, 1e-3)
    if scale == 0:
        failures.append("the edit changes no logit")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "dir", "safety", "utility", "layers", "merged", "adapter", "edit"):
        parser.add_argument("--" + name)
    options = parser.parse_args()
    exports(options) if options.merged else numbers(options)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
