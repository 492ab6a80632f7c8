"""Compare merged weights with W + scaling * B A, value by value, from the files alone.

Run by the trainer's interpreter, never imported by vlft (it needs torch and safetensors; pickles
are loaded without running what is in them):

    python verify_merge.py JOB.json
    python verify_merge.py --headers FILE…

JOB (vlft/export/verify.py: _value_job) names the files of base, merge and adapter, and for every
tensor of the merge what it must be made of. Tensors that the adapter leaves alone are compared in
full; of those that it changes, all are looked at for having changed, and as many as fit in
``budget`` elements are recomputed element by element.

Prints one line of JSON: ``tensors``, ``sampled_layers``, ``max_abs_error``, ``problems``; an
error is one line on stderr and exit code 1. With ``--headers``: name → [type, shape] of all tensors
in the files.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this is the trainer's process
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

# Elements that are recomputed: a few seconds of one core.
BUDGET = 400_000_000
# Elements in memory at once.
CHUNK = 4_000_000
# The applied change may differ from the expected one by this share over a whole layer, and has
# to be seen in this many elements to be judged: alpha/r taken for alpha/sqrt(r), a change left
# out or made twice differ by far more, rounding by far less.
SCALE_TOLERANCE = 0.1
SCALE_ELEMENTS = 64
SHOWN = 5
PICKLES = (".bin", ".pt", ".pth")
# Types of weights, in safetensors' words.
FLOATS = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
}  # fmt: skip
TYPES = FLOATS | {
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def load(paths: list[str]) -> dict[str, Tensor]:
    """The tensors of several files, mapped and not read."""
    found: dict[str, Tensor] = {}
    for path in paths:
        if path.endswith(PICKLES):
            found |= load_pickle(path)
        else:
            file = safe_open(path, "pt")
            found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return found


def load_pickle(path: str) -> dict[str, Tensor]:
    """Tensors of a file that torch.save wrote, mapped where its form allows that."""
    try:
        found = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except RuntimeError:  # the form before torch 1.6
        found = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def type_of(tensor: Tensor) -> str:
    """A tensor's type, in safetensors' words where it has one."""
    return TYPES.get(tensor.dtype, str(tensor.dtype).removeprefix("torch."))


def unit(dtype: torch.dtype) -> float:
    """Largest relative error of one rounding: half a unit in the last place."""
    return float(torch.finfo(dtype).eps) / 2


def same_bits(left: Tensor, right: Tensor) -> bool:
    """Whether two tensors of one type hold the same bytes."""
    first, second = (one.detach().contiguous().reshape(-1) for one in (left, right))
    return torch.equal(first.view(torch.uint8), second.view(torch.uint8))


class Checker:
    """Goes through a job and gathers what is wrong."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.base = load(job["base"])
        self.merged = load(job["merged"])
        self.adapter = load(job["adapter"])
        self.entries: list[dict[str, Any]] = job["tensors"]
        self.budget = int(job.get("budget", BUDGET))
        self.problems: list[str] = []
        self.max_abs_error = 0.0

    def run(self) -> dict[str, Any]:
        """The result as plain data."""
        sampled = self._sample()
        for index, entry in enumerate(self.entries):
            if index in sampled:
                self._lora(entry)
            elif "lora" in entry:
                self._is_changed(entry)
            elif "bias" in entry:
                self._bias(entry)
            elif "saved" in entry:
                self._same(self.adapter, entry["saved"], entry["merged"], "what the adapter saved")
            elif not entry.get("opaque"):
                self._same(self.base, entry["base"], entry["merged"], "the base")
        return {
            "tensors": len(self.entries),
            "sampled_layers": len(sampled),
            "max_abs_error": self.max_abs_error,
            "problems": self.problems[:SHOWN],
            "more_problems": max(0, len(self.problems) - SHOWN),
        }

    def _sample(self) -> set[int]:
        """Layers to recompute: all, or as many as the budget allows, spread over the model."""
        layers = [index for index, entry in enumerate(self.entries) if "lora" in entry]
        size = sum(self.merged[self.entries[index]["merged"]].numel() for index in layers)
        if size <= self.budget or not layers:
            return set(layers)
        count = max(2, len(layers) * self.budget // size)
        step = (len(layers) - 1) / (count - 1)
        return {layers[round(place * step)] for place in range(count)}

    def _same(self, files: Mapping[str, Tensor], name: str, merged: str, whose: str) -> None:
        """A tensor that is taken over: the same bits, or the nearest values of another type."""
        old, new = files[name], self.merged[merged]
        if old.dtype == new.dtype:
            if not same_bits(old, new):
                self.problems.append(f"`{merged}` differs from {whose}")
            return
        if old.dtype not in FLOATS or new.dtype not in FLOATS:
            self.problems.append(f"`{merged}` is {type_of(new)}, in {whose} {type_of(old)}")
            return
        was, now = old.reshape(-1), new.reshape(-1)
        for part in chunks(was.numel(), CHUNK):
            if not torch.equal(was[part].to(new.dtype), now[part]):
                self.problems.append(f"`{merged}` differs from {whose}, rounded to {type_of(new)}")
                return

    def _bias(self, entry: dict[str, Any]) -> None:
        name, bias = entry["merged"], entry["bias"]
        merged = self.merged[name]
        change = bias["scaling"] * self.adapter[bias["b"]].double()
        expected = self.base[entry["base"]].double() + change
        error = (merged.double() - expected).abs()
        allowed = 4 * unit(merged.dtype) * (expected.abs() + change.abs())
        if not (error <= allowed + 1e-12).all():
            self.problems.append(f"`{name}` is not the base's plus the adapter's")

    def _is_changed(self, entry: dict[str, Any]) -> None:
        """A layer beyond the budget: an adapter whose B is not zero leaves a mark on it."""
        base, merged = self.base[entry["base"]], self.merged[entry["merged"]]
        if not self.adapter[entry["lora"]["b"]].any():
            return
        if base.dtype == merged.dtype == torch.float32 and same_bits(base, merged):
            self.problems.append(f"`{entry['merged']}` is the base's, without the adapter")

    def _lora(self, entry: dict[str, Any]) -> None:
        """W + scaling * B A, or DoRA's m * (W + scaling * B A) / |W + scaling * B A|, by rows."""
        lora, name = entry["lora"], entry["merged"]
        base, merged = self.base[entry["base"]], self.merged[name]
        a, b = self.adapter[lora["a"]].double(), self.adapter[lora["b"]].double()
        if lora["transposed"]:
            a, b = b.T, a.T
        magnitude = self.adapter[lora["magnitude"]].double() if lora["magnitude"] else None
        if magnitude is not None and lora["transposed"]:
            self.problems.append(f"`{name}`: DoRA on a transposed weight can't be recomputed")
            return
        # Where the merge is stored in 16 bits, A, B and their product may have been too.
        step = max(unit(merged.dtype), unit(torch.float32))
        judged, seen, product = 0, 0.0, 0.0
        for rows in chunks(len(base), max(1, CHUNK // base.shape[1])):
            was, now = base[rows].double(), merged[rows].double()
            change = lora["scaling"] * (b[rows] @ a)
            doubt = lora["scaling"] * (b[rows].abs() @ a.abs()) * step * 4
            expected = was + change
            if magnitude is not None:
                factor = (magnitude.reshape(-1)[rows] / expected.norm(dim=1))[:, None]
                expected, doubt = expected * factor, doubt * factor.abs() * 4
                doubt += 8 * step * expected.abs()
            stored, kept = (one.to(merged.dtype).double() for one in (expected, was))
            error = (now - stored).abs()
            if not now.isfinite().all():
                self.problems.append(f"`{name}` holds values that are no numbers")
                return
            largest = float(error.max())
            self.max_abs_error = max(self.max_abs_error, largest)
            if (error > doubt + 2 * unit(merged.dtype) * stored.abs() + 1e-30).any():
                self.problems.append(
                    f"`{name}` is off by up to {largest:.3g}: not the base plus"
                    f" {lora['scaling']:g} times B A"
                )
                return
            wanted = stored - kept
            judged += int(wanted.count_nonzero())
            seen += float(((now - kept) * wanted).sum())
            product += float((wanted * wanted).sum())
        if judged >= SCALE_ELEMENTS and abs(seen / product - 1) > SCALE_TOLERANCE:
            self.problems.append(
                f"`{name}` has {seen / product:.2f} of the adapter's change in it, not all of it"
            )


def chunks(count: int, size: int) -> Iterator[slice]:
    """Ranges that cover `count`."""
    for start in range(0, count, size):
        yield slice(start, start + size)


def main() -> int:
    """Read the job, print the result."""
    try:
        if sys.argv[1] == "--headers":
            tensors = load(sys.argv[2:])
            print(json.dumps({name: (type_of(one), one.shape) for name, one in tensors.items()}))
            return 0
        job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        print(json.dumps(Checker(job).run()))
    except (
        OSError, ValueError, KeyError, MemoryError, RuntimeError, pickle.PickleError,
        SafetensorError,
    ) as error:  # fmt: skip
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
