"""Damages at random places of a run's folder and of its cache, on a small random model.

A study runs once; copies of its folder and cache, also of a folder whose run was killed in the middle, are damaged
(bits, blocks of zeros, cut files, files that trade places, files that are gone) and the study runs again. Each time
either every result has the same bytes, or the program ends with a line; never other results.

    python3 scripts/check/sweep/damages.py [--seed N] [--count N] [--bin DIR] [--keep]
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

KINDS = ["bit", "bits", "zeros", "cut", "empty", "garbage", "swap", "gone"]
# What a run comes to; the rest is an account of how it went.
RESULTS = ("scores/", "subspaces/", "masks/", "edits/", "answers/", "questions/", "data/", "overlap/", "models/",
           "adapters/", "probe.json", "results.json", "results.csv")


def tensors(layers, hidden, inner, vocabulary):
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for layer in range(layers):
        name = f"model.layers.{layer}."
        for part in "qkvo":
            yield f"{name}self_attn.{part}_proj.weight", (hidden, hidden)
        yield f"{name}mlp.gate_proj.weight", (inner, hidden)
        yield f"{name}mlp.up_proj.weight", (inner, hidden)
        yield f"{name}mlp.down_proj.weight", (hidden, inner)
        yield f"{name}input_layernorm.weight", (hidden,)
        yield f"{name}post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocabulary, hidden)


def make_model(folder, draw):
    """A random Llama of two layers with a tokenizer of letters."""
    os.makedirs(folder)
    hidden, inner, vocabulary, layers = 64, 96, 32, 2
    header, data = {}, bytearray()
    for name, shape in tensors(layers, hidden, inner, vocabulary):
        count = 1
        for size in shape:
            count *= size
        scale = 1.0 if len(shape) == 1 else 0.12
        values = [1.0 if len(shape) == 1 else draw.gauss(0, scale) for _ in range(count)]
        start = len(data)
        data += struct.pack(f"<{count}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{folder}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
        "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": 4,
        "num_key_value_heads": 4, "vocab_size": vocabulary, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "float32",
        "eos_token_id": 2, "bos_token_id": 1,
    }
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2, "\u0120": 30, "\u010a": 31}
    vocab.update({letter: 3 + index for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz")})
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "normalizer": None, "post_processor": None, "pre_tokenizer": level, "decoder": level,
        "added_tokens": [
            {"id": index, "content": text, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False} for index, text in enumerate(["<unk>", "<s>", "</s>"])],
        "model": {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>", "fuse_unk": False,
                  "byte_fallback": False},
    }
    for name, value in [("config.json", config), ("tokenizer.json", tokenizer)]:
        with open(f"{folder}/{name}", "w") as file:
            json.dump(value, file)


def make_study(folder, draw):
    def words(count):
        return " ".join("".join(draw.choice("abcdefghij") for _ in range(draw.randint(2, 6))) for _ in range(count))

    make_model(f"{folder}/model", draw)
    for name in ["safety", "utility"]:
        with open(f"{folder}/{name}.jsonl", "w") as file:
            for _ in range(12):
                file.write(json.dumps({"prompt": words(4), "response": words(5)}) + "\n")
    for name, count in [("harmful", 4), ("harmless", 4), ("probe-a", 14), ("probe-b", 14)]:
        with open(f"{folder}/{name}.txt", "w") as file:
            file.write("".join(words(4) + "\n" for _ in range(count)))
    with open(f"{folder}/text.txt", "w") as file:
        file.write(words(120))
    with open(f"{folder}/tasks.jsonl", "w") as file:
        for number in range(6):
            file.write(json.dumps({"task": "t", "id": str(number), "context": words(5),
                                   "choices": [" " + words(1), " " + words(2)], "label": number % 2}) + "\n")
    with open(f"{folder}/study.yaml", "w") as file:
        file.write("""\
name: sweep
model: model
template: none
block_examples: 3
batch_tokens: 200
calibration:
  safety: {pairs: safety.jsonl}
  utility: {pairs: utility.jsonl}
probe: {harmful: probe-a.txt, harmless: probe-b.txt}
overlap: {p: 5, q: 5, rank: 2}
conditions:
  - unedited
  - set_difference: {p: 20, q: 40}
  - {name: by_block, order: sequential, set_difference: {p: 20, q: 40}}
  - actsvd_top: {rank: 2}
  - orthogonal_projection: {r_u: 20, r_s: 20}
  - finetune: {pairs: utility.jsonl, steps: 4, batch: 3, freeze: set_difference, checkpoint_every: 2}
  - {name: rewound, finetune: {pairs: utility.jsonl, steps: 4, batch: 3, rewind: set_difference, checkpoint_every: 2}}
evaluation:
  harmful: harmful.txt
  harmless: harmless.txt
  tasks: [tasks.jsonl]
  max_new_tokens: 8
  perplexity: {file: text.txt, window: 60}
