"""Random and mutated YAML texts through the whole way from a file to a plan.

`python tests/config/fuzzing.py 100000` (scripts/fuzz) prints how many of them ended how, the
slowest, the memory, and a text for each place that an exception came from; it fails if there
is one, or if a text took more than a second. Memory is limited to LIMIT_BYTES.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vlft.pipeline import Ready, prepare
from vlft.plan import render

LIMIT_S = 1.0
LIMIT_BYTES = 1 << 30

# One tensor of two bytes.
_HEADER = b'{"lm_head.weight": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}'
WEIGHTS = len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(2)

GOOD = """\
task: sft
model: {path: ./Qwen2-VL-2B-Instruct, type: qwen2_vl, torch_dtype: bfloat16}
tuner: lora
lora: &lora {rank: 8, alpha: 32, dropout: 0.05, target_modules: [all-linear]}
data:
  train: [train.jsonl, "train.jsonl#150"]
  val: 0.01
  max_length: 4096
pixels: {min: 4*28*28, max: 1024*28*28, video: {max: 128*28*28, fps: 2.0}}
train:
  num_train_epochs: 3
  learning_rate: 1e-4
  global_batch_size: 128
  per_device_train_batch_size: 16
deepspeed: zero2
launch: {gpus: [0, 1, 2, 3], nnodes: 2, master_addr: node0, master_port: 29500}
output_dir: output
swift:
  logging_steps: 10
  warmup_ratio: 0.03
  report_to: [none]
  model_kwargs: {nframes: 8}
env: {NCCL_DEBUG: WARN, OMP_NUM_THREADS: "1"}
"""
# Values that have gone wrong in one program or another.
NASTY = (
    "null", "~", "", "true", "yes", "on", "0", "-1", "010", "0x10", "1_000", "1e-4", "1e999",
    "-1e999", ".nan", ".inf", "-.inf", "9" * 400, "-" + "9" * 5000, "1" + "0" * 4301, "1*0*1",
    "9*" * 300 + "9", "*", "4*", "1**2", "2026-11-22", "12:30:45", "[]", "{}", "[[]]", "{{}}",
    "[null]", "{a: {}}", '""', '"\\0"', '"\\ud800"', "'", '"', "&a x", "*a", "*lora",
    "!!python/object:os", "!!set {a}", "!!binary aGk=", "!tag x", "!!int x", "!!float x", "<<",
    "<<: *lora", "? x", "|", ">-", "--- a", "...", "%YAML 1.3", "%TAG ! x", "#", "$HOME",
    "${A:-b}", "`id`", "../..", "/", "/dev/null", "/proc/self/mem", "~root", "a\x00b", "\x07",
    "\x85", "\u2028", "\ufeff", "\U0001f600", "é" * 300, "zero3", "none", "auto", "sft",
    "all-linear", "hf::", "ms::a/b#c", "#5", "train.jsonl#-1", "nan", "inf", "a: b: c", "@x", "`",
    "- - - x", "? - : -", "\t", "\r", "x" * 300,
)  # fmt: skip
ALPHABET = "abc019 \n\n  ::--[]{}&*!|>'\"%@`#,?.~<=\\\t\r\x00é\u2028"


def texts(seed: int = 0) -> Iterator[bytes]:
    """Texts without end; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311
    kinds = (_noise, _bytes, _mutated, _mutated, _values, _values, _lines, _nested, _keys)
    while True:
        yield chance.choice(kinds)(chance)


def _noise(chance: random.Random) -> bytes:
    return "".join(chance.choices(ALPHABET, k=chance.randrange(120))).encode()


def _bytes(chance: random.Random) -> bytes:
    body = chance.randbytes(chance.randrange(80))
    return chance.choice([b"", b"\xff\xfe", b"\xef\xbb\xbf", b"model: "]) + body


def _mutated(chance: random.Random) -> bytes:
    """Characters and stretches of a good config taken out, doubled, moved, replaced."""
    text = GOOD
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((1, 1, 2, 5, 40)))
        part = text[start:end]
        instead = chance.choice(
            ("", part * 2, part[::-1], chance.choice(NASTY), chance.choice(ALPHABET))
        )
        text = text[:start] + instead + text[end:]
    return text.encode("utf-8", "surrogatepass")


def _values(chance: random.Random) -> bytes:
    """Some values of a good config replaced."""
    lines = GOOD.splitlines()
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(lines))
        key, colon, _rest = lines[at].partition(":")
        lines[at] = f"{key}{colon} {chance.choice(NASTY)}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _lines(chance: random.Random) -> bytes:
    """Lines of a good config in another order, number and depth."""
    lines = chance.choices(GOOD.splitlines(), k=chance.randint(1, 30))
    return "\n".join(" " * chance.choice((0, 0, 0, 1, 2, 4)) + line for line in lines).encode()


