"""The config file's sections as types, and what their keys decide.

Every field says what it does and what it becomes. What no section owns stands under
`swift:` by its name in ms-swift. The command renders an owned value under the argument's name, a
rule refuses the same argument under `swift:` or `env:`, and `vlft import` finds the key of a flag
here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from vlft.engines import DEFAULT, engine_names, section_names, section_of
from vlft.environment import variable_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    EngineName = str
else:
    EngineName = Literal[engine_names()]

_FACTOR: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_BOUND: Final = 1 << 63  # a result must fit a signed 64-bit integer


def parse_product(text: str) -> int | None:
    """The value of non-negative integers joined by `*`; None if the text is anything else.

    One integer alone is a product of one factor. Spaces around factors are allowed; a sign,
    a leading zero, a separator (`1_000`), a factor of more than 12 digits or a result of 2**63
    and more is not.
    """
    result = 1
    is_zero = False
    for part in text.split("*"):
        factor = part.strip(" \t")
        if not _FACTOR.fullmatch(factor):
            return None
        if factor == "0":
            is_zero = True
        elif result < _BOUND:  # grows no further, however many factors follow
            result *= int(factor)
    if is_zero:
        return 0
    return result if result < _BOUND else None


OWNED_ARGUMENTS: Final = "x-arguments"
OWNED_VARIABLES: Final = "x-variables"
"""Where `key` notes what a key decides."""

_PLUGINS: Final = "PYDANTIC_DISABLE_PLUGINS"


class Section(BaseModel):
    """A mapping of the config file: unknown keys are refused, values are not coerced."""

    # Deferred: the whole config's validator is built once, and none for each section.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def given(self) -> dict[str, Any]:
        """The keys that have a value."""
        return {name: value for name, value in self if value is not None}

    @classmethod
    def section_at(cls, key: str) -> type[Section] | None:
        """The section that a key holds; None for a key that holds a value, or is unknown."""
        field = cls.model_fields.get(key)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        plain = (kind for kind in kinds if not get_args(kind))  # 3.10: list[str] is a type too
        return next((k for k in plain if isinstance(k, type) and issubclass(k, Section)), None)

    @classmethod
    def complete(cls) -> None:
        """Builds the validator, without pydantic's look for plug-ins in every package."""
        with variable_set(_PLUGINS, "__all__"):
            cls.model_rebuild()


def _product(value: object) -> object:
    """`1024*28*28` → 802816; anything else is left to the type check."""
    if isinstance(value, str):
        number = parse_product(value)
        return value if number is None else number
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Product = Annotated[int, BeforeValidator(_product), Field(gt=0)]
"""A positive integer, or a product of integers such as `1024*28*28`."""

Texts = Annotated[list[str], BeforeValidator(_one_or_many)]
"""A list of strings; a single string is a list of one."""

Number = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""

LARGEST = 2**63 - 1
"""The largest number that torch has an integer for."""

Count = Annotated[int, Field(ge=1, le=LARGEST)]
"""A whole number from 1."""

Processes = Annotated[int, Field(ge=1, le=65_536)]
"""A number of processes, devices or nodes."""


def key(
    default: Any = ...,
    description: str | None = None,
    *,
    argument: str | tuple[str, ...] = (),
    variable: str | tuple[str, ...] = (),
    **constraints: Any,
) -> Any:
    """A key that decides arguments of ms-swift or variables of its environment.

    This is the one place where they are tied together.

    Args:
        default: Of the key; a key without one is required.
        description: For editors and the documentation.
        argument: Name on ms-swift's command line, or several.
        variable: Name in the trainer's environment, or several.
        **constraints: Further arguments of pydantic's Field.
    """
    arguments = (argument,) if isinstance(argument, str) else argument
    variables = (variable,) if isinstance(variable, str) else variable
    owned: dict[str, Any] = {OWNED_ARGUMENTS: [*arguments], OWNED_VARIABLES: [*variables]}
    return Field(default, description=description, json_schema_extra=owned, **constraints)


AnySection = TypeVar("AnySection", bound=Section)


class Model(Section):
    """The model to start from."""

    path: str = key(..., "Folder of the model, or its id on a hub.", argument="model")
    hub: Literal["modelscope", "huggingface"] | None = key(
        None, "Hub that an id is fetched from.", argument="use_hf", variable="USE_HF"
    )
    revision: str | None = key(None, "Branch, tag or commit on the hub.", argument="model_revision")
    type: str | None = key(
        None, "ms-swift's model_type; read from the checkpoint if absent.", argument="model_type"
    )
    torch_dtype: Literal["bfloat16", "float16", "float32"] | None = key(
        None, "Data type of the weights; the checkpoint's if absent.", argument="torch_dtype"
    )
    attn_impl: str | None = key(None, "Attention: sdpa, eager, flash_attn, …", argument="attn_impl")
    freeze_llm: bool | None = key(None, "Train without the language model.", argument="freeze_llm")
    freeze_vit: bool | None = key(
        None, "Train without the vision tower; ms-swift's default is true.", argument="freeze_vit"
    )
    freeze_aligner: bool | None = key(
        None,
        "Train without the projector between the two; default true.",
        argument="freeze_aligner",
    )
    trust_remote_code: bool = key(
        False, "Consent to running the Python code that a checkpoint carries."
    )


