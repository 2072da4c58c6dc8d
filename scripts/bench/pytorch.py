"""The same SNIP work by PyTorch: pytorch.py --model M --examples EXAMPLES.jsonl [--threads N] [--rounds N]

Forward, backward and |gradient| accumulation, example by example, over the examples (see reference_scores.py). Prints
the rate, its ratio to the SGEMM rate that PyTorch itself reaches here, and the median seconds of the rounds after a
warm-up. The work counts 2 per weight and token for the forward, 2 for the input's gradient and 2 for the weight's, in
the linear maps; and 4 per weight and scored token in the head, whose gradient nobody asks for.
"""
import argparse
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from check.reference_scores import examples, linear_maps, load, response_loss  # noqa: E402


def timed(work, rounds):
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--examples", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--ours", type=float, help="seconds that Faultline took for the same work")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = examples(options.examples, options.limit)
    model = load(options.model)
    maps = linear_maps(model)
    model.requires_grad_(False)
    for module in maps.values():
        module.weight.requires_grad_(True)
    absolute = {name: torch.zeros_like(module.weight) for name, module in maps.items()}

    def snip():
        for tokens, scored_from in data:
            response_loss(model, tokens, scored_from).backward()
            for name, module in maps.items():
                absolute[name] += module.weight.grad.abs()
                module.weight.grad = None

    tokens = sum(len(t) for t, _ in data)
    scored = sum(len(t) - s for t, s in data)
    linear = sum(module.weight.numel() for module in maps.values())
    flop = 6 * linear * tokens + 4 * model.lm_head.weight.numel() * scored
    a, b = torch.rand(2048, 1536), torch.rand(1536, 2048)
    gemm = 2 * 2048 * 2048 * 1536 / timed(lambda: a @ b, 9)
    seconds = timed(snip, options.rounds)
    words = f"SNIP, PyTorch {torch.__version__}"
    print(f"{words:36}{flop / seconds / 1e9:8.1f} GFLOP/s   {flop / seconds / gemm:5.2f} of its SGEMM ({gemm / 1e9:.1f})"
          f"   {seconds:7.3f} s")
    if options.ours:
        print(f"SNIP here over SNIP by PyTorch       {seconds / options.ours:7.2f} x")


if __name__ == "__main__":
    main()
