#!/usr/bin/env python3
"""Random tokenizers against the `tokenizers` library: the same tokens and text, or a refusal by name.

    tokenizer_files.py --faultline bin/faultline [--seed 1] [--count 200]

Every case is a `tokenizer.json` put together at random (normalizers, pre-tokenizers, merges, decoders, added tokens,
post-processors, options, damaged or unusual ones among them) and texts with odd Unicode. Where `tokenizers` refuses the
file, Faultline has to refuse it, too. Needs tokenizers and safetensors with numpy.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import tokenizers as tk

import shared

# The library's panics would fill the terminal.
os.environ.setdefault("RUST_BACKTRACE", "0")

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
ODD = (
    "\u0301\u0327\u0345\u0300\u0308\u05b0\u0f71\u0f72\u3099\u1100\u1161\u11a8\u11a7\uac00\u212b\u2126\u1e9b\u0323\ufb01"
    "\u00e9\u00e5\u0131\u017f\u00a0\u2003\u3000\u0085\u2028\u200b\u200d\ufeff\ufffd\u2581\u0120\u010a\u00c3\u00a9\u00ad"
    "\U00010041\U00011099\U000110ba\U0001109a\U0001d15e\U0001d15f\U0001d157\U0001d165\U0002f81a\U0001f600\U0001f3fd"
    "\U00011131\U00011127\U00011347\U0001133e\U000e0001\u0000\u0007\t\r\n\u001f\u0663\u00bd\u2167\u4e00\u65e5\u0939\u094d"
)
WORDS = "the of and Hello WORLD don't I'll can't 'S 12 345 6789 x2y a b c é <s> </s> <|im_start|> <mask> WORD xWORD".split()


def text(draw):
    parts = []
    for _ in range(draw.randint(0, 12)):
        kind = draw.random()
        if kind < 0.45:
            parts.append(draw.choice(WORDS))
        elif kind < 0.75:
            parts.append("".join(draw.choice(ODD) for _ in range(draw.randint(1, 4))))
        elif kind < 0.9:
            parts.append(draw.choice(" \n\t") * draw.randint(1, 4))
        else:
            parts.append(chr(draw.choice([draw.randrange(0x20, 0xD800), draw.randrange(0xE000, 0x20000)])))
        if draw.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def normalizer(draw):
    steps = [
        {"type": "NFC"}, {"type": "NFD"}, {"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581"),
        replace("ab", "c"), {"type": "Lowercase"}, {"type": "NFKC"}, {"type": "Strip", "strip_left": True, "strip_right": True},
    ]
    weights = [8, 4, 4, 4, 3, 1, 1, 1]
    chosen = [draw.choices(steps, weights)[0] for _ in range(draw.randint(0, 3))]
    if not chosen:
        return None
    return chosen[0] if len(chosen) == 1 and draw.random() < 0.6 else {"type": "Sequence", "normalizers": chosen}


def byte_level(prefix, regex):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def pre_tokenizer(draw, bytes_):
    def split(pattern):
        inverted = draw.random() < 0.3
        return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed" if inverted else "Isolated", "invert": inverted}

    steps = []
    for _ in range(draw.choice([0, 0, 1, 1, 2])):
        steps.append(draw.choice([
            split(draw.choice([GPT2, QWEN, LLAMA3])), {"type": "Digits", "individual_digits": draw.random() < 0.5},
            {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": draw.choice(["first", "always", "never"]), "split": draw.random() < 0.5},
            draw.choice([{"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Isolated"}, split(r"\p{L}+"), split(GPT2)]),
        ]))
    if bytes_:
        steps.append(byte_level(draw.random() < 0.3, draw.random() < 0.5))
    if draw.random() < 0.1:
        draw.shuffle(steps)
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}


def decoder(draw, bytes_):
    pool = [
        byte_level(True, True), replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": draw.randint(0, 2), "stop": 0},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": draw.choice(["first", "always", "never"]), "split": True},
        {"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": True},
    ]
    kind = draw.random()
    if kind < 0.1:
        return None
    if kind < 0.6:
        return byte_level(True, True) if bytes_ else {"type": "Sequence", "decoders": pool[1:5]}
    chosen = draw.choices(pool, [4, 4, 4, 4, 3, 3, 1], k=draw.randint(1, 4))
    return chosen[0] if len(chosen) == 1 else {"type": "Sequence", "decoders": chosen}


def added_tokens(draw, vocabulary):
    names = draw.sample(["<s>", "</s>", "<|im_start|>", "<mask>", "WORD", "<unk>", "  ", "é", "a", "ab", "e\u0301"], draw.randint(0, 6))
    result, following = [], len(vocabulary)
    for name in names:
        number = vocabulary.get(name)
        if number is None:
            number, following = following, following + 1
        if draw.random() < 0.03:
            number += 1
        result.append({
            "id": number, "content": name, "single_word": draw.random() < 0.2, "lstrip": draw.random() < 0.2,
            "rstrip": draw.random() < 0.2, "normalized": draw.random() < 0.3, "special": draw.random() < 0.6})
    return result


def vocabulary(draw, bytes_):
    """Symbols, and merges that always make tokens of the vocabulary."""
    alphabet = sorted(tk.pre_tokenizers.ByteLevel.alphabet()) if bytes_ else list(
        "abcdefghijklmnopqrstuvwxyzHIWORLD0123456789'\u2581 é\n<>s/_|" + ODD[:20])
    if draw.random() < 0.3:
        alphabet = draw.sample(alphabet, len(alphabet) * 9 // 10)
    tokens = list(dict.fromkeys(alphabet))
    if draw.random() < 0.7:
        tokens += ["<unk>"]
    if not bytes_ and draw.random() < 0.8:
        tokens += [f"<0x{b:02X}>" for b in range(256) if draw.random() < 0.999]
    tokens = list(dict.fromkeys(tokens))
    merges, known = [], set(tokens)
    common = [t for t in tokens if len(t) == 1 and (t in "abcdehlortHW0123'\u0120\u2581 Ã©Ìģâ")] or tokens[:20]
    for _ in range(draw.randint(0, 120)):
        left, right = draw.choice(common), draw.choice(common)
        whole = left + right
        merges.append((left, right))
        if whole not in known:
            known.add(whole)
            tokens.append(whole)
        common.append(whole)
    return {token: number for number, token in enumerate(tokens)}, merges


def model(draw, bytes_):
    tokens, merges = vocabulary(draw, bytes_)
    spaced = any(" " in part for pair in merges for part in pair)
    pairs = spaced or draw.random() < 0.5
    result = {
        "type": "BPE", "dropout": None, "unk_token": draw.choice([None, "<unk>"]) if draw.random() < 0.9 else "zz",
        "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": draw.random() < 0.5,
        "byte_fallback": not bytes_ and draw.random() < 0.7, "ignore_merges": draw.random() < 0.3, "vocab": tokens,
        "merges": [list(pair) if pairs else " ".join(pair) for pair in merges]}
    if draw.random() < 0.1:
        key, value = draw.choice([
            ("dropout", 0.5), ("dropout", 0.0), ("continuing_subword_prefix", "##"), ("end_of_word_suffix", "</w>"),
            ("end_of_word_suffix", ""), ("fuse_unk", "true"), ("byte_fallback", 1), ("unk_token", 3), ("type", "WordPiece")])
        result[key] = value
    return result


def post_processor(draw, tokens):
    def special(name):
        return {"SpecialToken": {"id": name, "type_id": 0}}

    text_ = {"Sequence": {"id": "A", "type_id": 0}}
    table = {name: {"id": name, "ids": [tokens[name]], "tokens": [name]} for name in draw.sample(sorted(tokens), 2)}
    names = list(table)
    single = draw.choice([
        [special(names[0]), text_], [text_, special(names[1])], [special(names[0]), text_, special(names[1])],
        [special(names[0]), special(names[1]), text_], [text_]])
    template = {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": table}
    bytes_ = byte_level(True, True)
    bert = {"type": "BertProcessing", "sep": [names[1], tokens[names[1]]], "cls": [names[0], tokens[names[0]]]}
    return draw.choices(
        [None, template, bytes_, {"type": "Sequence", "processors": [bytes_, template]},
         {"type": "Sequence", "processors": [template, template]}, bert], [3, 4, 1, 3, 1, 1])[0]


def case(draw):
    bytes_ = draw.random() < 0.6
    core = model(draw, bytes_)
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens(draw, core["vocab"]),
        "normalizer": normalizer(draw) if draw.random() < 0.6 else None, "pre_tokenizer": pre_tokenizer(draw, bytes_),
        "post_processor": post_processor(draw, core["vocab"]), "decoder": decoder(draw, bytes_), "model": core}


class Panic:
    """The library's own fault, where it has no answer: not implemented, or a slice out of range."""


