#!/usr/bin/env python3
"""Prints the kernel level of run folders, and a SHA-256 for every result: of tensors their bytes, of tables and lines
their values.

Words that may change without a number changing (metadata, versions, titles) are left out."""
import csv
import hashlib
import json
import pathlib
import struct
import sys

ANSWER_KEYS = ("kind", "setting", "prompt", "suffix", "answer", "tokens", "mean_log_likelihood")


def tensors(path):
    """Name, type, shape and bytes of every tensor, by name; the metadata is left out."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        start = 8 + length
        for name in sorted(header):
            if name == "__metadata__":
                continue
            entry = header[name]
            begin, end = entry["data_offsets"]
            file.seek(start + begin)
            yield name.encode() + json.dumps([entry["dtype"], entry["shape"]]).encode()
            left = end - begin
            while left:
                piece = file.read(min(left, 1 << 20))
                left -= len(piece)
                yield piece


def lines(path, keys=None):
    with open(path, encoding="utf-8") as file:
        for line in file:
            value = json.loads(line)
            if keys:
                value = {key: value.get(key) for key in keys}
            yield json.dumps(value, sort_keys=True).encode()


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        for row in sorted(csv.reader(file)):
            yield "\x1f".join(row).encode() + b"\n"


def pieces(path):
    kind = path.parts[-2] if len(path.parts) > 1 else ""
    if path.suffix == ".safetensors":
        return tensors(path)
    if path.suffix == ".jsonl":
        return lines(path, ANSWER_KEYS if kind == "answers" else None)
    if path.suffix == ".csv":
        return rows(path)
    return None


FOLDERS = ("scores", "masks", "subspaces", "edits", "adapters", "answers", "questions", "models", "data", "overlap")

for folder in map(pathlib.Path, sys.argv[1:]):
    level = json.loads((folder / "results.json").read_text()).get("kernel_level")
    if level:
        print("#", folder.name, "kernel level", level)
    files = [path for name in FOLDERS for path in sorted((folder / name).rglob("*")) if path.is_file()]
    for path in files + [folder / "results.csv", folder / "finetune-grid.csv"]:
        if not path.exists():
            continue
        content = pieces(path)
        if content is None:
            continue
        digest = hashlib.sha256()
        for piece in content:
            digest.update(piece)
        print(digest.hexdigest(), f"{folder.name}/{path.relative_to(folder)}")
    probe = folder / "probe.json"
    if probe.exists():
        heads = json.loads(probe.read_text())["heads"]
        print(hashlib.sha256(json.dumps(heads, sort_keys=True).encode()).hexdigest(), f"{folder.name}/probe.json heads")
