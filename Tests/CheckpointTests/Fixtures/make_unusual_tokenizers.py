"""Remakes tokenizers/unusual.json (pipelines in unusual order and with unusual options), tokenizers/special.json (tokens
that only the files beside tokenizer.json name) and tokenizers/canonical.json (digests of Unicode's canonical forms).

Needs: pip install tokenizers transformers. Run in this folder: python make_unusual_tokenizers.py
"""
import hashlib
import json
import pathlib
import tempfile

from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer

OUT = pathlib.Path(__file__).parent / "tokenizers"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TEXTS = ["", " ", "ab c", "a  b\u00e9 e\u0301", "12 3ab4", "X a X  b", "\u00e9\u00e9\u65e5\U0001f600c", "aWORD WORDb WORD", "b c a b c", "abc\u2581a \u2581"]
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
PREFIXED = dict(BYTES, add_prefix_space=True, use_regex=True)
DIGITS = {"type": "Digits", "individual_digits": True}


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def metaspace(scheme, split=True):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def added(number, content, **flags):
    return dict({"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}, **flags)


def config(alphabet, merges, **parts):
    vocabulary = dict.fromkeys(alphabet)
    for pair in merges:
        vocabulary["".join(pair)] = None
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
        "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {t: n for n, t in enumerate(vocabulary)},
        "merges": [list(pair) for pair in merges]}
    model.update(parts.pop("model", {}))
    return dict({
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0}, "padding": None,
        "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model}, **parts)


PLAIN = list("abcdeXWORD123 \u00e9\u2581")
IN_BYTES = list("abcdeXWORD1234\u0120\u00c3\u00a9\u00cc\u0123\u00e2\u0138\u0123") + ["<unk>"]
FALLBACK = list("abc\u2581") + ["<unk>"] + [f"<0x{b:02X}>" for b in range(256)]

UNUSUAL = {
    "bytes, then digits": config(IN_BYTES, [("a", "b"), ("\u0120", "c")], pre_tokenizer=sequence("pretokenizers", BYTES, DIGITS), decoder=BYTES),
    "bytes, then GPT-2's words": config(
        IN_BYTES, [("a", "b")], decoder=BYTES,
        pre_tokenizer=sequence("pretokenizers", PREFIXED, {"type": "Split", "pattern": {"Regex": GPT2}, "behavior": "Removed", "invert": True})),
    "bytes twice": config(IN_BYTES, [("\u00c3", "\u00a9")], pre_tokenizer=sequence("pretokenizers", BYTES, BYTES), decoder=BYTES),
    "form D, no decoder": config(PLAIN + ["e", "\u0301"], [("e", "\u0301"), ("a", "b")], normalizer={"type": "NFD"}),
    "replaced, then composed": config(
        PLAIN, [("a", "b")], normalizer=sequence("normalizers", replace("b", "e\u0301"), {"type": "NFC"}, {"type": "Prepend", "prepend": "X"})),
    "unknown, not fused": config(PLAIN + ["<unk>"], [("a", "b")], model={"unk_token": "<unk>"}, decoder={"type": "Fuse"}),
    "unknown, fused": config(PLAIN + ["<unk>"], [("a", "b")], model={"unk_token": "<unk>", "fuse_unk": True}),
    "bytes where there is no token": config(
        FALLBACK, [("a", "b")], model={"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True}, pre_tokenizer=metaspace("first", False),
        decoder=sequence("decoders", replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})),
    "bytes, some missing": config(
        FALLBACK[:150], [], model={"byte_fallback": True, "unk_token": "<unk>"}, pre_tokenizer=metaspace("always"), decoder={"type": "ByteFallback"}),
    "merges with spaces": config(PLAIN, [(" ", "a"), ("a", " "), ("a ", "b"), ("b", " c"), (" ", "c"), ("b", " c")][:3] + [(" ", "c"), ("b", " c")], decoder={"type": "Fuse"}),
    "whole words first": config(
        IN_BYTES, [("a", "b"), ("b", "c"), ("ab", "c")], model={"ignore_merges": True}, pre_tokenizer=PREFIXED, decoder=BYTES,
        post_processor={"type": "RobertaProcessing", "sep": ["b", 1], "cls": ["a", 0], "trim_offsets": True, "add_prefix_space": False}),
    "a space in every first token": config(PLAIN, [("\u2581", "a")], pre_tokenizer=metaspace("never"), decoder=metaspace("always")),
    "added tokens with flags": config(
        PLAIN, [("a", "b")], normalizer={"type": "NFD"}, decoder={"type": "Fuse"}, added_tokens=[
            added(5, "X", lstrip=True, rstrip=True), added(17, "WORD", single_word=True, special=False), added(14, "\u00e9", normalized=True, special=False),
            added(18, "  ")]),
    "bytes, then a template": config(PLAIN, [("a", "b")], post_processor=sequence("processors", BYTES, {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "X", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "b", "type_id": 0}}],
        "pair": [], "special_tokens": {"X": {"id": "X", "ids": [5, 0], "tokens": ["X", "a"]}, "b": {"id": "b", "ids": [1], "tokens": ["b"]}}})),
}


