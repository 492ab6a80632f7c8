"""Exported weights and the record inside their folder: what they were made from.

A folder without such a record, or with one that names other weights, is never taken for
the result of an export.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash
from msgspec import Struct, field, to_builtins

from vlft.errors import VlftError
from vlft.files import read_json, write_json
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.runs.record import fingerprint, read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.plan import Plan

RECORD = "vlft-export.json"
_BLOCK = 1024 * 1024


class ExportRecord(Struct, frozen=True):
    """What a folder of weights was made from and how.

    Attributes:
        source: Fingerprints of the weights that went in: file name → hash.
        base: Fingerprints of the model under an adapter; {} without one.
        method: Quantisation; None for merged weights as they are.
        bits: Of the quantisation; None if it has none.
        versions: vlft and the packages that did it.
        created: ISO 8601, UTC.
        run: Id of the training run; None if its record was not found.
        plan: That run's plan as plain data: limits, template and prompt to ask with.
        verified: What was found right before the folder got its name; None if nothing could
            be compared.
        product: Marks of the weights that came out, by which a later change is noticed.
        calibration: Rows that a quantisation looked at; None if it looked at none.
    """

    source: Mapping[str, str]
    base: Mapping[str, str]
    method: str | None
    bits: int | None
    versions: Mapping[str, str]
    created: str
    run: str | None
    plan: Mapping[str, Any] | None
    verified: Mapping[str, Any] | None = None
    product: Mapping[str, str] = field(default_factory=dict)
    calibration: Mapping[str, Any] | None = None

    def same_weights(self, other: ExportRecord) -> bool:
        """Whether both come from the same adapter and base, by the same method."""
        mine = (self.source, self.base, self.method, self.bits, self.calibration)
        return mine == (other.source, other.base, other.method, other.bits, other.calibration)


def write_export(folder: Path, record: ExportRecord) -> None:
    """Puts the record into a folder of weights.

    Raises:
        OSError: If it can't be written.
    """
    write_json(folder / RECORD, {"version": 1, **to_builtins(record)})


def read_export(folder: Path) -> ExportRecord | None:
    """The record in a folder; None if vlft did not make it."""
    data = read_json(folder / RECORD)
    if data is None:
        return None
    data.pop("version", None)
    try:
        return ExportRecord(**data)
    except TypeError:
        return None


def exported_plan(folder: Path) -> Plan | None:
    """The plan of the run whose weights were exported here; None if it is not known."""
    record = read_export(folder)
    return None if record is None else read_plan(record.plan)


def hash_adapter(checkpoint: Checkpoint) -> dict[str, str]:
    """Hashes of all that an adapter is, every byte of it; it is small."""
    names = ["adapter_config.json", *checkpoint.weight_files]
    folder = Path(checkpoint.path)
    return {name: _hash(folder / name) for name in sorted(names) if (folder / name).is_file()}


def hash_model(checkpoint: Checkpoint) -> dict[str, str]:
    """Fingerprints of a model's weights and config: size, time, first and last MiB.

    Reading all of a large model would cost more than its merge.
    """
    names = sorted(["config.json", *checkpoint.weight_files])
    paths = {name: Path(checkpoint.path, name) for name in names}
    marks = {name: fingerprint(path) for name, path in paths.items() if path.is_file()}
    return {name: f"{mark.bytes}-{mark.modified}-{mark.xxh3}" for name, mark in marks.items()}


def mark_product(folder: Path) -> dict[str, str]:
    """Marks of the weights in an export, which stay the same when the folder is copied."""
    return mark_weights(read_checkpoint(folder))


def mark_weights(checkpoint: Checkpoint) -> dict[str, str]:
    """Size and hash of the first and last MiB of every weight file."""
    marks = {name: fingerprint(Path(checkpoint.path, name)) for name in checkpoint.weight_files}
    return {name: f"{mark.bytes}-{mark.xxh3}" for name, mark in marks.items()}


def is_whole(folder: Path, record: ExportRecord) -> bool:
    """Whether an export still is what was made: nothing missing, cut short or exchanged."""
    try:
        return bool(record.product) and mark_product(folder) == dict(record.product)
    except (OSError, VlftError):
        return False


def _hash(path: Path) -> str:
    digest = xxhash.xxh3_64()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remove(folder: Path) -> None:
    """Removes a folder of ours in one step: it is renamed first, so no half is ever seen."""
    gone = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(gone, ignore_errors=True)
    folder.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
