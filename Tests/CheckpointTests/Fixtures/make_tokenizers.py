"""Remakes tokenizers/: small tokenizers with the pipelines of the real ones, and what `tokenizers` answers for them.

Needs: pip install tokenizers. Run in this folder: python make_tokenizers.py
"""
import json
import pathlib
import random

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

HERE = pathlib.Path(__file__).parent
OUT = HERE / "tokenizers"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)

CASES = [
    "", " ", "Hello world", "  leading and trailing  ", "a", "The quick brown fox doesn't jump over 13 lazy dogs.",
    "It's I'm we'll they've you'd we're can't", "IT'S I'M WE'LL THEY'VE YOU'D We'Re CAN'T 'S 'tx '\u017ft",
    "def f(x):\n    return x ** 2  # note\n\n\n\tif x:\n\t\tpass\r\n\r\nend", "    \n\n   \t \n x", "foo\n", "foo \n\n ", "\n foo",
    "1234567890 12 345 6.78 \u0663\u0664\u0665 \u00bd \u2167 x2y3", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3001\u4e2d\u6587\u3002 \ud55c\uad6d\uc5b4",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea",
    "e\u0301 \u00e9 a\u0308o\u0308 n\u0303 Z\u0351\u036b\u0343", "\u2126 \ufb01 \u01c5 \u1100\u1161\u11a8 \u1e9b\u0323",
    "\u00a0nbsp\u2003em\u3000wide \u0085 \u2028 \u200b \ufeff", "https://example.com/a?b=c&d=%20#x ~!@#$%^&*()_+-=[]{}|;:,./<>?",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0395\u03bb\u03bb\u03ac \u05e2\u05d1 \u0627\u0644 \u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>", "a <s> b </s><s>c  <s>", "text  <mask>  more <mask>x", "WORD xWORDx WORD, WORD",
    "x\u0000y\u0007z", "a" * 120, " a" * 60, "ab " * 60 + "\n" * 30, "\u2581under \u2581 score", "<0x0A><unk>", "\n\r\n\r \r\n x",
]


def text_for_training():
    words = "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part over new sound take only little work know place year live me back give most very after thing our just name good sentence man think say great where help through much before line right too mean old any same tell boy follow came want show also around form three small set put end does another well large must big even such because turn here why ask went men read need land different home us move try kind hand picture again change off play spell air away animal house point page letter mother answer found study still learn should America world high every near add food between own below country plant last school father keep tree never start city earth eye light thought head under story saw left don't few while along might close something seem next hard open example begin life always those both paper together got group often run".split()
    draw = random.Random(7)
    for _ in range(3000):
        line = " ".join(draw.choice(words) for _ in range(draw.randint(3, 14)))
        yield line.capitalize() + draw.choice([".", "!", "?", ";\n", "\n\n", f" {draw.randint(0, 99999)}.", " it's we'll\n\treturn x"])
    for case in CASES[:20] * 3:
        yield case


def byte_level(pre, normalizer=None, **model):
    tok = Tokenizer(models.BPE(**model))
    tok.pre_tokenizer = pre
    if normalizer:
        tok.normalizer = normalizer
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(text_for_training(), trainer)
    tok.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("WORD", single_word=True)])
    return tok


def split(regex):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(regex), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def sentence_piece(legacy):
    tok = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    trainer = trainers.BpeTrainer(
        vocab_size=900, show_progress=False, limit_alphabet=90,
        special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tok.train_from_iterator(text_for_training(), trainer)
    # Byte tokens are ordinary tokens of the vocabulary, not special ones.
    config = json.loads(tok.to_str())
    config["added_tokens"] = config["added_tokens"][:3]
    tok = Tokenizer.from_str(json.dumps(config))
    if legacy:
        tok.pre_tokenizer = None
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    else:
        tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tok.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
    return tok


def main():
    llama3 = byte_level(split(LLAMA3), ignore_merges=True)
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing("<|endoftext|> $A", None, [("<|endoftext|>", 0)])])
    toks = {
        "gpt2": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "gpt2-prefix": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "smollm": byte_level(pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])),
        "llama3": llama3,
        "qwen2": byte_level(split(QWEN), normalizers.NFC()),
        "llama2": sentence_piece(legacy=True),
        "mistral": sentence_piece(legacy=False),
    }
    OUT.mkdir(exist_ok=True)
    for name, tok in toks.items():
        config = json.loads(tok.to_str())
        (OUT / f"{name}.json").write_text(json.dumps(config, ensure_ascii=False, separators=(",", ":")))
        cases = []
        for text in CASES:
            ids = tok.encode(text).ids
            cases.append({
                "text": text, "ids": ids, "plain": tok.encode(text, add_special_tokens=False).ids,
                "decoded": tok.decode(ids, skip_special_tokens=False)})
        (OUT / f"{name}.cases.json").write_text(json.dumps(cases, separators=(",", ":")))


if __name__ == "__main__":
    main()