def _keys(chance: random.Random) -> bytes:
    """Flow style, with keys of one section under another, and with overlong chains."""
    words = ["path", "train", "swift", "max", "gpus", "rank", "extends", "<<", "null", "1", "é"]
    entries = [
        f"{chance.choice(words)}: {chance.choice(NASTY)}" for _ in range(chance.randrange(9))
    ]
    sections = ["model", "data", "swift", "env", "launch", "train", "pixels", "extends", "lora"]
    rest = "".join(f"{name}: {{{', '.join(entries)}}}\n" for name in chance.sample(sections, 3))
    good = "model: {path: x}\ndata: {train: [y]}\n" if chance.random() < 0.5 else ""
    return (good + rest).encode("utf-8", "surrogatepass")


def _nested(chance: random.Random) -> bytes:
    """Depth, width and aliases beyond the limits, or just within."""
    size = chance.choice((10, 60, 70, 500, 3000))
    kind = chance.randrange(6)
    if kind == 0:
        return b"swift: " + b"[" * size + b"]" * chance.choice((0, size))
    if kind == 1:
        return b"a: " + b"{a: " * size
    if kind == 2:
        return "\n".join(" " * depth + f"k{depth}:" for depth in range(min(size, 500))).encode()
    if kind == 3:
        return b"a: &a [x]\n" + b"".join(
            b"%s: &%s [%s]\n" % (c, c, b", ".join([b"*" + p] * 9))
            for p, c in zip(_names(size), _names(size)[1:], strict=False)
        )
    if kind == 4:
        return b"swift:\n" + b"".join(b"  k%d: %d\n" % (i, i) for i in range(size))
    return b"a: &a [*a, *a]\nextends: [" + b"base.yaml, " * size + b"]"


def _names(size: int) -> list[bytes]:
    return [b"a"] + [b"n%d" % i for i in range(min(size, 60))]


@dataclass
class Outcome:
    """Figures of a run; crashes by type and place."""

    ends: Counter[str] = field(default_factory=Counter)
    crashes: dict[str, bytes] = field(default_factory=dict)
    slowest_s: float = 0.0
    slowest: bytes = b""
    seconds: float = 0.0


class SlowError(Exception):
    """A text took longer than the limit."""


def judge(file: Path) -> str:
    """The first error's rule, or `planned`."""
    made = prepare(file, environ={"PATH": "/usr/bin:/bin"})
    errors = [found.rule for found in made.findings if found.severity == "error"]
    assert errors or isinstance(made, Ready), "rejected, and no finding says why"
    if isinstance(made, Ready):
        render(made.plan, made.facts.interpreter, file.parent)
    return errors[0] if errors else "planned"


def place_of(error: Exception) -> str:
    """The exception's type and the last line of vlft that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/vlft/" in frame.filename] or frames
    name = own[-1].filename.rpartition("/vlft/")[2]
    return f"{type(error).__name__} in vlft/{name}:{own[-1].name}"


def run(count: int, folder: Path, seed: int = 0, limit_s: float = 10 * LIMIT_S) -> Outcome:
    """Judges `count` texts as `folder/config.yaml`; one that takes longer counts as a crash."""
    model = folder / "Qwen2-VL-2B-Instruct"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text(
        '{"architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl"}'
    )
    (model / "model.safetensors").write_bytes(WEIGHTS)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (model / name).write_text("{}")
    row = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
    (folder / "train.jsonl").write_text(f"{row}\n" * 200)
    file = folder / "config.yaml"
    outcome, begin = Outcome(), time.monotonic()

    def too_slow(*_: object) -> None:
        raise SlowError

    before = signal.signal(signal.SIGALRM, too_slow)
    try:
        for text, _ in zip(texts(seed), range(count), strict=False):
            file.write_bytes(text)
            start = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            try:
                end = judge(file)
            except Exception as error:  # noqa: BLE001 - every one is a bug
                end = place_of(error)
                outcome.crashes.setdefault(end, text)
            signal.setitimer(signal.ITIMER_REAL, 0)
            took = time.monotonic() - start
            if took > outcome.slowest_s:
                outcome.slowest_s, outcome.slowest = took, text
            outcome.ends[end] += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    outcome.seconds = time.monotonic() - begin
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(options.count, Path(folder), options.seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for end, number in outcome.ends.most_common():
        print(f"{number:8,}  {end}")
    slowest = f"the slowest {outcome.slowest_s:.3f} s"
    print(
        f"{options.count:,} texts in {outcome.seconds:.0f} s, {slowest}; {peak >> 10} MiB at most"
    )
    for where, text in outcome.crashes.items():
        print(f"{where}: {text[:1000]!r}")
    if outcome.crashes:
        sys.exit("exceptions came out")
    if outcome.slowest_s > LIMIT_S:
        sys.exit(f"slower than {LIMIT_S} s: {outcome.slowest[:2000]!r}")


if __name__ == "__main__":
    main()
