"""The figures of a run as a page of text, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import to_builtins

from vlft.probe.hardware import free_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.estimate.disk import Storage
    from vlft.estimate.memory.estimate import Memory
    from vlft.estimate.report import Outlook

_GIB = 1024**3
_PARTS = ("weights", "adapters", "gradients", "optimizer", "activations", "logits", "buffers")


def to_text(outlook: Outlook) -> str:
    """What `vlft plan` prints."""
    return "\n".join(_lines(outlook))


def to_json(outlook: Outlook) -> dict[str, object]:
    """The documented object of `vlft plan --format json`."""
    batch, steps, speed = outlook.ready.plan.batch, outlook.ready.run.steps, outlook.speed
    return {
        "batch": {
            "global": batch.global_size,
            "per_device": batch.per_device,
            "gradient_accumulation_steps": batch.gradient_accumulation_steps,
            "world_size": batch.world_size,
        },
        "steps": {"per_epoch": steps.per_epoch, "total": steps.total, "warmup": steps.warmup},
        "tokens": _tokens_json(outlook),
        "memory": _memory_json(outlook),
        "disk": _disk_json(outlook),
        "time": {
            "seconds": outlook.seconds,
            "seconds_per_step": speed.seconds_per_step if speed else None,
            "measured_on": speed.run if speed else None,
        },
        "unknown": list(outlook.unknown),
        "findings": list(map(to_builtins, outlook.ready.findings)),
    }


def _tokens_json(outlook: Outlook) -> dict[str, object] | None:
    if outlook.lengths is None:
        return None
    described: dict[str, object] = to_builtins(outlook.lengths)
    del described["most_vision"]
    return described


def _memory_json(outlook: Outlook) -> dict[str, object] | None:
    if outlook.memory is None:
        return None
    parts, row = to_builtins(outlook.memory), outlook.row
    counts = {name: parts.pop(name) for name in ("parameters", "trainable_parameters")}
    return {
        **counts,
        "per_gpu_bytes": parts,
        "gpu_bytes": outlook.ready.run.gpu_bytes,
        "fits": outlook.fits,
        "row": None if row is None else {"tokens": row.tokens, "vision_tokens": row.vision,
                                         "measured": row.measured},
    }  # fmt: skip


def _disk_json(outlook: Outlook) -> dict[str, object] | None:
    found = outlook.storage
    if found is None:
        return None
    return {
        "checkpoint_bytes": found.checkpoint_bytes,
        "checkpoints": found.saves,
        "kept": found.kept,
        "total_bytes": found.total_bytes,
        "free_bytes": free_bytes(outlook.ready.run.output_dir),
    }


def gib(size: int) -> str:
    """`17.7 GiB`."""
    return f"{size / _GIB:.1f} GiB"


def _lines(outlook: Outlook) -> Iterator[str]:
    batch, steps = outlook.ready.plan.batch, outlook.ready.run.steps
    formula = f" = {batch.formula}" if batch.formula else ""
    yield f"batch    {batch.global_size if batch.global_size is not None else '?'}{formula} rows"
    if steps.total is not None:
        per_epoch = f", {steps.per_epoch:,} an epoch" if steps.per_epoch is not None else ""
        warmup = f", {steps.warmup:,} of warmup" if steps.warmup else ""
        yield f"steps    {steps.total:,}{per_epoch}{warmup}"
    if outlook.lengths is not None:
        found = outlook.lengths
        kind = "" if found.exact else " at most (no tokenizer)"
        over = f", {found.over_max_length:,} rows too long" if found.over_max_length else ""
        yield (
            f"tokens   half of the rows {found.p50:,}, 95 % {found.p95:,}, "
            f"longest {found.max:,}{kind}{over}"
        )
    if outlook.memory is not None:
        yield from _memory(outlook, outlook.memory)
    if outlook.storage is not None:
        yield _disk(outlook.storage, free_bytes(outlook.ready.run.output_dir))
    if outlook.seconds is not None and outlook.speed is not None:
        yield (
            f"time     {_duration(outlook.seconds)} at {outlook.speed.seconds_per_step:.3g} s a "
            f"step, as in {outlook.speed.run}"
        )
    for why in outlook.unknown:
        yield f"unknown  {why}"


def _memory(outlook: Outlook, memory: Memory) -> Iterator[str]:
    trained = memory.trainable_parameters
    share = trained / memory.parameters
    yield f"model    {memory.parameters:,} parameters, {trained:,} trained ({share:.2%})"
    row = outlook.row
    if row is not None:
        whose = "the longest row" if row.measured else "a row at the limits"
        yield f"memory   of one GPU, for {whose}: {row.tokens:,} tokens, {row.vision:,} of pictures"
    for name in _PARTS:
        size = getattr(memory, name)
        title = "buffers of sharding" if name == "buffers" else name
        if size >= _GIB / 100:
            yield f"           {title:<20}{gib(size):>10}"
    yield f"           {'allocated at most':<20}{gib(memory.allocated_peak):>10}"
    low, high = gib(memory.reserved_low), gib(memory.reserved_high)
    yield f"           {'reserved':<20}{low} to {high}"
    size = outlook.ready.run.gpu_bytes
    if size is not None:
        fits = "fits" if outlook.fits else "does not fit"
        yield f"           {fits} a GPU of {gib(size)}"


def _disk(found: Storage, free: int | None) -> str:
    text = f"disk     {gib(found.checkpoint_bytes)} a checkpoint"
    if found.saves is not None and found.total_bytes is not None:
        text += f", {found.saves} of them, {gib(found.total_bytes)} at most at a time"
    if free is not None:
        text += f"; {gib(free)} are free"
    return text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
