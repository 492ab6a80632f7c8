"""DeepSpeed: its presets, its JSON files, and what they go with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.probe.deepspeed import ZERO_PRESETS
from vlft.resolve.batch import Batch
from vlft.resolve.precision import resolve_precision
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule(
    "launch.deepspeed-name",
    "error",
    "swift/arguments/sft_args.py: JSONDecodeError",
    effect="aborts",
    says="JSONDecodeError",
)
def deepspeed_is_known(context: Context) -> Iterator[Problem]:
    """`deepspeed` is one of the presets or an existing JSON file."""
    name = context.config.deepspeed
    if name is None or name in ZERO_PRESETS or context.facts.deepspeed_file is not None:
        return
    if name.endswith(".json") or "/" in name:
        yield Problem(
            ("deepspeed",), f"there is no file `{name}`", "the path is relative to the config file"
        )
        return
    old = name.removeprefix("default-").replace("-", "_")
    hint = f"did you mean `{old}`?" if old in ZERO_PRESETS else None
    yield Problem(
        ("deepspeed",),
        f"`{name}` is no DeepSpeed preset",
        hint or "one of " + ", ".join(ZERO_PRESETS) + ", or a JSON file",
    )


@rule(
    "launch.deepspeed-installed",
    "error",
    "swift/arguments/sft_args.py: require_version",
    effect="aborts",
    says="deepspeed",
)
def deepspeed_is_installed(context: Context) -> Iterator[Problem]:
    """The interpreter that trains has deepspeed if the config asks for it."""
    interpreter = context.facts.interpreter
    if context.config.deepspeed and interpreter and "deepspeed" not in interpreter.packages:
        yield Problem(
            ("deepspeed",),
            f"deepspeed is not installed in {interpreter.python}",
            "pip install 'vlft[deepspeed]'",
        )


@rule(
    "deepspeed.json",
    "error",
    "swift/utils/utils.py: json_parse_to_dict",
    effect="aborts",
    says="JSONDecodeError",
)
def file_is_json(context: Context) -> Iterator[Problem]:
    """DeepSpeed's file is one JSON object."""
    settings = context.facts.deepspeed
    if settings is not None and settings.problem is not None:
        yield Problem(("deepspeed",), settings.problem.message, settings.problem.hint)


@rule(
    "deepspeed.no-zero",
    "error",
    "accelerate/utils/dataclasses.py: DeepSpeedPlugin",
    effect="aborts",
    says="Please specify the ZeRO optimization config in the DeepSpeed config.",
)
def file_names_a_stage(context: Context) -> Iterator[Problem]:
    """DeepSpeed's file has a `zero_optimization`."""
    settings = context.facts.deepspeed
    if settings is None or settings.problem or settings.empty or settings.sharded:
        return
    yield Problem(
        ("deepspeed",),
        f"`{context.config.deepspeed}` has no `zero_optimization`",
        'add `"zero_optimization": {"stage": 2}`',
    )


@rule(
    "deepspeed.no-batch",
    "error",
    "deepspeed/runtime/config.py: _configure_train_batch_size",
    effect="late",
    says="Either train_batch_size or train_micro_batch_size_per_gpu needs to be provided",
)
def file_has_a_batch(context: Context) -> Iterator[Problem]:
    """DeepSpeed's file has a batch size, which may be `auto`."""
    settings = context.facts.deepspeed
    if settings is None or settings.problem or settings.empty or settings.batched:
        return
    yield Problem(
        ("deepspeed",),
        f"`{context.config.deepspeed}` has no batch size",
        'add `"train_micro_batch_size_per_gpu": "auto"`',
    )


