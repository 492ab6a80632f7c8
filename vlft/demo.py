"""The whole chain on this machine with no network: a tiny model learns real digits.

A randomly initialised model of a few hundred thousand parameters beside its vocabulary is
trained in full on scikit-learn's handwritten digits; that is the base. LoRA then teaches it
a new task on them, and digits that it never saw are the test: with the adapter, merged, and
in 8 bits. Every step is what a user would type.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.engines.base import Order
from vlft.engines.local.engine import train_prepared
from vlft.errors import StoppedError, TrainerError, UsageError, VlftError
from vlft.export.plan import Request, plan_export
from vlft.export.run import carry_out
from vlft.export.step import run_worker
from vlft.infer.infer import Asking, infer_rows
from vlft.models import Family, family_of, tiny_families, tiny_spec
from vlft.models.tiny import SIZES
from vlft.pipeline import prepare, require_ready
from vlft.probe.checkpoint import read_checkpoint
from vlft.probe.hardware import probe_hardware
from vlft.recipes import recipe
from vlft.runs.target import ExportSettings, resolve_target
from vlft.swift.interpreter import Interpreter, find_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.runs.record import Run

_LOG = logging.getLogger(__name__)
_BATCH = 50  # rows asked at once


class DemoResult(Struct, frozen=True):
    """What the demo measured.

    Attributes:
        accuracy: Share of held-out rows answered exactly right, 0 to 1: `before` (the base),
            `after` (with the adapter), `merged`, `quantized` (8 bits).
        held_out: Rows asked.
        seconds: Wall time by stage.
        bytes: Size of the weights: base, adapter, merged, quantized.
        runs: The two runs.
        output_dir: Folder that holds it all.
    """

    accuracy: dict[str, float]
    held_out: int
    seconds: dict[str, float]
    bytes: dict[str, int]
    runs: tuple[Run, ...]
    output_dir: Path

    def to_json(self) -> dict[str, object]:
        """The documented object of `vlft demo --format json`."""
        return {
            "accuracy": self.accuracy,
            "held_out": self.held_out,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "runs": [run.id for run in self.runs],
            "output_dir": str(self.output_dir),
        }


def run_demo(name: str, output_dir: Path) -> DemoResult:
    """Runs the chain.

    Args:
        name: Of a family, by ms-swift's name; one of `tiny_families`.
        output_dir: Folder to make; everything goes there.

    Raises:
        UsageError: If there is no such family.
        VlftError: If ms-swift or scikit-learn is missing, or the folder holds something.
        TrainerError: If a step failed.
        StoppedError: A signal ended one.
    """
    family = family_of(name)
    if family is None or family.tiny is None:
        known = ", ".join(tiny_families())
        raise UsageError(f"no tiny model of `{name}` can be built", f"--family: one of {known}")
    size = SIZES["digits"]
    interpreter = find_interpreter(None)
    if interpreter is None or interpreter.swift_dir is None:
        raise VlftError("the demo needs ms-swift", "pip install 'vlft[train,quantize,demo]'")
    if output_dir.exists() and any(output_dir.iterdir()):
        raise VlftError(f"{output_dir} is not empty", "name another folder: --output-dir")
    output_dir.mkdir(parents=True, exist_ok=True)
    tiny = family.tiny(size)
    model, data = output_dir / tiny.folder, output_dir / "data"
    held_out = data / "held_out.jsonl"
    accuracy: dict[str, float] = {}
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str, announcement: str) -> Iterator[None]:
        _LOG.info("demo: %s", announcement)
        began = time.monotonic()
        yield
        seconds[name] = round(time.monotonic() - began, 1)

    with stage("model", f"building a tiny {model.name} with random weights"):
        spec = json.dumps(tiny_spec(family, size))
        _program(interpreter, "tiny_model.py", "--output", str(model), stdin=spec)
    with stage("data", "writing 1,797 real handwritten digits as images"):
        _program(interpreter, "digits.py", "--output", str(data))
    with stage("base", "training the base, all weights: which digit is it"):
        base = _train("demo/base.yaml", family, output_dir, model, data / "base.jsonl")
    base_weights = resolve_target(str(base.folder)).checkpoint
    with stage("infer_before", "asking the base to do the new task on held-out digits"):
        accuracy["before"], asked = _accuracy(base_weights.path, held_out)
    with stage("lora", "training LoRA on the base: the new task"):
        start = Path(base_weights.path)
        lora = _train("demo/lora.yaml", family, output_dir, start, data / "train.jsonl")
    adapter = resolve_target(str(lora.folder)).checkpoint
    with stage("infer_after", "asking again, with the adapter"):
        accuracy["after"], _ = _accuracy(str(lora.folder), held_out)
    with stage("merge", "merging the adapter into the base"):
        merged = _ship(str(lora.folder), None)
    with stage("infer_merged", "asking the merged model"):
        accuracy["merged"], _ = _accuracy(merged, held_out)
    with stage("quantize", "quantising the merged model to 8 bits"):
        quantized = _ship(str(lora.folder), 8)
    with stage("infer_quantized", "asking the 8-bit model"):
        accuracy["quantized"], _ = _accuracy(quantized, held_out)
    sizes = {
        "base": base_weights.weight_bytes,
        "adapter": adapter.weight_bytes,
        "merged": read_checkpoint(merged).weight_bytes,
        "quantized": read_checkpoint(quantized).weight_bytes,
    }
    return DemoResult(accuracy, asked, seconds, sizes, (base, lora), output_dir)


def _program(interpreter: Interpreter, name: str, *words: str, stdin: str = "") -> None:
    """Runs one of the programs that need torch or scikit-learn, by the trainer's Python."""
    try:
        run_worker(interpreter, name, *words, stdin=stdin)
    except TrainerError as problem:
        hint = "pip install 'vlft[train,demo]'"
        raise TrainerError(f"{name} failed: {problem.message}", hint) from None


def _train(recipe_name: str, family: Family, output_dir: Path, model: Path, data: Path) -> Run:
    overrides = [
        f"model.path={json.dumps(str(model))}",
        f"data.train={json.dumps([str(data)])}",
        f"output_dir={json.dumps(str(output_dir / 'runs'))}",
    ]
    if "max" not in family.pixel_variables:
        overrides.append("pixels=null")  # its images become tiles, whatever their pixels
    (prepared,) = require_ready([prepare(recipe(recipe_name), overrides, probe_hardware())])
    trained = train_prepared(prepared, Order((prepared,), tuple(overrides)))
    if trained.exit_code:
        raise StoppedError(trained.exit_code)
    return trained.run


def _ship(run: str, bits: int | None) -> str:
    """Folder of the merged weights, or of the quantised ones."""
    request = Request(ExportSettings(quant_bits=bits))
    return str(carry_out(plan_export(resolve_target(run), request)).product)


def _accuracy(target: str, held_out: Path) -> tuple[float, int]:
    """Share of rows whose answer is exactly right, and the number of rows."""
    answers, _ = infer_rows(resolve_target(target), held_out, Asking(12, _BATCH))
    right = sum(answer.prediction.strip() == answer.answer for answer in answers)
    return right / len(answers), len(answers)