def attempt(call, *arguments, **options):
    """What the library answers; None where it refuses, `Panic` where it breaks (which is no Exception in Python)."""
    try:
        return call(*arguments, **options)
    except Exception:
        return None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Panic


def expected(config, texts, draw):
    """Pairs of an item and what `tokenizers` answers to it; None where it refuses the file or a text."""
    reference = attempt(tk.Tokenizer.from_str, json.dumps(config))
    if reference in (None, Panic):
        return None
    highest = max(reference.get_vocab(with_added_tokens=True).values(), default=0)
    items, panics = [], 0
    for value in texts:
        whole = attempt(reference.encode, value)
        if whole is None:
            return None
        if whole is Panic:
            panics += 1
        else:
            items.append(({"text": value}, whole.ids, reference.encode(value, add_special_tokens=False).ids))
    if panics == len(texts):
        return None
    bytes_ = [n for t, n in reference.get_vocab().items() if t.startswith("<0x")] or list(range(highest + 1))
    for _ in range(8):
        pool = bytes_ if draw.random() < 0.5 else range(highest + 1)
        ids = [draw.choice(pool) for _ in range(draw.randint(0, 9))]
        items.append(({"ids": ids}, ids, ids))
    return [
        (item, {"ids": ids, "plain": plain, "decoded": attempt(reference.decode, ids, skip_special_tokens=False),
                "skipped": attempt(reference.decode, ids, skip_special_tokens=True)}) for item, ids, plain in items]