def runs(reference):
    """Token numbers whose bytes are no UTF-8, alone, in runs, and cut off."""
    vocabulary = reference.get_vocab()
    name = (lambda b: f"<0x{b:02X}>") if "<0x80>" in vocabulary else None
    if name is None:
        return [[n % len(vocabulary) for n in range(start, start + 5)] for start in (0, 9, 13)]
    wanted = [[0xE2], [0xE2, 0x96], [0xE2, 0x96, 0x81], [0xE2, 0x96, 0x81, 0xFF], [0x41, 0xFF, 0x42], [0xF0, 0x9F, 0x98], [0xC3, 0xA9, 0xC3]]
    return [[vocabulary[name(b)] for b in run if name(b) in vocabulary] + [0] for run in wanted]


def unusual():
    result = []
    for name, parts in UNUSUAL.items():
        reference = Tokenizer.from_str(json.dumps(parts))
        reference.no_truncation()
        cases = []
        for text in TEXTS:
            ids = reference.encode(text).ids
            cases.append({"text": text, "ids": ids, "plain": reference.encode(text, add_special_tokens=False).ids, "decoded": reference.decode(ids, skip_special_tokens=False)})
        decoded = [{"ids": ids, "decoded": reference.decode(ids, skip_special_tokens=False)} for ids in runs(reference)]
        result.append({"name": name, "tokenizer": json.dumps(parts), "cases": cases, "runs": decoded})
    return result


def special():
    """Folders in which the files name tokens and disagree, and what transformers makes of them."""
    base = config(PLAIN + ["<s>", "</s>"], [("a", "b")], decoder={"type": "Fuse"}, added_tokens=[added(19, "<|old|>")])
    flags = added(0, "<|im_start|>")
    flags.pop("id")
    fast = {"tokenizer_class": "PreTrainedTokenizerFast"}
    folders = {
        "added_tokens_decoder alone": {"tokenizer_config.json": dict(fast, added_tokens_decoder={"20": flags, "21": dict(flags, content="<|im_end|>", special=False, lstrip=True)}, eos_token="<|im_end|>")},
        "added_tokens.json": {"tokenizer_config.json": dict(fast, bos_token="<s>"), "added_tokens.json": {"<|im_start|>": 20, "<|im_end|>": 21}},
        "special_tokens_map.json overrides": {
            "tokenizer_config.json": dict(fast, bos_token="a", eos_token="b"),
            "special_tokens_map.json": {"bos_token": {"content": "<s>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}, "eos_token": "</s>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}},
        "special_tokens_map.json does not count": {
            "tokenizer_config.json": dict(fast, bos_token="<s>", eos_token="</s>", added_tokens_decoder={"16": dict(flags, content="<s>"), "17": dict(flags, content="</s>")}),
            "special_tokens_map.json": {"bos_token": "a", "eos_token": "b", "additional_special_tokens": ["<|im_start|>"]}},
        "additional_special_tokens": {"tokenizer_config.json": dict(fast, bos_token=None, eos_token="<|im_end|>", additional_special_tokens=["<|im_start|>", "<|im_end|>", "<|x|>"])},
        "extra_special_tokens": {"tokenizer_config.json": dict(fast, extra_special_tokens={"image_token": "<|im_start|>"}, mask_token="<|x|>", audio_token="<|im_end|>")},
        "only special_tokens_map.json": {"special_tokens_map.json": {"bos_token": "<s>", "eos_token": {"content": "<|im_end|>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}},
        "a base token made special": {"tokenizer_config.json": dict(fast, bos_token="X", eos_token="ab")},
        "other flags": {"tokenizer_config.json": dict(fast, added_tokens_decoder={"19": dict(flags, content="<|old|>", rstrip=True, special=False)})},
    }
    texts = ["<|im_start|>ab<|im_end|>", "a <|im_end|> b<|old|>  c", "<s>aXb</s><|x|>ab"]
    result = []
    for name, files in folders.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            files = dict(files, **{"tokenizer.json": base, "config.json": {"model_type": "mistral"}})
            for file, content in files.items():
                (folder / file).write_text(json.dumps(content))
            reference = AutoTokenizer.from_pretrained(folder)
            files.pop("config.json")
            result.append({
                "name": name, "files": {file: json.dumps(content) for file, content in files.items()}, "bos": reference.bos_token, "eos": reference.eos_token,
                "cases": [{"text": text, "ids": reference(text)["input_ids"], "decoded": reference.decode(reference(text)["input_ids"], skip_special_tokens=True)} for text in texts]})
    return result


def canonical():
    """Over every scalar below U+20000 and the compatibility ideographs: forms C and D alone, and C with marks behind."""
    compose, decompose = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
    composed, decomposed, marked = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for code in [c for c in range(0x20000) if not 0xD800 <= c < 0xE000] + list(range(0x2F800, 0x2FA20)):
        text = chr(code)
        composed.update(compose(text).encode())
        decomposed.update(decompose(text).encode())
        marked.update(compose(text + "\u0301\u0323\U000110ba").encode())
    return {"composed": composed.hexdigest(), "decomposed": decomposed.hexdigest(), "marked": marked.hexdigest()}


def main():
    for name, content in [("unusual", unusual()), ("special", special()), ("canonical", canonical())]:
        (OUT / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    main()