export: [set_difference, actsvd_top]
""")


class Sweep:
    def __init__(self, options):
        self.options = options
        self.draw = random.Random(options.seed)
        self.place = tempfile.mkdtemp(prefix="faultline-sweep-")
        self.failures, self.told, self.again = [], 0, 0

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def start(self, run, cache):
        command = [os.path.join(self.options.bin, "faultline"), "study", "run", self.path("study.yaml"), "--run-dir",
                   self.path(run), "--threads", "1", "--workers", "1"]
        command += ["--cache", self.path(cache)] if cache else ["--no-cache"]
        environment = dict(os.environ, XDG_CACHE_HOME=self.path("memory"))
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)

    def run(self, run, cache):
        process = self.start(run, cache)
        try:
            output = process.communicate(timeout=300)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            return None, process.communicate()[0].decode(errors="replace") + "\n(hung)"
        return process.returncode, output

    def results(self, run):
        found = {}
        for folder, _, names in os.walk(self.path(run)):
            for name in names:
                whole = os.path.join(folder, name)
                short = os.path.relpath(whole, self.path(run))
                if short.startswith(RESULTS) and ".part-" not in short:
                    with open(whole, "rb") as file:
                        found[short] = file.read()
        return found

    def files(self, *folders):
        found = []
        for folder in folders:
            for place, _, names in os.walk(self.path(folder)):
                found += [os.path.join(place, name) for name in names if name != "run.lock"]
        return sorted(name for name in found if os.path.getsize(name) > 0)

    def damage(self, files):
        """Damages one of the files; says how."""
        draw = self.draw
        path = draw.choice(files)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        kind, size = draw.choice(KINDS), len(data)
        place = draw.randrange(size)
        if kind == "bit":
            data[place] ^= 1 << draw.randrange(8)
        elif kind == "bits":
            for _ in range(20):
                data[draw.randrange(size)] ^= 1 << draw.randrange(8)
        elif kind in ("zeros", "garbage"):
            start = place // 4096 * 4096
            for index in range(start, min(size, start + 4096)):
                data[index] = 0 if kind == "zeros" else draw.randrange(256)
        elif kind == "cut":
            del data[place:]
        elif kind == "empty":
            data.clear()
        elif kind == "swap":
            others = [name for name in files if name != path and os.path.getsize(name) == size]
            if not others:
                return self.damage(files)
            other = draw.choice(others)
            with open(other, "rb") as file:
                theirs = file.read()
            self.replace(other, data)
            data = theirs
        words = f"{kind} in {os.path.relpath(path, self.place)} ({size} bytes, at {place})"
        if kind == "gone":
            os.unlink(path)
        else:
            self.replace(path, data)
        return words

    @staticmethod
    def replace(path, data):
        # In place: a link is damaged under all its names.
        with open(path, "r+b") as file:
            file.truncate(0)
            file.write(data)

    def copy(self, source, target):
        shutil.rmtree(self.path(target), ignore_errors=True)
        if source:
            shutil.copytree(self.path(source), self.path(target))

    def prepare(self):
        make_study(self.place, self.draw)
        began = time.monotonic()
        code, output = self.run("golden", "cache")
        if code != 0:
            sys.exit(f"damages: the study itself failed ({code}):\n{output}")
        took = time.monotonic() - began
        self.golden = self.results("golden")
        self.runs = ["golden"]
        for number in range(4):
            name = f"broken-{number}"
            process = self.start(name, None)
            time.sleep(took * (0.25 + 0.17 * number))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.3)
            if os.path.exists(self.path(name, "journal.sqlite")):
                self.runs.append(name)
        print(f"damages: {len(self.golden)} results, a run takes {took:.1f} s, {len(self.runs)} folders to damage")

    def case(self, number):
        draw = self.draw
        source = draw.choice(self.runs + ["golden"])
        # A run that has everything asks the cache for nothing: with a damaged cache it begins anew.
        part = draw.choice(["run", "cache", "both", "run alone"])
        self.copy(None if part == "cache" else source, "run")
        self.copy(None if part == "run alone" else "cache", "kept")
        files = self.files(*{"run": ["run"], "cache": ["kept"], "both": ["run", "kept"], "run alone": ["run"]}[part])
        words = [self.damage(files)]
        while draw.random() < 0.3:
            words.append(self.damage([name for name in files if os.path.exists(name) and os.path.getsize(name)]))
        what = f"case {number} ({source}, {part}): {'; '.join(words)}"
        cache = None if part == "run alone" else "kept"
        code, output = self.run("run", cache)
        if code in (1, 2) and re.search(r"^faultline: error: .", output, re.M):
            self.told += 1
            # What the line says to do: move it away, and start again.
            move = re.search(r"\(mv (\S+) (\S+)\)", output)
            if move:
                os.rename(move[1], move[2])
                code, output = self.run("run", cache)
                self.again += 1
            else:
                print(f"{what}: ended with a line: {output.strip().splitlines()[-1]}")
                return
        problems = [] if code == 0 else [f"ended with {code}"]
        found = self.results("run")
        if code == 0:
            problems += [f"{name} {'is missing' if name not in found else 'differs'}"
                         for name, data in self.golden.items() if found.get(name) != data]
        if problems:
            self.failures.append(what)
            print(f"FAILED {what}: {'; '.join(problems[:6])}\n    " + "\n    ".join(output.strip().splitlines()[-12:]))
        elif re.search(r"^faultline: .*(damaged|recorded|on record|computed again)", output, re.M):
            self.told += 1

    def sweep(self):
        self.prepare()
        for number in range(1, self.options.count + 1):
            self.case(number)
        print(f"damages: seed {self.options.seed}, {self.options.count} cases: {self.told} told, {self.again} moved away "
              f"as the line says, {len(self.failures)} failed")
        if not self.options.keep:
            shutil.rmtree(self.place, ignore_errors=True)
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(description="Damages at random places of a run and its cache.")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--bin", default="bin", help="the folder of faultline and faultline-worker")
    parser.add_argument("--keep", action="store_true", help="leave the files")
    options = parser.parse_args()
    print(f"damages: seed {options.seed}", flush=True)
    sys.exit(Sweep(options).sweep())


main()