class Lora(Section):
    """Low-rank adaptation."""

    rank: Count | None = key(None, argument="lora_rank")
    alpha: Count | None = key(None, argument="lora_alpha")
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = key(None, argument="lora_dropout")
    target_modules: Texts | None = key(
        None, "all-linear, or names of modules.", argument="target_modules"
    )


class Quant(Section):
    """Quantisation of the frozen base while training (QLoRA)."""

    bits: Literal[1, 2, 3, 4, 8] = key(..., argument="quant_bits")
    method: Literal["bnb", "hqq", "eetq", "quanto"] = key(..., argument="quant_method")


class Data(Section):
    """What is trained and evaluated on."""

    train: Texts = key(
        ...,
        "Files (`path`, `path#N` for N rows), hub ids (`hf::id`, `ms::id`).",
        argument="dataset",
        min_length=1,
    )
    val: Annotated[Number, Field(gt=0, lt=1)] | Annotated[Texts, Field(min_length=1)] | None = key(
        None,
        "A share of the training rows or files; absent: no evaluation.",
        argument=("val_dataset", "split_dataset_ratio"),
    )
    max_length: Count | None = key(
        None, "Tokens of a row, image tokens included.", argument="max_length"
    )


class VideoPixels(Section):
    """Limits of a video's frames."""

    min: Product | None = key(None, "Pixels of a frame, at least.", variable="VIDEO_MIN_PIXELS")
    max: Product | None = key(None, "Pixels of a frame, at most.", variable="VIDEO_MAX_PIXELS")
    fps: Annotated[Number, Field(gt=0)] | None = key(None, "Frames taken a second.", variable="FPS")
    min_frames: Count | None = key(None, variable="FPS_MIN_FRAMES")
    max_frames: Count | None = key(None, variable="FPS_MAX_FRAMES")
    tiles: Count | None = key(
        None, "Tiles of a frame, at most (internvl_chat).", variable="VIDEO_MAX_NUM"
    )


class Pixels(Section):
    """How large an image may become before it is turned into tokens."""

    min: Product | None = key(None, "Pixels of an image, at least.", variable="MIN_PIXELS")
    max: Product | None = key(None, "Pixels of an image, at most.", variable="MAX_PIXELS")
    tiles: Count | None = key(
        None, "Tiles of an image, at most (internvl_chat).", variable="MAX_NUM"
    )
    video: VideoPixels = key(VideoPixels.model_construct(), "Limits of a video's frames.")


class Train(Section):
    """The training itself."""

    num_train_epochs: Annotated[Number, Field(gt=0)] | None = key(None, argument="num_train_epochs")
    max_steps: Count | None = key(None, argument="max_steps")
    learning_rate: Annotated[Number, Field(ge=0)] | None = key(None, argument="learning_rate")
    global_batch_size: Count | None = key(
        None, "per_device × accumulation × processes ÷ sequence parallel size."
    )
    per_device_train_batch_size: Count | None = key(None, argument="per_device_train_batch_size")
    gradient_accumulation_steps: Count | None = key(None, argument="gradient_accumulation_steps")
    per_device_eval_batch_size: Count | None = key(None, argument="per_device_eval_batch_size")
    gradient_checkpointing: bool | None = key(None, argument="gradient_checkpointing")
    seed: Annotated[int, Field(ge=0, le=LARGEST)] | None = key(None, argument="seed")
    save_steps: Annotated[Number, Field(gt=0)] | None = key(None, argument="save_steps")
    eval_steps: Annotated[Number, Field(gt=0)] | None = key(None, argument="eval_steps")
    save_total_limit: Count | None = key(None, argument="save_total_limit")
    resume_from_checkpoint: str | None = key(
        None, "Folder of the checkpoint to resume from.", argument="resume_from_checkpoint"
    )


