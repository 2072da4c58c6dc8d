"""Makes Tests/EvaluationTests/Fixtures/zero-shot.json (run with a Python that has lm-eval; every value is Python's own).

shuffles   random.Random(seed).shuffle(list(range(size))): the first numbers, and the SHA-256 of all, comma-separated
bits       random.Random(seed).getrandbits(width) for rising widths, one after the other
texts      strip, capitalize, len, and lm-eval's HellaSwag cleaning
documents  invented documents in every task's form, with the prompts, choices and label that lm-eval makes of them
"""
import hashlib
import json
import os
import pathlib
import random
import tempfile

from compare_zero_shot import TASKS, task as harness_task

OUT = pathlib.Path(__file__).parent.parent / "Tests/EvaluationTests/Fixtures/zero-shot.json"
SEEDS = [0, 1, 42, 1234, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**53 + 7, 2**64 - 1]
SIZES = [0, 1, 2, 3, 4, 5, 17, 100, 255, 256, 257, 277, 500, 623, 624, 625, 1172, 1267, 3270, 10042]

TEXTS = [
    "", " ", "a", "hello World", "he SAID It", " [step] first [title] go  on ", "[header] How to  sit [title] Find   a chair.",
    "\t[a\nb] c]", "[x]y]z[", "[[a]b]", "ǆ is a letter", "ßharp EDGES", "ﬁt AND ﬂat", "ΟΔΟΣ ΚΑΙ ΟΔΟΣ.", "Σ ΑΣ' ΑΣ", "İstanbul İS",
    "\u001c\u001f x \u0085\u2003", "e\u0301cole  E\u0301COLE", "two  \u0301 spaces", "no-break\u00a0", "\u200bx\u200b", "🙂 SMILE 🙂",
]

DOCUMENTS = {
    "boolq": [
        {"passage": "Tea -- Tea is a drink made of leaves.  ", "question": "is tea made of leaves", "label": 1},
        {"passage": "Ein Café\nan der Ecke", "question": "is it a “bar”", "label": 0},
    ],
    "rte": [
        {"sentence1": "The train left at nine.", "sentence2": "The train has left.", "label": 0, "idx": 0},
        {"sentence1": "Two birds sang. ", "sentence2": "Nobody sang.", "label": 1, "idx": 1},
    ],
    "hellaswag": [
        {"activity_label": "Baking bread", "ctx_a": "A woman kneads dough on a TABLE.", "ctx_b": "she", "label": "2",
         "endings": ["puts it into a  lake.", " [title] throws it.", "lets it [wait] rest.", "eats [substeps] a book."]},
        {"activity_label": "How to fold a map", "ctx_a": "[header] Lay it flat. [title] Smooth the edges.  ", "ctx_b": "",
         "endings": ["Fold.", "Tear\nit.", "[a] [b] Roll it", "Frame  it "], "label": "0"},
        {"activity_label": "Élan", "ctx_a": "", "ctx_b": "éMILE And ΟΔΟΣ", "endings": ["x", "yy", "zzz", "w"], "label": "3"},
    ],
    "winogrande": [
        {"sentence": "The cup did not fit into the box because the _ was too large .", "option1": "cup", "option2": "box",
         "answer": "1"},
        {"sentence": "Ada thanked Eve, and _  smiled_ twice.  ", "option1": "Ada", "option2": "Eve", "answer": "2"},
    ],
    "arc_challenge": [
        {"id": "a", "question": "What is warm?", "choices": {"text": ["ice", "the sun", "snow"], "label": ["A", "B", "C"]},
         "answerKey": "B"},
        {"id": "b", "question": "Which one floats? ", "choices": {"text": ["a cork", "a stone", "a nail", "lead", "iron"],
         "label": ["1", "2", "3", "4", "5"]}, "answerKey": "1"},
    ],
    "openbookqa": [
        {"id": "c", "question_stem": "A tree needs", "choices": {"text": ["light", "a chair", "salt", "noise"],
         "label": ["A", "B", "C", "D"]}, "answerKey": " A"},
        {"id": "d", "question_stem": "Rain comes from ", "choices": {"text": ["clouds", "cups ", "ants", "a – b"],
         "label": ["A", "B", "C", "D"]}, "answerKey": "A"},
    ],
}


def shuffles():
    for seed in SEEDS:
        for size in SIZES if seed in (42, 2**32 + 1) else SIZES[::4]:
            order = list(range(size))
            random.Random(seed).shuffle(order)
            digest = hashlib.sha256(",".join(map(str, order)).encode()).hexdigest()
            yield {"seed": str(seed), "size": size, "first": order[:8], "sha256": digest}


def bits():
    for seed in SEEDS:
        generator = random.Random(seed)
        yield {"seed": str(seed), "values": [str(generator.getrandbits(width)) for width in range(1, 65)]}


def texts():
    from lm_eval.tasks.hellaswag.utils import preprocess

    for text in TEXTS:
        yield {"text": text, "strip": text.strip(), "capitalize": text.capitalize(), "length": len(text),
               "cleaned": preprocess(text)}


def documents():
    from lm_eval.tasks import TaskManager

    manager = TaskManager()
    with tempfile.TemporaryDirectory() as work:
        os.environ["HF_DATASETS_CACHE"] = work
        for name in TASKS:
            path = pathlib.Path(work) / f"{name}.jsonl"
            path.write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS[name]), encoding="utf-8")
            task = manager.load([harness_task(manager, name, path, pathlib.Path(work))])["tasks"][name]
            for document, seen in zip(DOCUMENTS[name], task.validation_docs(), strict=True):
                requests = task.construct_requests(seen, task.fewshot_context(seen, num_fewshot=0),
                                                   metadata=(name, 0, 1))
                yield {"task": name, "document": json.dumps(document, ensure_ascii=False),
                       "contexts": [request.args[0] for request in requests],
                       "choices": [request.args[1] for request in requests],
                       "label": gold(task, seen)}


def gold(task, document):
    if task.multiple_input:
        return task.doc_to_text(document)
    target = task.doc_to_target(document)
    return int(target)


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"made_by": "scripts/make_zero_shot_fixtures.py", "shuffles": list(shuffles()),
                               "bits": list(bits()), "texts": list(texts()), "documents": list(documents())},
                              ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
