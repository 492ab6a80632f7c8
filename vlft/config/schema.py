"""The config file's sections as types.

Every field says what it does and what it becomes. What no section owns stands under
`swift:` by its name in ms-swift.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field, create_model

from vlft.config.fields import Number, Product, Section, Texts
from vlft.engines import DEFAULT, engine_names, section_names, section_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    EngineName = str
else:
    EngineName = Literal[engine_names()]

AnySection = TypeVar("AnySection", bound=Section)


class Model(Section):
    """The model to start from."""

    path: str = Field(description="Folder of the model, or its id on a hub. --model")
    hub: Literal["modelscope", "huggingface"] | None = Field(
        None, description="Hub that an id is fetched from. --use_hf"
    )
    revision: str | None = Field(
        None, description="Branch, tag or commit on the hub. --model_revision"
    )
    type: str | None = Field(
        None, description="ms-swift's model_type; read from the checkpoint if absent. --model_type"
    )
    torch_dtype: Literal["bfloat16", "float16", "float32"] | None = Field(
        None, description="Data type of the weights; the checkpoint's if absent. --torch_dtype"
    )
    attn_impl: str | None = Field(
        None, description="Attention: sdpa, eager, flash_attn, … --attn_impl"
    )
    freeze_llm: bool | None = Field(None, description="Train without the language model.")
    freeze_vit: bool | None = Field(
        None, description="Train without the vision tower; ms-swift's default is true."
    )
    freeze_aligner: bool | None = Field(
        None, description="Train without the projector between the two; default true."
    )
    trust_remote_code: bool = Field(
        False, description="Consent to running the Python code that a checkpoint carries."
    )


class Lora(Section):
    """Low-rank adaptation."""

    rank: Annotated[int, Field(ge=1)] | None = Field(None, description="--lora_rank")
    alpha: Annotated[int, Field(ge=1)] | None = Field(None, description="--lora_alpha")
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = Field(None, description="--lora_dropout")
    target_modules: Texts | None = Field(
        None, description="all-linear, or names of modules. --target_modules"
    )


class Quant(Section):
    """Quantisation of the frozen base while training (QLoRA)."""

    bits: Literal[1, 2, 3, 4, 8] = Field(description="--quant_bits")
    method: Literal["bnb", "hqq", "eetq", "quanto"] = Field(description="--quant_method")


class Data(Section):
    """What is trained and evaluated on."""

    train: Texts = Field(
        min_length=1,
        description="Files (`path`, `path#N` for N rows), hub ids (`hf::id`, `ms::id`). --dataset",
    )
    val: Annotated[Number, Field(gt=0, lt=1)] | Texts | None = Field(
        None,
        description="A share of the training rows (--split_dataset_ratio) or files "
        "(--val_dataset); absent: no evaluation.",
    )
    max_length: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Tokens of a row, image tokens included. --max_length"
    )


class VideoPixels(Section):
    """Limits of a video's frames."""

    min: Product | None = Field(None, description="Pixels of a frame, at least. VIDEO_MIN_PIXELS")
    max: Product | None = Field(None, description="Pixels of a frame, at most. VIDEO_MAX_PIXELS")
    fps: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="Frames taken a second. FPS"
    )
    min_frames: Annotated[int, Field(ge=1)] | None = Field(None, description="FPS_MIN_FRAMES")
    max_frames: Annotated[int, Field(ge=1)] | None = Field(None, description="FPS_MAX_FRAMES")
    tiles: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Tiles of a frame, at most (internvl_chat). VIDEO_MAX_NUM"
    )


class Pixels(Section):
    """How large an image may become before it is turned into tokens."""

    min: Product | None = Field(None, description="Pixels of an image, at least. MIN_PIXELS")
    max: Product | None = Field(None, description="Pixels of an image, at most. MAX_PIXELS")
    tiles: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Tiles of an image, at most (internvl_chat). MAX_NUM"
    )
    video: VideoPixels = Field(
        VideoPixels.model_construct(), description="Limits of a video's frames."
    )