class Launch(Section):
    """Where and in how many processes the training runs."""

    gpus: Literal["auto", "none"] | Processes | list[int | str] = key(
        "auto",
        "auto: all visible; N: the first N visible; a list of indices or UUIDs; none: the CPU.",
        argument="use_cpu",
        variable="CUDA_VISIBLE_DEVICES",
    )
    nproc_per_node: Processes | None = key(
        None, "Processes on a node; one a GPU if absent.", variable="NPROC_PER_NODE"
    )
    nnodes: Processes | None = key(None, "Nodes; 1.", variable="NNODES")
    sequence_parallel_size: Processes | None = key(
        None, "Processes that share one sequence.", argument="sequence_parallel_size"
    )
    master_addr: str | None = key(
        None, "Address of node 0; a scheduler knows it.", variable="MASTER_ADDR"
    )
    master_port: Annotated[int, Field(ge=1, le=65535)] | None = key(
        None, "Port of node 0; a free one if absent and on one node.", variable="MASTER_PORT"
    )
    python: str | None = key(None, "Interpreter that has ms-swift; found by itself if absent.")
    engine: EngineName = key(
        DEFAULT, "Where the run starts: this machine, or a scheduler with its own section."
    )


class Export(Section):
    """What `vlft merge`, `vlft eval` and `vlft infer` go by where no flag says otherwise."""

    quant_bits: Literal[2, 3, 4, 8] | None = key(
        None, "Quantise the merged weights to as many bits. --quant_bits"
    )
    quant_method: Literal["bnb", "gptq", "gptq_v2", "awq", "fp8"] | None = key(
        None, "How; chosen by bits and packages if absent. --quant_method"
    )
    python: str | None = key(
        None, "Interpreter that exports and infers; the one that trained if absent."
    )
    dataset: Texts | None = key(
        None, "JSONL to calibrate on; the training rows if absent. --dataset"
    )
    rows: Count | None = key(
        None, "Rows to calibrate on, at most; 128 if absent. --quant_n_samples"
    )


class Config(Section):
    """A whole config file, `extends` already followed.

    The section of an engine is a field of a subclass: see `config_with`.
    """

    task: Literal["sft", "pt", "rlhf"] = key("sft", "swift's subcommand.")
    model: Model
    tuner: str = key(
        "lora", "lora, full, or another tuner of ms-swift.", argument=("tuner_type", "train_type")
    )
    lora: Lora | None = None
    quant: Quant | None = None
    data: Data
    pixels: Pixels = Pixels.model_construct()
    train: Train = Train.model_construct()
    deepspeed: str | None = key(
        None, "zero0 … zero3, zero2_offload, zero3_offload or a JSON file.", argument="deepspeed"
    )
    launch: Launch = Launch.model_construct()
    export: Export = Export.model_construct()
    output_dir: str = key(
        "output", "Folder that the runs' folders are made in.", argument="output_dir"
    )
    swift: dict[str, Any] = key({}, "Any other argument of ms-swift, by its name.")
    env: dict[str, Any] = key({}, "Environment variables of the trainer.")

    def engine_section(self, kind: type[AnySection]) -> AnySection | None:
        """The section of the engine that `launch.engine` names, if it is one of this kind."""
        section = getattr(self, self.launch.engine, None)
        return section if isinstance(section, kind) else None


def config_with(engines: Iterable[str]) -> type[Config]:
    """The config of which these engines' sections are a part; names without a section are left out.

    Building pydantic's validators takes milliseconds of every start, so a section is built only
    for a config that has it, and all of them for the JSON Schema.
    """
    names = tuple(name for name in section_names() if name in set(engines))
    return _config_with(names) if names else Config


@cache
def _config_with(names: tuple[str, ...]) -> type[Config]:
    sections: dict[str, Any] = {name: (section_of(name) | None, None) for name in names}
    return create_model("Config", __base__=Config, __doc__=Config.__doc__, **sections)


def _owned(section: type[Section], kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names of a kind that the keys of a section decide, with the key."""
    for name, field in section.model_fields.items():
        if isinstance(field.json_schema_extra, dict):
            names = field.json_schema_extra.get(kind)
            yield from ((str(one), prefix + name) for one in names or () if names)  # type: ignore[union-attr]
        inner = section.section_at(name)
        if inner is not None:
            yield from _owned(inner, kind, f"{prefix}{name}.")


ARGUMENTS: dict[str, str] = dict(_owned(Config, OWNED_ARGUMENTS))
"""Argument of `swift sft` → config key that owns it."""

ENVIRONMENT: dict[str, str] = dict(_owned(Config, OWNED_VARIABLES))
"""Environment variable → config key that owns it."""

RESERVED: dict[str, str] = {"add_version": "vlft gives every run a folder of its own"}
"""Arguments that vlft always writes itself, and why."""

NODE_ENVIRONMENT: dict[str, str] = {
    "NODE_RANK": "it differs by node: vlft train --node-rank",
    "RANK": "torchrun sets it in each process",
    "LOCAL_RANK": "torchrun sets it in each process",
    "WORLD_SIZE": "it is nproc_per_node × nnodes: launch.nproc_per_node, launch.nnodes",
    "LOCAL_WORLD_SIZE": "it is launch.nproc_per_node",
}
"""Environment variables that a launcher sets, never a config."""
