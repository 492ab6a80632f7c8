"""The run as ms-swift will see it: every derived value, computed once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vlft.resolve.batch import Batch, Mismatch, solve
from vlft.resolve.model import ModelSpec, run_patches
from vlft.resolve.post_init import has_plugins
from vlft.resolve.steps import Steps, resolve_steps
from vlft.resolve.swift_args import resolve_swift_args
from vlft.resolve.variables import (
    CALLER,
    LAUNCHER,
    Limits,
    Variable,
    all_pixel_variables,
    is_relevant,
    model_kwargs,
)
from vlft.resolve.world import (
    Sharding,
    World,
    number_in,
    resolve_sharding,
    resolve_world,
    uses_ray,
    uses_torchrun,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.config.entry import KeyPath
    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.models import Family
    from vlft.models.base import Patch
    from vlft.probe.collect import Facts
    from vlft.resolve.args import SwiftArgs


_TYPES = ("bfloat16", "float16", "float32")


class Precision(Struct, frozen=True):
    """Types of a run.

    Attributes:
        weights: bfloat16, float16 or float32; None if only the installed GPU decides it.
        fp16: Whether autocast computes in float16, with a scaled loss; None if unknown.
        bf16: Whether autocast computes in bfloat16; None if unknown.
    """

    weights: str | None
    fp16: bool | None
    bf16: bool | None


class RunSpec(Struct, frozen=True, dict=True):
    """The run as ms-swift will see it.

    Rules, plan, row checks, estimates, engines, export and infer read this and derive none of its
    values again. What costs time is computed when it is first read, and once.

    Attributes:
        loaded: The config with the places of its values.
        facts: What the probes read.
        model: What is trained.
        world: Processes and devices.
        batch: Rows per step, or why there are none.
    """

    loaded: LoadedConfig
    facts: Facts
    model: ModelSpec
    world: World
    batch: Batch | Mismatch

    @property
    def config(self) -> Config:
        """The typed sections."""
        return self.loaded.config

    @property
    def task(self) -> str:
        """ms-swift's subcommand: sft, pt or rlhf."""
        return self.loaded.config.task

    @property
    def family(self) -> Family | None:
        """The model's family; None if it is not one that vlft knows."""
        return self.model.family

    @property
    def output_dir(self) -> Path:
        """Absolute folder in which the runs' folders are made."""
        return self.facts.output_dir

    @cached_property
    def args(self) -> SwiftArgs:
        """All arguments, as they are after ms-swift's own `__post_init__`."""
        return resolve_swift_args(
            self.loaded, self.facts, self.world, self.batch, self.model, self.patches
        )

    @property
    def has_plugins(self) -> bool:
        """Whether the user's own code may register what the installed ms-swift lacks."""
        return has_plugins(self.args)

    @property
    def row_length(self) -> int | None:
        """Most tokens of a row, the model's own limit included; None if it is unknown."""
        return self.args.get("max_length", int)

    @property
    def passed(self) -> Mapping[str, Any]:
        """The section `swift:` as written, for rules that judge its form."""
        return self.loaded.config.swift

    @cached_property
    def pixels(self) -> Mapping[str, int | float]:
        """What `pixels:` gives, by key (`max`, `video.max`)."""
        pixels = self.config.pixels
        given = {key: value for key, value in pixels.given().items() if key != "video"}
        return given | {f"video.{key}": value for key, value in pixels.video.given().items()}

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """What the trainer's template reads: `model_kwargs`, then the config, then the caller."""
        inherited = {name: Variable(text, CALLER) for name, text in self.facts.environ.items()}
        return inherited | self.config_variables | model_kwargs(self.args)

    @cached_property
    def added_variables(self) -> Mapping[str, str]:
        """Variables that the checkpoint's config.json needs and nobody decides."""
        from vlft.models import checkpoint_variables  # noqa: PLC0415 - few commands render a run

        checkpoint = self.model.checkpoint
        needed = checkpoint_variables(self.family, checkpoint.config if checkpoint else None)
        return {name: text for name, text in needed.items() if name not in self.variables}

    @cached_property
    def config_variables(self) -> dict[str, Variable]:
        """Variables of `pixels:` and `env:`; of an unknown family every one that fits a key."""
        keys = self.family.pixel_variables if self.family else all_pixel_variables()
        decided = {}
        path: KeyPath
        for key, value in self.pixels.items():
            if key in keys:
                path = ("pixels", *key.split("."))
                decided[keys[key]] = Variable(self.loaded.written(path, value), path)
        for name, text in self.config.env.items():
            if text is not None:
                path = ("env", name)
                decided[name] = Variable(self.loaded.written(path, text), path)
        return decided

    @cached_property
    def decided_variables(self) -> Mapping[str, Variable]:
        """Variables that the config decides, those of the launcher too."""
        launch, decided = self.config.launch, dict(self.config_variables)
        for name, key in LAUNCHER.items():
            value = getattr(launch, key)
            if value is not None:
                decided[name] = Variable(str(value), ("launch", key))
        if isinstance(launch.gpus, list):
            devices = ",".join(map(str, launch.gpus))
            decided["CUDA_VISIBLE_DEVICES"] = Variable(devices, ("launch", "gpus"))
        return decided

    @cached_property
    def inherited_variables(self) -> Mapping[str, str]:
        """Variables of the caller that reach the run and change it."""
        owned = set(self.decided_variables)
        if self.config.launch.gpus != "auto":
            owned.add("CUDA_VISIBLE_DEVICES")
        caller = sorted(self.facts.environ.items())
        return {name: text for name, text in caller if is_relevant(name) and name not in owned}

    @cached_property
    def limits(self) -> Limits:
        """Limits on images and videos."""
        family = self.model.weights_family
        vision = None if family is None else family.vision
        return Limits(self.variables, self.args.get("max_pixels", int), vision)

    @cached_property
    def precision(self) -> Precision:
        """The types that ms-swift arrives at.

        Source: swift/arguments/base_args/model_args.py: _init_torch_dtype, _init_mixed_precision.
        """
        args = self.args
        weights = args.get("torch_dtype", str)
        return Precision(
            weights if weights in _TYPES else None,
            args.get("fp16", bool),
            args.get("bf16", bool),
        )

    @cached_property
    def sharding(self) -> Sharding:
        """What spreads the model over the processes."""
        return resolve_sharding(self.config, self.facts, self.args)

    @cached_property
    def steps(self) -> Steps:
        """Optimizer steps; all unknown where there is no batch."""
        return resolve_steps(self.args, self.facts.train, self.batch)

    def installed(self, package: str) -> str | None:
        """Version of a package in the interpreter that trains; None if none is known there."""
        interpreter = self.facts.interpreter
        return None if interpreter is None else interpreter.packages.get(package)

    @property
    def gpu_bytes(self) -> int | None:
        """Memory of the smallest GPU, where each process has one; None if that is unknown."""
        hardware, world = self.facts.hardware, self.world
        if hardware is None or world.cpu or world.gpus_per_node != world.nproc_per_node:
            return None
        return min((gpu.memory_bytes for gpu in hardware.gpus if gpu.memory_bytes), default=None)

    @property
    def save_strategy(self) -> str:
        """no, steps, epoch or best; what the user wrote if ms-swift refuses it."""
        written = " ".join(self.args.given_texts("save_strategy"))
        return self.args.get("save_strategy", str) or written or "steps"

    @property
    def eval_strategy(self) -> str:
        """no, steps or epoch; what the user wrote if ms-swift refuses it."""
        if self.args.is_known("eval_strategy"):
            effective = self.args.get("eval_strategy", str)
            return "no" if effective is None else effective
        if not self.has_validation:
            return "no"
        return next(iter(self.args.given_texts("eval_strategy")), self.save_strategy)

    @property
    def evaluates(self) -> bool:
        """Whether the run evaluates at all."""
        return self.eval_strategy != "no"

    @property
    def has_validation(self) -> bool:
        """Whether there is anything to evaluate on."""
        if any(self.args.texts(name) for name in ("cached_val_dataset", "eval_dataset")):
            return True
        streamed = self.args.flag("streaming") and isinstance(self.config.data.val, float)
        return self.config.data.val is not None and not streamed

    @property
    def uses_ray(self) -> bool:
        """Whether Ray starts the trainers."""
        return uses_ray(self.task, self.args)

    @property
    def uses_torchrun(self) -> bool:
        """Whether the run goes through torch.distributed.run."""
        return uses_torchrun(self.task, self.args, self.world, self.sharding)

    @property
    def master(self) -> tuple[str | None, int | None]:
        """Address and port of node 0; None where the launcher chooses."""
        launch, environ = self.config.launch, self.facts.environ
        address = launch.master_addr or environ.get("MASTER_ADDR")
        return address, launch.master_port or number_in(environ, "MASTER_PORT")

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """Compatibility patches that the checkpoint's own code needs."""
        return run_patches(self.config, self.facts, self.model)


def resolve(loaded: LoadedConfig, facts: Facts) -> RunSpec:
    """Config and facts become the run."""
    launch, train = loaded.config.launch, loaded.config.train
    world = resolve_world(launch, facts.visible_gpus, facts.environ)
    batch = solve(
        global_size=train.global_batch_size,
        per_device=train.per_device_train_batch_size,
        accumulation=train.gradient_accumulation_steps,
        world_size=world.world_size,
        sequence_parallel_size=launch.sequence_parallel_size or 1,
    )
    probed = facts.model
    model = ModelSpec(probed.argument, probed.checkpoint, loaded.config.model.type, facts.swift)
    return RunSpec(loaded, facts, model, world, batch)
