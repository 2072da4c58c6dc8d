"""Random chat templates and conversations: this program's text against jinja2's, set as transformers sets it.

Each case is either the same text, or an error in both, or refused by this program by name; refusals are counted and have
to stay few. Needs jinja2. Run: python scripts/check/sweep/templates.py [--program bin/faultline] [--seed 1] [--count 3000]
"""
import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from jinja_reference import pack, render  # noqa: E402
from template_grammar import Grammar  # noqa: E402


def answers(command, cases):
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8")
    results = [json.loads(line) for line in done.stdout.split("\n") if line]
    if done.returncode or len(results) != len(cases):
        sys.exit(f"templates: {command[0]} ended with {done.returncode} after {len(results)} cases: {done.stderr[-300:]}")
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(pathlib.Path(__file__).resolve().parents[3] / "bin/faultline"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--show", type=int, default=5, help="differences and reasons of refusals to print")
    options = parser.parse_args()
    grammar = Grammar(random.Random(options.seed))
    cases, expected = [], []
    for _ in range(options.count):
        template, variables = grammar.case()
        cases.append({"template": template, "variables": [[key, pack(value)] for key, value in variables.items()]})
        expected.append(render(template, variables))
    counts, shown = collections.Counter(), collections.Counter()
    for case, text, result in zip(cases, expected, answers([options.program, "render"], cases)):
        if result.get("text") == text and "text" in result:
            kind = "equal"
        elif text is None and "error" in result:
            kind = "an error in both"
        elif "error" in result and result["kind"] in ("unsupported", "limit"):
            kind = "refused by name"
        else:
            kind = "DIFFERENT"
        counts[kind] += 1
        if kind in ("DIFFERENT", "refused by name") and shown[kind] < options.show:
            shown[kind] += 1
            if kind == "DIFFERENT":
                print(f"{kind}: {json.dumps(case, ensure_ascii=False)}\n  jinja2: {text!r}\n  here:   {result}")
            else:
                print(f"        {kind}: {result['error']}")
    print("templates: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    few = counts["refused by name"] <= options.count * 0.02
    if counts["DIFFERENT"] or not few or counts["equal"] < options.count * 0.4:
        sys.exit("templates: failed")


if __name__ == "__main__":
    main()