class Train(Section):
    """The training itself."""

    num_train_epochs: Annotated[Number, Field(gt=0)] | None = None
    max_steps: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[Number, Field(ge=0)] | None = None
    global_batch_size: Annotated[int, Field(ge=1)] | None = Field(
        None, description="per_device × accumulation × processes ÷ sequence parallel size."
    )
    per_device_train_batch_size: Annotated[int, Field(ge=1)] | None = None
    gradient_accumulation_steps: Annotated[int, Field(ge=1)] | None = None
    per_device_eval_batch_size: Annotated[int, Field(ge=1)] | None = None
    gradient_checkpointing: bool | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    save_steps: Annotated[Number, Field(gt=0)] | None = None
    eval_steps: Annotated[Number, Field(gt=0)] | None = None
    save_total_limit: Annotated[int, Field(ge=1)] | None = None
    resume_from_checkpoint: str | None = Field(
        None, description="Folder of the checkpoint to go on from."
    )


class Launch(Section):
    """Where and in how many processes the training runs."""

    gpus: Literal["auto", "none"] | Annotated[int, Field(ge=1)] | list[int | str] = Field(
        "auto",
        description="auto: all visible; N: the first N visible; a list of indices or UUIDs; "
        "none: the CPU.",
    )
    nproc_per_node: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Processes on a node; one a GPU if absent. NPROC_PER_NODE"
    )
    nnodes: Annotated[int, Field(ge=1)] | None = Field(None, description="Nodes; 1. NNODES")
    sequence_parallel_size: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Processes that share one sequence. --sequence_parallel_size"
    )
    master_addr: str | None = Field(
        None, description="Address of node 0; a scheduler knows it. MASTER_ADDR"
    )
    master_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="Port of node 0; a free one if absent and on one node. MASTER_PORT"
    )
    python: str | None = Field(
        None, description="Interpreter that has ms-swift; found by itself if absent."
    )
    engine: EngineName = Field(
        DEFAULT, description="This machine, or a scheduler, which has a section of its own."
    )


class Export(Section):
    """What `vlft merge`, `vlft eval` and `vlft infer` go by where no flag says otherwise."""

    quant_bits: Literal[2, 3, 4, 8] | None = Field(
        None, description="Quantise the merged weights to as many bits. --quant_bits"
    )
    quant_method: Literal["bnb", "gptq", "gptq_v2", "awq", "fp8"] | None = Field(
        None, description="How; chosen by bits and packages if absent. --quant_method"
    )
    python: str | None = Field(
        None, description="Interpreter that exports and infers; the one that trained if absent."
    )
    dataset: Texts | None = Field(
        None, description="JSONL to calibrate on; the training rows if absent. --dataset"
    )
    rows: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Rows to calibrate on, at most; 128 if absent. --quant_n_samples"
    )


class Config(Section):
    """A whole config file, `extends` already followed.

    The section of an engine is a field of a subclass: see `config_with`.
    """

    task: Literal["sft", "pt", "rlhf"] = Field("sft", description="swift's subcommand.")
    model: Model
    tuner: str = Field("lora", description="lora, full, or another tuner of ms-swift. --tuner_type")
    lora: Lora | None = None
    quant: Quant | None = None
    data: Data
    pixels: Pixels = Pixels.model_construct()
    train: Train = Train.model_construct()
    deepspeed: str | None = Field(
        None, description="zero0 … zero3, zero2_offload, zero3_offload or a JSON file. --deepspeed"
    )
    launch: Launch = Launch.model_construct()
    export: Export = Export.model_construct()
    output_dir: str = Field("output", description="Folder that the runs' folders are made in.")
    swift: dict[str, Any] = Field({}, description="Any other argument of ms-swift, by its name.")
    env: dict[str, Any] = Field({}, description="Environment variables of the trainer.")

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
