"""A first config from a model folder and a data file: it validates, fits, and says why."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.estimate.autotune import Choice, fitting
from vlft.estimate.report import (
    MAX_SCANNED_BYTES,
    Outlook,
    RowLengths,
    look_ahead,
    measure_rows,
    scannable_bytes,
)
from vlft.pipeline import Ready, Rejected, prepare

if TYPE_CHECKING:
    from vlft.models import Family
    from vlft.probe.hardware import Hardware

GLOBAL_BATCH = 16
_STEPS = 8  # at least, of an epoch: fewer rows get a smaller batch
_TOO_LARGE = "memory.does-not-fit"
_LENGTHS = (2048, 3072, 4096, 6144, 8192, 12288, 16384)
_PICTURE_TOKENS = 1024
"""At most, of a picture: half of the shortest length, so that there is room for text."""


def first_config(
    model: str, data: Path, hardware: Hardware, destination: Path
) -> tuple[str, Outlook]:
    """The config with its comments, and its figures: looks at both and at the machine.

    Args:
        model: A folder, or an id on a hub.
        data: Rows for training.
        hardware: The machine to train on.
        destination: Where the config will lie: paths are written relative to its folder.

    Raises:
        VlftError: If the model or the data can't be used, or nothing fits.
    """
    draft = _Draft(model, data, destination.absolute().parent, hardware)
    ready = draft.judged()
    family = ready.run.family
    draft.limit_pictures(family)
    ready = draft.judged()
    lengths = None
    if family is not None and 0 < scannable_bytes(ready.run) <= MAX_SCANNED_BYTES:
        lengths = measure_rows(ready.run, lambda _: None)
    draft.limit_rows(lengths)
    ready = draft.judged()
    if hardware.gpus:
        ready = _fitted(draft, ready)
    return draft.text(), look_ahead(ready, lengths)


def _fitted(draft: _Draft, ready: Ready) -> Ready:
    """The config with the fastest settings that fit the largest row that is let through."""
    outlook = look_ahead(ready)
    if outlook.memory is None:
        return ready
    interpreter = ready.facts.interpreter
    packages = interpreter.packages if interpreter is not None else {}
    choices = fitting(outlook, has_deepspeed="deepspeed" in packages, offload=False, count=1)
    if not choices:
        draft.quantise()
        choices = fitting(look_ahead(draft.judged()), has_deepspeed=False, count=1)
    if not choices:
        raise VlftError(
            "this model does not fit this machine, not even in 4 bits",
            "take a smaller one, or name a larger machine: --hardware 4xA100-80G",
        )
    draft.settle(choices[0])
    return draft.judged()


class _Draft:
    """The config as it grows."""

    def __init__(self, model: str, data: Path, folder: Path, hardware: Hardware) -> None:
        self._folder = folder
        self._hardware = hardware
        self._gpus = len(hardware.gpus)
        self._hub = not os.path.isdir(model)  # noqa: PTH112
        self._model = model if self._hub else os.path.relpath(Path(model).absolute(), folder)
        self._data = os.path.relpath(data.absolute(), folder)
        self._pixels = ""
        self._length = ""
        self._quant = ""
        self._global = GLOBAL_BATCH
        self._batch = f"  global_batch_size: {GLOBAL_BATCH}\n"
        self._deepspeed = ""

    def judged(self) -> Ready:
        """The config as it would be judged at its place, without writing it there.

        Raises:
            VlftError: With the first error that the validator finds.
        """
        handle, name = tempfile.mkstemp(prefix=".vlft-init-", suffix=".yaml", dir=self._folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.text())
            ready = prepare(name, [], self._hardware)
        finally:
            Path(name).unlink()
        errors = [one for one in ready.findings if one.severity == "error"]
        wrong = [one for one in errors if one.rule != _TOO_LARGE]  # settings that fit come later
        if wrong or isinstance(ready, Rejected):
            first = (wrong or errors)[0]
            raise VlftError(first.message, first.hint)
        return ready

    def limit_pictures(self, family: Family | None) -> None:
        """A limit on pictures, where the family has one."""
        if family is None or family.vision is None:
            return
        if "max" in family.pixel_variables:
            side = family.vision.side
            self._pixels = (
                f"# {_PICTURE_TOKENS:,} tokens an image at most: a page of text stays readable.\n"
                f"pixels: {{max: {_PICTURE_TOKENS}*{side}*{side}}}\n"
            )
        elif "tiles" in family.pixel_variables:
            self._pixels = (
                "# 256 tokens a tile, and one more tile for the whole.\npixels: {tiles: 6}\n"
            )

    def limit_rows(self, lengths: RowLengths | None) -> None:
        """The shortest usual length that holds the longest row."""
        if lengths is None:
            self._length = "  max_length: 4096  # the rows were not measured: vlft data stats\n"
            return
        length = next((one for one in _LENGTHS if one >= lengths.max), _LENGTHS[-1])
        counted = "has" if lengths.exact else "has at most"
        self._length = (
            f"  max_length: {length}  # the longest row {counted} {lengths.max:,} tokens\n"
        )
        while self._global > max(1, self._gpus) and lengths.rows < _STEPS * self._global:
            self._global //= 2
        if self._global < GLOBAL_BATCH:
            why = f"# small, for {lengths.rows} rows are few"
            self._batch = f"  global_batch_size: {self._global}  {why}\n"

    def quantise(self) -> None:
        """QLoRA."""
        self._quant = "# In 16 bits it does not fit: the frozen weights are kept in 4.\n"
        self._quant += "quant: {bits: 4, method: bnb}\n"

    def settle(self, choice: Choice) -> None:
        """The settings that were found to fit."""
        chosen = choice.settings
        gib = choice.memory.allocated_peak / 1024**3
        self._batch = (
            f"  # {gib:.1f} GiB of a GPU at a row of max_length; vlft plan says more.\n"
            f"  global_batch_size: {self._global}\n"
            f"  per_device_train_batch_size: {chosen['train.per_device_train_batch_size']}\n"
            f"  gradient_checkpointing: {chosen['train.gradient_checkpointing']}\n"
        )
        if chosen["deepspeed"] != "null":
            self._deepspeed = f"deepspeed: {chosen['deepspeed']}  # or it would not fit\n"

    def text(self) -> str:
        """The config."""
        hub = "  hub: modelscope  # or huggingface\n" if self._hub else ""
        dtype = "" if self._gpus else "  torch_dtype: float32  # a CPU\n"
        launch = f"launch: {{gpus: {self._gpus}}}\n" if self._gpus else "launch: {gpus: none}\n"
        return (
            f"model:\n  path: {_yaml(self._model)}\n{hub}{dtype}"
            "# LoRA trains a small part of the weights: less memory, and less is forgotten.\n"
            "tuner: lora\n"
            "lora: {rank: 16, alpha: 32, dropout: 0.05, target_modules: all-linear}\n"
            f"{self._quant}"
            f"data:\n  train: [{_yaml(self._data)}]\n"
            "  val: 0.02  # a share of the rows, to see whether it learns\n"
            f"{self._length}{self._pixels}"
            "train:\n  num_train_epochs: 3\n"
            "  learning_rate: 1e-4  # ten times what full training wants\n"
            f"{self._batch}"
            "  save_steps: 0.1  # ten times in a run\n  eval_steps: 0.1\n  save_total_limit: 2\n"
            f"{self._deepspeed}{launch}"
            "swift: {warmup_ratio: 0.05, logging_steps: 10}\n"
        )


def _yaml(text: str) -> str:
    """A text that YAML reads as it is: JSON's quotes where there is any doubt."""
    plain = all(letter.isalnum() or letter in "/._-" for letter in text) and not text[0].isdigit()
    return text if plain else json.dumps(text, ensure_ascii=False)