@rule(
    "deepspeed.no-effect",
    "warning",
    "swift/arguments/sft_args.py: _init_deepspeed",
    effect="silent",
)
def settings_are_read(context: Context) -> Iterator[Problem]:
    """What is said to DeepSpeed is said to a DeepSpeed that is on and that reads it."""
    config, settings = context.config, context.facts.deepspeed
    if settings is not None and settings.empty:
        yield Problem(
            ("deepspeed",),
            f"`{config.deepspeed}` is empty: ms-swift trains without DeepSpeed",
            "leave `deepspeed` out, or write a preset: zero2, zero3",
        )
    if config.deepspeed is None:
        for name in ("zero_hpz_partition_size", "deepspeed_autotp_size"):
            if config.swift.get(name) is not None:
                yield Problem(
                    ("swift", name),
                    f"`{name}` is read only with DeepSpeed",
                    "write `deepspeed: zero3`" if "hpz" in name else "write `deepspeed: zero2`",
                    at_key=True,
                )
    elif config.swift.get("zero_hpz_partition_size") is not None and _stage(context) in {0, 1, 2}:
        yield Problem(
            ("swift", "zero_hpz_partition_size"),
            f"ZeRO-{_stage(context)} keeps whole weights: zero_hpz_partition_size is for ZeRO-3",
            "leave it out, or write `deepspeed: zero3`",
            at_key=True,
        )


@rule(
    "deepspeed.numbers",
    "error",
    "transformers/integrations/deepspeed.py: trainer_config_finalize",
    effect="late",
    says="Please correct the following DeepSpeed config values that mismatch TrainingArguments",
)
def numbers_agree(context: Context) -> Iterator[Problem]:
    """What DeepSpeed's file says by itself is what the config says."""
    settings = context.facts.deepspeed
    if settings is None:
        return
    wanted = _wanted(context)
    for key, value in settings.fixed.items():
        number = wanted.get(key)
        if number is None or value == number:
            continue
        yield Problem(
            ("deepspeed",),
            f"`{context.config.deepspeed}` says {key} {_shown(value)}, the run {_shown(number)}",
            f'write `"auto"` there, or {_shown(number)}',
        )


@rule(
    "deepspeed.device-map",
    "error",
    "transformers/integrations/accelerate.py: check_and_set_device_map",
    effect="late",
    says="DeepSpeed Zero-3 is not compatible with passing a `device_map`.",
)
def no_device_map(context: Context) -> Iterator[Problem]:
    """ZeRO-3 places the weights itself, without a device_map."""
    if _stage(context) == 3 and context.config.swift.get("device_map") is not None:  # noqa: PLR2004
        yield Problem(
            ("swift", "device_map"), "ZeRO-3 takes no device_map", "leave it out", at_key=True
        )


@rule(
    "deepspeed.cpu",
    "error",
    "deepspeed/runtime/config.py: _batch_assertion, before the processes know of each other",
    effect="late",
    says="train_batch_size is not equal to micro_batch_per_gpu * gradient_acc_step * world_size",
)
def zero3_has_gpus(context: Context) -> Iterator[Problem]:
    """On a CPU, several processes do not share the weights by ZeRO-3."""
    processes = context.world.world_size
    if context.world.cpu and processes != 1 and _stage(context) == 3:  # noqa: PLR2004
        yield Problem(
            ("deepspeed",),
            f"ZeRO-3 does not start in {processes} processes on a CPU",
            "on a CPU: `deepspeed: zero2` with `model: {torch_dtype: bfloat16}`, or none",
        )


def _wanted(context: Context) -> dict[str, object]:
    """What the trainer will compare the file with, as far as it is known."""
    config, batch = context.config, context.batch
    precision = resolve_precision(config, context.facts.model.checkpoint, context.world)
    wanted: dict[str, object] = {
        "fp16.enabled": precision.fp16,
        "bf16.enabled": precision.bf16,
        "optimizer.params.lr": config.train.learning_rate,
        "scheduler.params.warmup_max_lr": config.train.learning_rate,
        "optimizer.params.weight_decay": _argument(context, "weight_decay"),
        "gradient_clipping": _argument(context, "max_grad_norm"),
    }
    if isinstance(batch, Batch) and not config.swift.get("auto_find_batch_size"):
        accumulation, world = batch.gradient_accumulation_steps, batch.world_size
        wanted["gradient_accumulation_steps"] = accumulation
        wanted["train_micro_batch_size_per_gpu"] = batch.per_device
        if accumulation is not None and world is not None:
            # transformers counts processes that share a sequence as if each had its own row.
            wanted["train_batch_size"] = batch.per_device * accumulation * world
    return wanted


def _argument(context: Context, name: str) -> object:
    argument = context.facts.swift.arguments[context.config.task].get(name)
    return context.config.swift.get(name, argument.default if argument else None)


def _stage(context: Context) -> int | None:
    settings = context.facts.deepspeed
    return None if settings is None else settings.stage


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
