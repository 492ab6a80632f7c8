"""Compare merged weights with W + scaling * B A, value by value, from the files alone.

Run by the trainer's interpreter, never imported by vlft (it needs numpy; torch only for a base
in pickles, which are loaded without running what is in them):

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
import math
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy import ndarray
    from torch import Tensor

# Elements that are recomputed: a few seconds of one core.
BUDGET = 400_000_000
# Elements in memory at once.
CHUNK = 4_000_000
# Bits of the significand, the hidden one included.
PRECISION = {"F64": 53, "F32": 24, "F16": 11, "BF16": 8}
# The applied change may differ from the expected one by this share over a whole layer, and has
# to be seen in this many elements to be judged: alpha/r taken for alpha/sqrt(r), a change left
# out or made twice differ by far more, rounding by far less.
SCALE_TOLERANCE = 0.1
SCALE_ELEMENTS = 64
SHOWN = 5
PICKLES = (".bin", ".pt", ".pth")
# torch's names of types → those of safetensors.
TORCH_TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
    "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


class Files:
    """Tensors of several files, mapped and not read."""

    def __init__(self, paths: list[str]) -> None:
        self._places: dict[str, tuple[str, int, str, list[int], int]] = {}
        self._loaded: dict[str, Tensor] = {}
        for path in paths:
            if path.endswith(PICKLES):
                self._loaded |= load_pickle(path)
                continue
            with Path(path).open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(length))
            for name, entry in header.items():
                if name != "__metadata__":
                    start, end = entry["data_offsets"]
                    place = (path, 8 + length + start, entry["dtype"], entry["shape"], end - start)
                    self._places[name] = place

    def headers(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Name → type and shape of all."""
        return {name: (self.dtype(name), self.shape(name))
                for name in (*self._places, *self._loaded)}  # fmt: skip

    def dtype(self, name: str) -> str:
        """Type in safetensors' words."""
        if name in self._loaded:
            kind = str(self._loaded[name].dtype).removeprefix("torch.")
            return TORCH_TYPES.get(kind, kind)
        return self._places[name][2]

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes."""
        if name in self._loaded:
            return tuple(self._loaded[name].shape)
        return tuple(self._places[name][3])

    def raw(self, name: str) -> ndarray:
        """Bytes."""
        import numpy as np

        if name in self._loaded:
            import torch

            flat = self._loaded[name].detach().contiguous().reshape(-1)
            return flat.view(torch.uint8).numpy()
        path, offset, _, _, size = self._places[name]
        if not size:
            return np.empty(0, np.uint8)
        return np.memmap(path, np.uint8, "r", offset, (size,))

    def flat(self, name: str) -> ndarray:
        """Elements in storage order; bfloat16 as its 16 bits."""
        import numpy as np

        kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
        return self.raw(name).view(np.dtype(kinds[self.dtype(name)]))

    def floats(self, name: str, start: int = 0, end: int | None = None) -> ndarray:
        """A range of elements as float64."""
        import numpy as np

        part = self.flat(name)[start:end]
        if self.dtype(name) == "BF16":
            part = (part.astype(np.uint32) << 16).view(np.float32)
        return part.astype(np.float64)

    def matrix(self, name: str) -> ndarray:
        """All elements as float64, in their shape."""
        return self.floats(name).reshape(self.shape(name))


def load_pickle(path: str) -> dict[str, Tensor]:
    """Tensors of a file that torch.save wrote, mapped where its form allows that."""
    import torch

    try:
        found = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except RuntimeError:  # the form before torch 1.6
        found = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def rounded(values: ndarray, dtype: str) -> ndarray:
    """Values as they are after storing them in a type, ties to even."""
    import numpy as np

    if dtype == "F64":
        return values
    single = values.astype(np.float32)
    if dtype == "BF16":
        bits = single.view(np.uint32).astype(np.uint64)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        single = bits.astype(np.uint32).view(np.float32)
    elif dtype == "F16":
        single = single.astype(np.float16)
    return single.astype(np.float64)


def unit(dtype: str) -> float:
    """Largest relative error of one rounding: half a unit in the last place."""
    return 2.0 ** -PRECISION[dtype]


class Checker:
    """Goes through a job and gathers what is wrong."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.base = Files(job["base"])
        self.merged = Files(job["merged"])
        self.adapter = Files(job["adapter"])
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
        sizes = [math.prod(self.merged.shape(self.entries[index]["merged"])) for index in layers]
        if sum(sizes) <= self.budget or not layers:
            return set(layers)
        count = max(2, len(layers) * self.budget // sum(sizes))
        step = (len(layers) - 1) / (count - 1)
        return {layers[round(place * step)] for place in range(count)}

    def _same(self, files: Files, name: str, merged: str, whose: str) -> None:
        """A tensor that is taken over: the same bits, or the nearest values of another type."""
        import numpy as np

        old, new = files.dtype(name), self.merged.dtype(merged)
        if old == new:
            if not np.array_equal(files.raw(name), self.merged.raw(merged)):
                self.problems.append(f"`{merged}` differs from {whose}")
            return
        if old not in PRECISION or new not in PRECISION:
            self.problems.append(f"`{merged}` is {new}, in {whose} {old}")
            return
        for start, end in chunks(math.prod(files.shape(name)), CHUNK):
            was = files.floats(name, start, end)
            now = self.merged.floats(merged, start, end)
            if not np.array_equal(rounded(was, new), now):
                self.problems.append(f"`{merged}` differs from {whose}, rounded to {new}")
                return

    def _bias(self, entry: dict[str, Any]) -> None:
        import numpy as np

        name, bias = entry["merged"], entry["bias"]
        change = bias["scaling"] * self.adapter.matrix(bias["b"])
        expected = self.base.matrix(entry["base"]) + change
        error = np.abs(self.merged.matrix(name) - expected)
        allowed = 4 * unit(self.merged.dtype(name)) * (np.abs(expected) + np.abs(change))
        if not (error <= allowed + 1e-12).all():
            self.problems.append(f"`{name}` is not the base's plus the adapter's")

    def _is_changed(self, entry: dict[str, Any]) -> None:
        """A layer beyond the budget: an adapter whose B is not zero leaves a mark on it."""
        import numpy as np

        base, merged = entry["base"], entry["merged"]
        if not np.any(self.adapter.floats(entry["lora"]["b"])):
            return
        if self.base.dtype(base) == self.merged.dtype(merged) == "F32" and np.array_equal(
            self.base.raw(base), self.merged.raw(merged)
        ):
            self.problems.append(f"`{merged}` is the base's, without the adapter")

    def _lora(self, entry: dict[str, Any]) -> None:
        """W + scaling * B A, or DoRA's m * (W + scaling * B A) / |W + scaling * B A|, by rows."""
        import numpy as np

        lora, name, dtype = entry["lora"], entry["merged"], self.merged.dtype(entry["merged"])
        a, b = self.adapter.matrix(lora["a"]), self.adapter.matrix(lora["b"])
        rows, columns = self.base.shape(entry["base"])
        if lora["transposed"]:
            a, b = b.T, a.T
        magnitude = self.adapter.floats(lora["magnitude"]) if lora["magnitude"] else None
        if magnitude is not None and lora["transposed"]:
            self.problems.append(f"`{name}`: DoRA on a transposed weight can't be recomputed")
            return
        # Where the merge is stored in 16 bits, A, B and their product may have been too.
        step = max(unit(dtype), unit("F32"))
        judged, seen, product = 0, 0.0, 0.0
        for first, last in chunks(rows, max(1, CHUNK // columns)):
            span = (first * columns, last * columns)
            was = self.base.floats(entry["base"], *span).reshape(-1, columns)
            now = self.merged.floats(name, *span).reshape(-1, columns)
            part = b[first:last]
            change = lora["scaling"] * (part @ a)
            doubt = lora["scaling"] * (np.abs(part) @ np.abs(a)) * step * 4
            expected = was + change
            if magnitude is not None:
                norm = np.linalg.norm(expected, axis=1)
                factor = (magnitude[first:last] / norm)[:, None]
                expected, doubt = expected * factor, doubt * np.abs(factor) * 4
                doubt += 8 * step * np.abs(expected)
            stored, kept = rounded(expected, dtype), rounded(was, dtype)
            error = np.abs(now - stored)
            if not np.isfinite(now).all():
                self.problems.append(f"`{name}` holds values that are no numbers")
                return
            self.max_abs_error = max(self.max_abs_error, float(error.max(initial=0.0)))
            if (error > doubt + 2 * unit(dtype) * np.abs(stored) + 1e-30).any():
                self.problems.append(
                    f"`{name}` is off by up to {float(error.max()):.3g}: not the base plus"
                    f" {lora['scaling']:g} times B A"
                )
                return
            wanted = stored - kept
            judged += int(np.count_nonzero(wanted))
            seen += float(((now - kept) * wanted).sum())
            product += float((wanted * wanted).sum())
        if judged >= SCALE_ELEMENTS and abs(seen / product - 1) > SCALE_TOLERANCE:
            self.problems.append(
                f"`{name}` has {seen / product:.2f} of the adapter's change in it, not all of it"
            )


def chunks(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover `count`."""
    for start in range(0, count, size):
        yield start, min(count, start + size)


def main() -> int:
    """Read the job, print the result."""
    try:
        if sys.argv[1] == "--headers":
            print(json.dumps(Files(sys.argv[2:]).headers()))
            return 0
        job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        print(json.dumps(Checker(job).run()))
    except (
        OSError, ValueError, KeyError, ImportError, MemoryError, RuntimeError, pickle.PickleError,
    ) as error:  # fmt: skip
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
