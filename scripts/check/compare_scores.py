"""Compares two score files: compare_scores.py A B [--top 1] [--error 1e-3] [--agreement 0.999] [--scale]

Per matrix: ||A - B|| / ||B|| (Frobenius), and |top(A) & top(B)| / k of the masks of the top percent (k = floor of it,
ties to the lower flat index). Prints the worst of both; exits 1 where one misses its limit, 2 where the files do not
hold the same matrices. --scale first divides A by the ratio of the two files' sums (a mean beside a sum over examples).
"""
import argparse
import sys

import numpy
from safetensors.numpy import load_file


def top(scores, percent):
    """The mask of the top percent, and how many it holds; ties go to the lower flat index."""
    flat = scores.ravel()
    count = int(percent / 100 * flat.size)
    mask = numpy.zeros(flat.size, dtype=bool)
    if count:
        threshold = numpy.partition(flat, flat.size - count)[flat.size - count]
        mask = flat > threshold
        mask[numpy.flatnonzero(flat == threshold)[:count - mask.sum()]] = True
    return mask, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--top", type=float, default=1, help="percent")
    parser.add_argument("--error", type=float, default=1e-3)
    parser.add_argument("--agreement", type=float, default=0.999)
    parser.add_argument("--scale", action="store_true")
    options = parser.parse_args()
    a, b = load_file(options.a), load_file(options.b)
    if set(a) != set(b) or any(a[name].shape != b[name].shape for name in a):
        odd = sorted(set(a) ^ set(b)) or [name for name in a if a[name].shape != b[name].shape]
        print(f"compare: not the same matrices: {odd[0]} and {len(odd) - 1} more differ", file=sys.stderr)
        sys.exit(2)
    factor = 1.0
    if options.scale:
        factor = sum(m.sum(dtype="f8") for m in a.values()) / sum(m.sum(dtype="f8") for m in b.values())
        print(f"A / B = {factor:.6g}, taken out")
    errors, agreements = {}, {}
    for name in b:
        x, y = a[name].astype("f8") / factor, b[name].astype("f8")
        errors[name] = numpy.linalg.norm(x - y) / max(numpy.linalg.norm(y), 1e-300)
        (first, count), (second, _) = top(x, options.top), top(y, options.top)
        agreements[name] = (first & second).sum() / count if count else 1.0
    worst, least = max(errors, key=errors.get), min(agreements, key=agreements.get)
    print(f"{len(b)} matrices: relative error at most {errors[worst]:.3g} ({worst}); "
          f"top {options.top:g} % masks agree on at least {agreements[least]:.5f} ({least})")
    missed = not (errors[worst] <= options.error and agreements[least] >= options.agreement)
    if missed:
        print(f"compare: FAILED, limits are {options.error:g} and {options.agreement:g}", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
