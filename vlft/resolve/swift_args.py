"""Config, facts and world → the effective arguments of the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from vlft.config.schema import ARGUMENTS
from vlft.resolve.args import SwiftArgs, Written, as_text, key_of, parse_bool
from vlft.resolve.batch import Batch, Mismatch
from vlft.resolve.model import PLUGIN, ModelSpec
from vlft.resolve.post_init import after_init
from vlft.resolve.world import World, resolve_sharding, uses_torchrun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.config.entry import KeyPath
    from vlft.config.reader import LoadedConfig
    from vlft.models.base import Patch
    from vlft.probe.collect import Facts
    from vlft.swift.release import Argument


def resolve_swift_args(
    loaded: LoadedConfig,
    facts: Facts,
    world: World,
    batch: Batch | Mismatch,
    model: ModelSpec,
    patches: tuple[Patch, ...],
) -> SwiftArgs:
    """The effective arguments of a config's run.

    Args:
        loaded: The config.
        facts: What was read for it.
        world: Processes and devices.
        batch: Rows per step; of a mismatch only what is written counts.
        model: Its family decides `model_type` and `template` for a renamed folder.
        patches: What the plug-in of vlft has to patch; without any it is not passed.
    """
    task = loaded.config.task
    legal = facts.swift.arguments[task]
    sections = dict(_of_sections(loaded, facts, batch, model))
    passed = dict(_of_swift(loaded, legal))
    given = sections | passed
    added = _added(loaded, facts, world, SwiftArgs(task, facts, model, given, after_init))
    written = sections | {n: w for n, w in added if n in legal and n not in given} | passed
    if patches and "external_plugins" in legal:
        user = written.get("external_plugins", Written((), None, "vlft"))
        texts = (str(PLUGIN), *user.texts)
        written["external_plugins"] = replace(user, texts=texts, added=1)
    if "use_hf" not in written and _is_true(facts.environ.get("USE_HF", "")):
        written["use_hf"] = Written(("true",), None, "environment")
    return SwiftArgs(task, facts, model, written, after_init)


_SPECIAL: Final = frozenset({
    "model", "use_hf", "tuner_type", "train_type", "dataset", "val_dataset",
    "split_dataset_ratio", "per_device_train_batch_size", "gradient_accumulation_steps",
    "deepspeed", "use_cpu", "resume_from_checkpoint", "output_dir",
})  # fmt: skip
"""Owned arguments whose text is not that of their key."""

_PLAIN: Final = tuple((name, key_of(name)) for name in ARGUMENTS if name not in _SPECIAL)


def _of_sections(
    loaded: LoadedConfig, facts: Facts, batch: Batch | Mismatch, model: ModelSpec
) -> Iterator[tuple[str, Written]]:
    config = loaded.config
    yield "model", Written((facts.model.argument,), key_of("model"))
    if config.model.hub is not None:
        text = as_text(config.model.hub == "huggingface")
        yield "use_hf", Written((text,), key_of("use_hf"))
    yield from _names_of_family(facts, model)
    has_tuner = "tuner" in loaded.source.data
    yield "tuner_type", Written((config.tuner,), ("tuner",), "user" if has_tuner else "vlft")
    for name, path in _PLAIN:
        value: object = config
        for part in path:
            value = None if value is None else getattr(value, str(part))
        if value is not None:
            yield name, Written(_texts(loaded, path, value), path)
    yield "dataset", Written(tuple(e.argument for e in facts.train), ("data", "train"))
    if facts.val:
        yield "val_dataset", Written(tuple(e.argument for e in facts.val), ("data", "val"))
    elif isinstance(config.data.val, float):
        text = loaded.written(("data", "val"), config.data.val)
        yield "split_dataset_ratio", Written((text,), ("data", "val"))
    yield from _of_batch(loaded, batch)
    if config.deepspeed is not None:
        yield "deepspeed", Written((facts.deepspeed_file or config.deepspeed,), ("deepspeed",))
    if facts.resume is not None:
        path = key_of("resume_from_checkpoint")
        yield "resume_from_checkpoint", Written((facts.resume.path,), path)


def _names_of_family(facts: Facts, model: ModelSpec) -> Iterator[tuple[str, Written]]:
    """model_type and template, where ms-swift would guess wrong from the folder's name."""
    checkpoint, family, given = model.checkpoint, model.family, model.named
    if checkpoint is None or family is None or given not in (None, family.swift_model_type):
        return
    name = family.swift_model_type
    if model.guessed_types != (name,) and given is None:
        yield "model_type", Written((name,), None, "vlft")
    template = facts.swift.default_template(name, checkpoint.path, checkpoint.args)
    if family.template is not None and template != family.template:
        yield "template", Written((family.template,), None, "vlft")


def _of_batch(loaded: LoadedConfig, batch: Batch | Mismatch) -> Iterator[tuple[str, Written]]:
    """Both numbers are written out, so that no rounding of ms-swift's decides them."""
    per_device, accumulation = None, None
    if isinstance(batch, Batch):
        per_device, accumulation = batch.per_device, batch.gradient_accumulation_steps
    for name, number in (
        ("per_device_train_batch_size", per_device),
        ("gradient_accumulation_steps", accumulation),
    ):
        path: KeyPath | None = ("train", name)
        given = getattr(loaded.config.train, name)
        if given is not None:
            yield name, Written(_texts(loaded, ("train", name), given), path)
        elif number is not None:
            path = ("train", "global_batch_size")
            whole = path if loaded.config.train.global_batch_size is not None else None
            yield name, Written((str(number),), whole, "vlft")


def _of_swift(loaded: LoadedConfig, legal: Mapping[str, Argument]) -> Iterator[tuple[str, Written]]:
    """What is passed through; a name that only the installed release has, by that of today."""
    for name, value in loaded.config.swift.items():
        if value is not None:
            path = ("swift", name)
            same = (
                [name] if name in legal else [n for n, spec in legal.items() if spec.flag == name]
            )
            yield (same or [name])[0], Written(_texts(loaded, path, value), path)


def _texts(loaded: LoadedConfig, path: KeyPath, value: object) -> tuple[str, ...]:
    """A value as argparse takes it: words for a list, JSON for a mapping."""
    if isinstance(value, list):
        return tuple(
            text
            for index, item in enumerate(value)
            for text in (
                (json.dumps(item, ensure_ascii=False),)
                if isinstance(item, list)
                else _texts(loaded, (*path, index), item)
            )
        )
    if isinstance(value, dict):
        return (json.dumps(value, ensure_ascii=False),)
    return (loaded.written(path, value),)


def _added(
    loaded: LoadedConfig, facts: Facts, world: World, given: SwiftArgs
) -> Iterator[tuple[str, Written]]:
    """What vlft adds where the user says nothing, and why."""
    made = {"add_version": "false"}  # every run has a folder of its own
    if facts.model.checkpoint is not None:
        made["check_model"] = "false"  # asks the hub: 22 s without a network
    if world.cpu:
        made["use_cpu"] = "true"
        made["torch_dtype"] = "float32"
        if given.given_texts("torch_dtype") in ((), ("float32",)):
            made |= {"fp16": "false", "bf16": "false"}  # ms-swift's default for it is fp16
        sharding = resolve_sharding(loaded.config, facts, given)
        if uses_torchrun(loaded.config.task, given, world, sharding):
            made["ddp_backend"] = "gloo"  # without one the ranks are not synchronized
    for name, text in made.items():
        yield name, Written((text,), None, "vlft")


def _is_true(text: str) -> bool:
    try:
        return parse_bool(text)
    except ValueError:
        return False
