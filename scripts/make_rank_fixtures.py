"""Makes Tests/ModelFixtures/Fixtures/ranks.safetensors: ActSVD and orthogonal projections of the tiny models there,
as NumPy computes them from the activations that transformers shows.

    python3 scripts/make_rank_fixtures.py [FIXTURES]

Needs torch, transformers, safetensors, numpy; run scripts/make_transformer_fixtures.py first. Sequences are drawn
anew: `many` have more response tokens than a map has rows, `few` have fewer. All in f64.

    SIZE.tokens, SIZE.lengths, SIZE.scored_from      the sequences, safety first
    SIZE.counts                                      [2] I32: how many of them are safety, how many utility
    MODEL.SIZE.SIDE.singular.W    [r] F64            singular values of W X
    MODEL.SIZE.SIDE.directions.W  [d_out, r] F32     left singular vectors
    MODEL.SIZE.rest.W             F32 [d_out, d_in]  W - (I - P_u) P_s W with r_u = RU %, r_s = RS % of min(d_out, d_in)
    llama.sequential.W            the first of these block by block (every layer), each on the model edited so far
    MODEL.SIZE.top.W, keep.W, bottom.W               W after ActSVD with 25 % of the ranks, safety
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

LINEAR = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
          "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
MODELS = ["llama", "qwen2"]
# Every route: d_out below, equal to and above d_in, grouped queries.
LAYER = 1
RU, RS, SHARE = 60.0, 75.0, 25.0


def sequences(size, generator):
    count, lengths = (8, (12, 24)) if size == "many" else (2, (9, 13))
    made = []
    for _ in range(2 * count):
        length = int(torch.randint(lengths[0], lengths[1], (1,), generator=generator))
        made.append((torch.randint(3, 70, (length,), generator=generator), length // 3))
    return made, [count, count]


def ranks(percent, rank):
    return int(percent * rank / 100 * (1 + 1e-12))


def inputs(model, data, layer=LAYER):
    """X [d_in, n] of every linear map of one layer over the response positions."""
    seen = {name: [] for name in LINEAR}
    hooks = []
    for name in LINEAR:
        module = model.get_submodule(f"model.layers.{layer}.{name}")
        hooks.append(module.register_forward_hook(
            lambda _, x, __, name=name: seen[name].append(x[0][0].detach())))
    with torch.no_grad():
        for tokens, scored_from in data:
            before = {name: len(rows) for name, rows in seen.items()}
            model(input_ids=tokens[None], use_cache=False)
            for name, rows in seen.items():
                rows[before[name]] = rows[before[name]][scored_from:]
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(rows).numpy().T for name, rows in seen.items()}


def subspace(weight, x):
    u, s, _ = np.linalg.svd(weight @ x, full_matrices=False)
    # The program's own tolerance, which is on eigenvalues of W C W^T.
    kept = int((s**2 > max(weight.shape) * 2.0**-52 * s[0]**2).sum())
    return u[:, :kept], s[:kept]


def projected(w, us, uu):
    """W - (I - P_u) P_s W."""
    rank = min(w.shape)
    pu, ps = uu[:, :rank - ranks(RU, rank)], us[:, :rank - ranks(RS, rank)]
    inner = ps @ (ps.T @ w)
    return w - (inner - pu @ (pu.T @ inner))


def sequential(model, safety, utility):
    """Every block's change on data that ran through the blocks already changed; within a block all maps at once."""
    changed = {}
    for layer in range(model.config.num_hidden_layers):
        xs, xu = inputs(model, safety, layer), inputs(model, utility, layer)
        for name in LINEAR:
            weight = model.get_submodule(f"model.layers.{layer}.{name}").weight
            w = weight.detach().numpy().copy()
            new = projected(w, subspace(w, xs[name])[0], subspace(w, xu[name])[0])
            changed[f"model.layers.{layer}.{name}.weight"] = new
            with torch.no_grad():
                weight.copy_(torch.from_numpy(new))
    return changed


def main(folder):
    generator = torch.Generator().manual_seed(7)
    out = {}
    data = {}
    for size in ("many", "few"):
        data[size] = sequences(size, generator)
        made, counts = data[size]
        out[f"{size}.tokens"] = np.concatenate([t.numpy() for t, _ in made]).astype(np.int32)
        out[f"{size}.lengths"] = np.array([len(t) for t, _ in made], np.int32)
        out[f"{size}.scored_from"] = np.array([s for _, s in made], np.int32)
        out[f"{size}.counts"] = np.array(counts, np.int32)
    for model_name in MODELS:
        model = AutoModelForCausalLM.from_pretrained(
            folder / model_name, dtype=torch.float64, attn_implementation="eager").eval()
        for size, (made, counts) in data.items():
            safety, utility = inputs(model, made[:counts[0]]), inputs(model, made[counts[0]:])
            for name in LINEAR:
                key = f"model.layers.{LAYER}.{name}.weight"
                w = model.get_submodule(f"model.layers.{LAYER}.{name}").weight.detach().numpy()
                rank = min(w.shape)
                (us, ss), (uu, su) = subspace(w, safety[name]), subspace(w, utility[name])
                for side, u, s in (("safety", us, ss), ("utility", uu, su)):
                    out[f"{model_name}.{size}.{side}.singular.{key}"] = s
                    out[f"{model_name}.{size}.{side}.directions.{key}"] = u.astype(np.float32)
                prefix = f"{model_name}.{size}"
                out[f"{prefix}.rest.{key}"] = projected(w, us, uu).astype(np.float32)
                r = ranks(SHARE, rank)
                keep = us[:, :r] @ (us[:, :r].T @ w)
                most = us[:, :rank - r]
                out[f"{prefix}.top.{key}"] = (w - keep).astype(np.float32)
                out[f"{prefix}.keep.{key}"] = keep.astype(np.float32)
                out[f"{prefix}.bottom.{key}"] = (most @ (most.T @ w)).astype(np.float32)
        if model_name == "llama":
            made, counts = data["many"]
            for key, new in sequential(model, made[:counts[0]], made[counts[0]:]).items():
                out[f"llama.sequential.{key}"] = new.astype(np.float32)
    path = folder / "ranks.safetensors"
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, path,
              metadata={"made by": "scripts/make_rank_fixtures.py (run it again to remake)"})
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    torch.set_num_threads(1)
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "Tests/ModelFixtures/Fixtures")
