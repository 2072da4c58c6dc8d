#!/usr/bin/env python3
"""Writes Sources/Checkpoint/Tokenizer/CanonicalTables.swift: what Unicode's forms C and D need.

The reference is the `tokenizers` package: its tables are of an older Unicode than Python's, and tokens have to be those
it gives. Every entry of `unicodedata` is kept only where `tokenizers` has it, and the result is compared with it over
all scalars and over random runs of marks.

    python3 scripts/make_canonical_tables.py
"""
import pathlib
import random
import unicodedata

from tokenizers import normalizers

NFC, NFD = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def hangul(code):
    return 0xAC00 <= code < 0xD7A4


def decompositions():
    """{scalar: (parts, whether the parts compose to it again)}, one level deep."""
    table = {}
    for code in SCALARS:
        mapping = unicodedata.decomposition(chr(code))
        if not mapping or mapping.startswith("<") or hangul(code) or NFD(chr(code)) == chr(code):
            continue
        parts = [int(part, 16) for part in mapping.split()]
        table[code] = (parts, NFC(NFD(chr(code))) == chr(code))
    return table


def combining_classes():
    """Scalars that `tokenizers` moves across U+0345 (class 240) or across which it moves U+0334 (class 1)."""
    table = {}
    for code in SCALARS:
        value = unicodedata.combining(chr(code))
        if value == 0:
            continue
        text = "\u0345" + chr(code) if value < 240 else chr(code) + "\u0334"
        if NFD(text) != text or value == 240 and code == 0x345:
            table[code] = value
    return table


def runs(table):
    result = []
    for code, value in sorted(table.items()):
        if result and result[-1][1] == code - 1 and result[-1][2] == value:
            result[-1][1] = code
        else:
            result.append([code, code, value])
    return result


def lines(words):
    line = ""
    for word in words:
        if len(line) + len(word) > 108:
            yield line
            line = ""
        line += (" " if line else "") + word
    yield line


def normalised(text, table, classes, pairs):
    """Form C (D without `pairs`) by these tables, to see that they are complete."""
    def full(code):
        if hangul(code):
            index = code - 0xAC00
            yield from (0x1100 + index // 588, 0x1161 + index % 588 // 28)
            if index % 28:
                yield 0x11A7 + index % 28
        elif code in table:
            for part in table[code][0]:
                yield from full(part)
        else:
            yield code

    codes = [part for scalar in text for part in full(ord(scalar))]
    start = 0
    for end in range(len(codes) + 1):
        if end == len(codes) or classes.get(codes[end], 0) == 0:
            codes[start:end] = sorted(codes[start:end], key=lambda c: classes.get(c, 0))
            start = end
    if pairs is None:
        return "".join(map(chr, codes))
    result, starter, last = [], None, -1
    for code in codes:
        value = classes.get(code, 0)
        if starter is not None and (last < value or last == -1):
            first = result[starter]
            whole = pairs.get((first, code))
            if 0x1100 <= first < 0x1113 and 0x1161 <= code < 0x1176:
                whole = 0xAC00 + ((first - 0x1100) * 21 + code - 0x1161) * 28
            elif hangul(first) and (first - 0xAC00) % 28 == 0 and 0x11A7 < code < 0x11C3:
                whole = first + code - 0x11A7
            if whole is not None:
                result[starter] = whole
                continue
        if value == 0:
            starter, last = len(result), -1
        else:
            last = value
        result.append(code)
    return "".join(map(chr, result))


def check(table, classes):
    marks = [chr(c) for c in classes] + [chr(c) for c in table] + list("ae\u0301\u0327") + ["\u1100", "\u1161", "\u11a8"]
    pairs = {tuple(parts): code for code, (parts, again) in table.items() if again}
    random.seed(1)
    texts = [chr(c) for c in SCALARS] + [
        "".join(random.choices(marks, k=random.randint(2, 8))) for _ in range(200_000)
    ]
    for text in texts:
        assert normalised(text, table, classes, None) == NFD(text), ascii(text)
        assert normalised(text, table, classes, pairs) == NFC(text), ascii(text)


def main():
    table, classes = decompositions(), combining_classes()
    check(table, classes)
    parts = [
        f"{code:X}{'=' if again else '>'}" + "+".join(f"{part:X}" for part in mapping)
        for code, (mapping, again) in sorted(table.items())
    ]
    groups = [f"{a:X}:{v}" if a == b else f"{a:X}-{b:X}:{v}" for a, b, v in runs(classes)]
    out = pathlib.Path(__file__).parent.parent / "Sources/Checkpoint/Tokenizer/CanonicalTables.swift"
    indent = " " * 8
    out.write_text(
        "// Made by scripts/make_canonical_tables.py; do not edit.\n\n"
        "/// Unicode's canonical decompositions and combining classes, as the `tokenizers` library has them.\n"
        "enum CanonicalTables {\n"
        "    /// `WHOLE=PART+PART` where the parts compose again, `WHOLE>PARTS` where they do not; one level deep.\n"
        '    static let decompositions = """\n'
        + "".join(f"{indent}{line}\n" for line in lines(parts))
        + f'{indent}"""\n\n'
        "    /// `SCALAR:CLASS` and `FIRST-LAST:CLASS`, where the class is not 0.\n"
        '    static let classes = """\n'
        + "".join(f"{indent}{line}\n" for line in lines(groups))
        + f'{indent}"""\n'
        "}\n",
        encoding="ascii",
    )
    print(f"{len(table)} decompositions, {len(groups)} runs of classes")


if __name__ == "__main__":
    main()
