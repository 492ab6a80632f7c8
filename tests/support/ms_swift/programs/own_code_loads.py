"""What becomes of checkpoints with own code while they are loaded, without vlft's plug-in and with.

Run by the trainer's interpreter, as a program of its own; prints one JSON object:

    python own_code_loads.py PLUGIN FOLDER…
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from swift.utils import get_logger
from swift.utils.utils import import_external_file
from transformers import AutoModelForCausalLM, PreTrainedModel

TIES = "all_tied_weights_keys"


def load(folder: str | Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype="float32")


def reference_of(folder: str) -> dict[str, torch.Tensor]:
    return torch.load(f"{folder}.reference.pt")


def refusal(folder: str | Path) -> str | None:
    try:
        load(folder)
    except Exception as error:  # noqa: BLE001 - whatever it says
        return f"{type(error).__name__}: {error}"
    return None


@torch.no_grad()
def off_by(model: Any, reference: dict[str, torch.Tensor]) -> float:
    """How far the logits are from the reference; inf where they are no numbers."""
    logits = model.language_model(input_ids=reference["ids"]).logits
    return float((logits - reference["logits"]).abs().nan_to_num(nan=torch.inf).max())


@torch.no_grad()
def same_words(model: Any, ids: torch.Tensor) -> dict[str, bool]:
    """Whether `generate`, in all its ways, says what forwards without a cache say."""
    part = model.language_model
    part.generation_config.eos_token_id = None
    both = torch.cat([ids, ids + 3])
    plain = both
    for _ in range(5):
        word = part(input_ids=plain, use_cache=False).logits[:, -1].argmax(-1)
        plain = torch.cat([plain, word[:, None]], 1)

    def said(rows: torch.Tensor, **given: Any) -> torch.Tensor:
        options = {"attention_mask": torch.ones_like(rows), "input_ids": rows, **given}
        return part.generate(max_new_tokens=5, do_sample=False, **options)

    words = part.get_input_embeddings()(both)
    padded = torch.cat([torch.zeros(2, 2, dtype=torch.long), both], 1)
    padded[1, :2] = both[1, 0]
    mask = torch.ones_like(padded)
    mask[0, :2] = 0
    beams = said(both, num_beams=3)
    return {
        "words": torch.equal(said(both), plain),
        "embeddings": torch.equal(said(both, inputs_embeds=words, input_ids=None), plain[:, 6:]),
        "padding": torch.equal(said(padded, attention_mask=mask)[0, 8:], plain[0, 6:]),
        "beams": torch.equal(beams, said(both, num_beams=3, use_cache=False)),
    }


class Told(logging.Handler):
    """The lines that name vlft."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "vlft" in record.getMessage():
            self.lines.append(record.getMessage())


def with_nan(folder: str) -> Path:
    """A copy in which one weight is no number."""
    copy = Path(f"{folder}-nan")
    copy.mkdir()
    for file in Path(folder).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    weights = load_file(copy / "model.safetensors")
    name = next(name for name in weights if "language_model" in name and "norm" in name)
    weights[name][0] = torch.nan
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


def main(plugin: str, folders: list[str]) -> None:
    found: dict[str, dict[str, Any]] = {folder: {} for folder in folders}
    for folder in folders:
        found[folder]["refused"] = refusal(folder)
    setattr(PreTrainedModel, TIES, {})  # the mend that suggests itself
    for folder in folders:
        try:
            found[folder]["tempting"] = off_by(load(folder), reference_of(folder))
        except (KeyError, AttributeError):  # another defect comes first
            found[folder]["tempting"] = None
    told = Told()
    get_logger().addHandler(told)
    import_external_file(plugin)
    for folder in folders:
        found[folder]["tempted"] = refusal(folder)
    delattr(PreTrainedModel, TIES)
    for folder in folders:
        told.lines.clear()
        model, reference = load(folder), reference_of(folder)
        with torch.no_grad():
            features = model.extract_feature(reference["picture"])
        found[folder] |= {
            "off_by": off_by(model, reference),
            "features": torch.equal(features, reference["features"]),
            "words": same_words(model, reference["ids"]),
            "told": list(told.lines),
            "nan": refusal(with_nan(folder)),
        }
    print(json.dumps(list(found.values())))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
