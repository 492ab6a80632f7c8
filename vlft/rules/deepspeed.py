"""DeepSpeed: its presets, its JSON files, and what they go with."""

from __future__ import annotations

from vlft.resolve.batch import Batch
from vlft.rules.base import Problem, Problems, RunSpec, rule


@rule("error", "aborts", says="JSONDecodeError")
def json(run: RunSpec) -> Problems:
    """DeepSpeed's file is one JSON object.

    Source: swift/utils/utils.py: json_parse_to_dict
    """
    settings = run.sharding.settings
    if settings is not None and settings.problem is not None:
        yield Problem(("deepspeed",), settings.problem.message, settings.problem.hint)


@rule(
    "error", "aborts", says="Please specify the ZeRO optimization config in the DeepSpeed config."
)
def no_zero(run: RunSpec) -> Problems:
    """DeepSpeed's file has a `zero_optimization`.

    Source: accelerate/utils/dataclasses.py: DeepSpeedPlugin
    """
    settings = run.sharding.settings
    if settings is None or settings.problem or settings.empty or settings.sharded:
        return
    hint = 'add `"zero_optimization": {"stage": 2}`'
    yield Problem(("deepspeed",), f"`{run.sharding.deepspeed}` has no `zero_optimization`", hint)


@rule(
    "error",
    "late",
    "hardware",
    says="Either train_batch_size or train_micro_batch_size_per_gpu needs to be provided",
)
def no_batch(run: RunSpec) -> Problems:
    """DeepSpeed's file has a batch size, which may be `auto`.

    Source: deepspeed/runtime/config.py: _configure_train_batch_size
    """
    settings = run.sharding.settings
    if settings is None or settings.problem or settings.empty or settings.batched:
        return
    hint = 'add `"train_micro_batch_size_per_gpu": "auto"`'
    yield Problem(("deepspeed",), f"`{run.sharding.deepspeed}` has no batch size", hint)


@rule("warning", "silent")
def no_effect(run: RunSpec) -> Problems:
    """What is said to DeepSpeed is said to a DeepSpeed that is on and that reads it.

    Source: swift/arguments/sft_args.py: _init_deepspeed
    """
    settings = run.sharding.settings
    if settings is not None and settings.empty:
        message = f"`{run.sharding.deepspeed}` is empty: ms-swift trains without DeepSpeed"
        hint = "leave `deepspeed` out, or write a preset: zero2, zero3"
        yield Problem(("deepspeed",), message, hint)
    if run.sharding.deepspeed is None:
        for name in ("zero_hpz_partition_size", "deepspeed_autotp_size"):
            if run.args.is_given(name):
                preset = "zero3" if "hpz" in name else "zero2"
                hint = f"write `deepspeed: {preset}`"
                yield Problem.ignored(("swift", name), "it is read only with DeepSpeed", hint)
    elif run.args.is_given("zero_hpz_partition_size") and run.sharding.stage in {0, 1, 2}:
        because = f"ZeRO-{run.sharding.stage} keeps whole weights"
        hint = "leave it out, or write `deepspeed: zero3`"
        yield Problem.ignored(("swift", "zero_hpz_partition_size"), because, hint)


@rule(
    "error",
    "late",
    "hardware",
    says="Please correct the following DeepSpeed config values that mismatch TrainingArguments",
)
def numbers(run: RunSpec) -> Problems:
    """What DeepSpeed's file says by itself is what the config says.

    Source: transformers/integrations/deepspeed.py: trainer_config_finalize
    """
    settings = run.sharding.settings
    if settings is None:
        return
    wanted = _wanted(run)
    for key, value in settings.fixed.items():
        number = wanted.get(key)
        if number is None or value == number:
            continue
        message = f"`{run.sharding.deepspeed}` says {key} {_shown(value)}, the run {_shown(number)}"
        yield Problem(("deepspeed",), message, f'write `"auto"` there, or {_shown(number)}')


@rule("error", "late", says="DeepSpeed Zero-3 is not compatible with passing a `device_map`.")
def device_map(run: RunSpec) -> Problems:
    """ZeRO-3 places the weights itself, without a device_map.

    Source: transformers/integrations/accelerate.py: check_and_set_device_map
    """
    if run.sharding.is_zero3 and run.args.is_given("device_map"):
        hint = "leave it out"
        yield Problem(("swift", "device_map"), "ZeRO-3 takes no device_map", hint, at_key=True)


@rule(
    "error",
    "late",
    "hardware",
    says="train_batch_size is not equal to micro_batch_per_gpu * gradient_acc_step * world_size",
)
def cpu(run: RunSpec) -> Problems:
    """On a CPU, several processes do not share the weights by ZeRO-3.

    Source: deepspeed/runtime/config.py: _batch_assertion, before the processes know of each other
    """
    processes = run.world.world_size
    if run.world.cpu and processes != 1 and run.sharding.is_zero3:
        message = f"ZeRO-3 does not start in {processes} processes on a CPU"
        hint = "on a CPU: `deepspeed: zero2` with `model: {torch_dtype: bfloat16}`, or none"
        yield Problem(("deepspeed",), message, hint)


def _wanted(run: RunSpec) -> dict[str, object]:
    """What the trainer will compare the file with, as far as it is known."""
    config, batch = run.config, run.batch
    precision = run.precision
    wanted: dict[str, object] = {
        "fp16.enabled": precision.fp16,
        "bf16.enabled": precision.bf16,
        "optimizer.params.lr": config.train.learning_rate,
        "scheduler.params.warmup_max_lr": config.train.learning_rate,
        "optimizer.params.weight_decay": run.args.get("weight_decay", float),
        "gradient_clipping": run.args.get("max_grad_norm", float),
    }
    if isinstance(batch, Batch) and not run.args.flag("auto_find_batch_size"):
        accumulation, world = batch.gradient_accumulation_steps, batch.world_size
        wanted["gradient_accumulation_steps"] = accumulation
        wanted["train_micro_batch_size_per_gpu"] = batch.per_device
        if accumulation is not None and world is not None:
            # transformers counts processes that share a sequence as if each had its own row.
            wanted["train_batch_size"] = batch.per_device * accumulation * world
    return wanted


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