def differ(want, have):
    return any(value is not Panic and have[key] != value for key, value in want.items())


def wrong_numbers(config):
    """Whether the file numbers an added token otherwise than `tokenizers` then does; only a refusal is right."""
    reference = tk.Tokenizer.from_str(json.dumps(config))
    return any(reference.token_to_id(token["content"]) != token["id"] for token in config["added_tokens"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faultline", default="bin/faultline")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--keep", help="a folder for the cases that fail")
    arguments = parser.parse_args()
    tally = shared.Tally("tokenizers", arguments.seed, arguments.keep)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shared.write_model(folder)
        for number in range(arguments.count):
            draw = random.Random(f"{arguments.seed}-{number}")
            config = case(draw)
            answers = expected(config, [text(draw) for _ in range(10)], draw)
            (folder / "tokenizer.json").write_text(json.dumps(config, ensure_ascii=draw.random() < 0.5), encoding="utf-8")
            lines = folder / "texts.jsonl"
            lines.write_text("\n".join(json.dumps(item) for item, _ in answers or [({"text": "a"}, None)]))
            run = subprocess.run(
                [arguments.faultline, "tokenize", "--model", folder, "--texts", lines], capture_output=True, text=True)
            if run.returncode == 2 and len(run.stderr.strip().splitlines()) == 1:
                tally.refused(run.stderr)
            elif run.returncode != 0:
                tally.failed(number, f"exit code {run.returncode}: {run.stderr.strip()[:300]}", config)
            elif answers is None:
                tally.failed(number, "tokenizers refuses it, Faultline does not", config)
            elif wrong_numbers(config):
                tally.failed(number, "an added token's number is not the one tokenizers gives", config)
            else:
                found = [json.loads(line) for line in run.stdout.split("\n") if line]
                wrong = next(((item, want, have) for (item, want), have in zip(answers, found) if differ(want, have)), None)
                if wrong or len(found) != len(answers):
                    tally.failed(number, " ".join(ascii(part) for part in wrong or ["lines are missing"]), config)
                else:
                    tally.same()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
