#!/usr/bin/env python3
"""Writes Tests/DatasetsTests/Fixtures/csv.json: short texts, and what Python's csv makes of them (null: it refuses them)."""

import csv
import io
import json
import pathlib
import random


def read(text, separator):
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [row for row in rows if row]
    except csv.Error:
        return None


def main():
    draw = random.Random(7)
    cases = []
    for number in range(400):
        separator = draw.choice(",\t")
        alphabet = ["a", "é", " ", '"', '""', "\n", "\r", "\r\n", ",", "\t"]
        text = "".join(draw.choices(alphabet, [4, 1, 2, 4, 2, 3, 1, 2, 4, 1], k=draw.randint(1, 12)))
        cases.append({"text": text, "separator": separator, "records": read(text, separator)})
    path = pathlib.Path(__file__).parent.parent / "Tests/DatasetsTests/Fixtures/csv.json"
    path.write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")


main()
