"""Makes Tests/EvaluationTests/Fixtures/choices.json (run with a Python that has lm-eval 0.4.13, transformers and torch).

A byte-pair tokenizer is made whose merges cross the border between a context and a choice. lm-eval's own HFLM tokenises the
pairs (`_encode_pair`) and cuts them (`_loglikelihood_tokens`); a model that only notes its input shows what it is given.

encodings  the tokens of every text that is encoded
cases      context, choices, max_length; per choice `tokens` (the input, then the last scored token) and `scored`, their count;
           merges: the joint encoding is another; cut: something was cut off
"""
import json
import pathlib

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

OUT = pathlib.Path(__file__).parent.parent / "Tests/EvaluationTests/Fixtures/choices.json"
MERGES = ["a b", "Ġ x", "ab c", ": Ġ", ":Ġ y", "e Ġ", "eĠ s", "1 2", "12 3"]
CASES = [
    ("za", ["b!", "c!", "bc!"], 64),
    ("Question: who:", [" yes", " no", " x"], 64),
    ("Question: who:  ", ["yes", "no"], 64),
    ("The tree", [" stands", " falls"], 64),
    ("count 1", ["23 and", "3"], 64),
    ("count 1", ["23 and", "22"], 64),
    ("0123456789 tea", ["bc de", "ce f"], 6),
    ("0123456789 tea", ["bcdefgh", "ce"], 7),
    ("The first\ttext\n", ["a", "ab", "abc"], 5),
]


def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [tuple(line.split(" ")) for line in MERGES]
    vocabulary = {token: number for number, token in enumerate(alphabet + [a + b for a, b in merges])}
    vocabulary["<unk>"] = len(vocabulary)
    tokens = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<unk>", pad_token="<unk>")


def seen_by(harness, context, choice):
    """The model's input row, and how many of the tokens after it are scored."""
    seen = []

    def note(inputs, **_):
        seen.append(inputs.clone())
        return torch.zeros(*inputs.shape, harness.vocab_size)

    harness._model_call = note
    harness.loglikelihood([Instance("loglikelihood", {}, (context, choice), 0)], disable_tqdm=True)
    _, continuation = harness._encode_pair(context, choice)
    row = seen[-1][0].tolist()
    return row + [continuation[-1]], len(continuation)


def main():
    tokens = tokenizer()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokens), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
            max_position_embeddings=64))
    encodings, cases = {}, []
    for context, choices, longest in CASES:
        harness = HFLM(pretrained=model, tokenizer=tokens, batch_size=1, max_length=longest, device="cpu")
        case = {"context": context, "choices": choices, "max_length": longest, "tokens": [], "scored": []}
        case["merges"] = case["cut"] = False
        for choice in choices:
            bare = context.rstrip()
            for text in (bare, context + choice):
                encodings[text] = harness.tok_encode(text)
            row, scored = seen_by(harness, context, choice)
            case["tokens"].append(row)
            case["scored"].append(scored)
            before, own = harness._encode_pair(context, choice)
            case["merges"] |= before + own != encodings[context + choice]
            case["cut"] |= len(before) + len(own) > longest + 1
        cases.append(case)
    OUT.write_text(json.dumps({"encodings": encodings, "cases": cases}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
