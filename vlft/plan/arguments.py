"""A config's values as arguments of `swift sft`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vlft.resolve.pass_through import uses_ray
from vlft.resolve.patches import run_mends, with_mends
from vlft.swift.release import as_flags

if TYPE_CHECKING:
    from vlft.config.reader import LoadedConfig
    from vlft.config.source import KeyPath
    from vlft.models import Family
    from vlft.probe.collect import Facts
    from vlft.resolve.batch import Batch
    from vlft.resolve.world import World

Arguments = dict[str, tuple[str, ...]]
"""Argument of ms-swift → its values as text; one for most, several for a list."""

# Keys whose value reaches the command line as it stands: config key → argument.
_PLAIN: dict[KeyPath, str] = {
    ("model", "revision"): "model_revision",
    ("model", "attn_impl"): "attn_impl",
    ("model", "torch_dtype"): "torch_dtype",
    ("model", "freeze_llm"): "freeze_llm",
    ("model", "freeze_vit"): "freeze_vit",
    ("model", "freeze_aligner"): "freeze_aligner",
    ("lora", "rank"): "lora_rank",
    ("lora", "alpha"): "lora_alpha",
    ("lora", "dropout"): "lora_dropout",
    ("lora", "target_modules"): "target_modules",
    ("quant", "bits"): "quant_bits",
    ("quant", "method"): "quant_method",
    ("data", "max_length"): "max_length",
    ("train", "num_train_epochs"): "num_train_epochs",
    ("train", "max_steps"): "max_steps",
    ("train", "learning_rate"): "learning_rate",
    ("train", "per_device_eval_batch_size"): "per_device_eval_batch_size",
    ("train", "gradient_checkpointing"): "gradient_checkpointing",
    ("train", "seed"): "seed",
    ("train", "save_steps"): "save_steps",
    ("train", "eval_steps"): "eval_steps",
    ("train", "save_total_limit"): "save_total_limit",
    ("launch", "sequence_parallel_size"): "sequence_parallel_size",
}


def arguments(
    loaded: LoadedConfig, facts: Facts, world: World, batch: Batch, family: Family | None
) -> Arguments:
    """Every argument of the run but `--output_dir`, which belongs to the run's folder."""
    legal = facts.swift.arguments[loaded.config.task]
    made: Arguments = {"model": (facts.model.argument,)}
    made |= _model_names(loaded, facts, family)
    made["tuner_type"] = (loaded.config.tuner,)
    for path, name in _PLAIN.items():
        value = _lookup(loaded, path)
        if value is not None:
            made[name] = _texts(loaded, path, value)
    made |= _data(loaded, facts)
    made["per_device_train_batch_size"] = (str(batch.per_device),)
    if batch.gradient_accumulation_steps is not None:
        made["gradient_accumulation_steps"] = (str(batch.gradient_accumulation_steps),)
    if loaded.config.deepspeed is not None:
        made["deepspeed"] = (facts.deepspeed_file or loaded.config.deepspeed,)
    if facts.resume_dir is not None:
        made["resume_from_checkpoint"] = (facts.resume_dir,)
    passed = {
        name: _texts(loaded, ("swift", name), value)
        for name, value in loaded.config.swift.items()
        if value is not None
    }
    whole = made | _defaults(loaded, facts, world, made | passed) | passed
    return as_flags(with_mends(whole, run_mends(loaded.config, facts)), legal)


def _lookup(loaded: LoadedConfig, path: KeyPath) -> object:
    value: object = loaded.config
    for part in path:
        value = None if value is None else getattr(value, str(part))
    return value


def _texts(loaded: LoadedConfig, path: KeyPath, value: object) -> tuple[str, ...]:
    """A value as argparse takes it: words for a list, JSON for a mapping."""
    if isinstance(value, dict):
        return (json.dumps(value, ensure_ascii=False),)
    if isinstance(value, list):
        return tuple(
            loaded.written((*path, index), item)
            if not isinstance(item, (list, dict))
            else json.dumps(item, ensure_ascii=False)
            for index, item in enumerate(value)
        )
    return (loaded.written(path, value),)


def _model_names(loaded: LoadedConfig, facts: Facts, family: Family | None) -> Arguments:
    """model_type and template, where ms-swift would guess wrong from the folder's name."""
    model = loaded.config.model
    made: Arguments = {}
    if model.hub is not None:
        made["use_hf"] = (str(model.hub == "huggingface").lower(),)
    if model.type is not None:
        made["model_type"] = (model.type,)
    checkpoint = facts.model.checkpoint
    if checkpoint is None or family is None or model.type not in (None, family.swift_model_type):
        return made
    swift, name = facts.swift, family.swift_model_type
    guessed = swift.guess_model_types(checkpoint.path, checkpoint.architectures, checkpoint.args)
    if guessed != (name,):
        made["model_type"] = (name,)
    template = swift.default_template(name, checkpoint.path, checkpoint.args)
    if family.template is not None and template != family.template:
        made["template"] = (family.template,)
    return made


def _data(loaded: LoadedConfig, facts: Facts) -> Arguments:
    made: Arguments = {"dataset": tuple(entry.argument for entry in facts.train)}
    val = loaded.config.data.val
    if facts.val:
        made["val_dataset"] = tuple(entry.argument for entry in facts.val)
    elif isinstance(val, float):
        made["split_dataset_ratio"] = (loaded.written(("data", "val"), val),)
    return made


def _defaults(loaded: LoadedConfig, facts: Facts, world: World, given: Arguments) -> Arguments:
    """What vlft adds where nobody said otherwise, and why."""
    made: Arguments = {}
    if facts.model.checkpoint is not None:
        # A local folder is what it is; asking the hub costs 22 s without a network.
        made["check_model"] = ("false",)
    if world.cpu:
        made["use_cpu"] = ("true",)
        if "torch_dtype" not in given:
            made["torch_dtype"] = ("float32",)
        if (given | made)["torch_dtype"] == ("float32",):
            # ms-swift takes float32 for a wish to train in fp16, which a CPU can't.
            made |= {"fp16": ("false",), "bf16": ("false",)}
        if needs_torchrun(loaded, world):
            # Without a backend the ranks of a CPU run train side by side, unsynchronised.
            made["ddp_backend"] = ("gloo",)
    return {name: values for name, values in made.items() if name not in given}


def needs_torchrun(loaded: LoadedConfig, world: World) -> bool:
    """Whether the run goes through torch.distributed.run.

    DeepSpeed and FSDP want its rendezvous even for one process. Ray's actors are processes by
    themselves.
    """
    if uses_ray(loaded.config):
        return False
    sharded = loaded.config.deepspeed is not None or "fsdp" in loaded.config.swift
    return world.world_size != 1 or sharded
