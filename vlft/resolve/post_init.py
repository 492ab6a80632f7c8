"""What `__post_init__` of ms-swift's argument classes makes of the arguments, as a table.

Read from 4.0.4 to 4.6.0 (swift/arguments/, swift/trainers/arguments.py), which agree in it, with
transformers 5.19 (training_args.py). Of another release only plain values are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.resolve.batch import SWIFT_TARGET_BATCH
from vlft.swift.args import SwiftArgs, UnknownValueError, Value, as_text, parse_mapping
from vlft.swift.dumps import release
from vlft.swift.release import AMBIGUOUS

if TYPE_CHECKING:
    from vlft.probe.collect import Facts
    from vlft.resolve.world import World
    from vlft.swift.release import ModelEntry, Subcommand


@dataclass(frozen=True, slots=True)
class Run:
    """What a computed value follows from; `run["name"]` is another effective value."""

    args: SwiftArgs
    task: Subcommand
    facts: Facts
    world: World
    environ: Mapping[str, str]

    def __getitem__(self, name: str) -> Value:
        return self.args.require(name)

    @property
    def model(self) -> ModelEntry:
        """The registry's entry of the run."""
        entry = self.facts.swift.models().get(str(self["model_type"]))
        if entry is None:
            raise UnknownValueError
        return entry


Fill = Callable[[Run], Value]
Change = Callable[[Run, Value], Value]

_VERIFIED: Final = ((4, 0), (4, 6))
"""First and last release whose `__post_init__` the tables below were read from."""


def after_init(run: Run, name: str, value: Value) -> Value:
    """The value after `__post_init__`.

    Raises:
        UnknownValueError: If only the trainer knows it.
    """
    rlhf = run.task == "rlhf"
    fill = (_RLHF_FILLED.get(name) if rlhf else None) or _FILLED.get(name)
    change = (_RLHF_CHANGED.get(name) if rlhf else None) or _CHANGED.get(name)
    known = _VERIFIED[0] <= release(run.facts.swift.version)[:2] <= _VERIFIED[1]
    if not known and (change is not None or (fill is not None and value is None)):
        raise UnknownValueError(name)
    if name in _FROM_CHECKPOINT and run.args.before("load_args"):
        raise UnknownValueError(name)
    if value is None and fill is not None:
        value = fill(run)
    return value if change is None else change(run, value)


def _unknown(_: Run, *_values: Value) -> Value:
    raise UnknownValueError


def _lazy(run: Run) -> Value:
    """swift/arguments/base_args/base_args.py: _init_lazy_tokenize."""
    eager = ("cached_dataset", "cached_val_dataset", "streaming", "packing", "group_by_length")
    return not any(run[name] for name in eager) and run.model.is_multimodal


def _accumulation(run: Run) -> Value:
    size, world = run["per_device_train_batch_size"], run.world.world_size
    if not isinstance(size, int) or size < 1 or world is None:
        raise UnknownValueError
    return max(1, math.ceil(SWIFT_TARGET_BATCH / size / world))


_FLOAT32_TYPES: Final = frozenset({"molmoe"})
"""model_types that ms-swift loads in float32 whatever their config.json says."""


def _torch_dtype(run: Run) -> Value:
    """swift/model/model_meta.py: get_model_info_meta; without one the GPU decides."""
    checkpoint = run.facts.model.checkpoint
    if run["model_type"] in _FLOAT32_TYPES:
        return "float32"
    names = ("bfloat16", "float16", "float32")
    for key in ("dtype", "torch_dtype") if checkpoint is not None else ():
        name = str(checkpoint.config.get(key)).removeprefix("torch.") if checkpoint else ""
        if name in names:
            return name
    raise UnknownValueError


_TASKS: Final = {
    "bge_reranker": "reranker",
    "modern_bert_gte_reranker": "reranker",
    "jina_reranker_m0": "reranker",
    "monkeyocrv2": "embedding",
    "qwen2_5_prm": "prm",
    **dict.fromkeys(("jev", "clef", "omnijev", "generic_decision"), "decision"),
    **dict.fromkeys(("qwen2_reward", "internlm2_reward"), "seq_cls"),
    **dict.fromkeys(("llama3_2_reward", "gemma_reward"), "seq_cls"),
}
"""model_type → task_type, where it is not causal_lm (swift/model/models/)."""


def _task_type(run: Run) -> Value:
    named = _TASKS.get(str(run["model_type"]))
    return named or ("causal_lm" if run.args.before("num_labels") is None else "seq_cls")


def _num_labels(run: Run) -> Value:
    rewards = run["task_type"] == "seq_cls" and run["model_type"] in _TASKS
    return 1 if run["task_type"] == "reranker" or rewards else None


def _model_type(run: Run) -> Value:
    if run["external_plugins"] and run.args.is_given("external_plugins"):
        raise UnknownValueError  # which may register others
    swift, model = run.facts.swift, run.facts.model
    found = model.checkpoint
    guessed = (
        swift.guess_model_types(model.argument, ())
        if found is None
        else swift.guess_model_types(found.path, found.architectures, found.args)
    )
    if len(guessed) != 1:
        raise UnknownValueError
    return guessed[0]


def _template(run: Run) -> Value:
    model, name = run.facts.model, run["model_type"]
    args = model.checkpoint.args if model.checkpoint else None
    template = run.facts.swift.default_template(str(name), model.argument, args)
    if template is None or template == AMBIGUOUS:
        raise UnknownValueError
    return template


_LENGTHS: Final = (
    *("seq_length", "max_position_embeddings", "n_positions", "model_max_length"),
    *("seq_len", "max_seq_len", "max_sequence_length", "max_seq_length"),
)


def _model_length(run: Run) -> Value:
    """swift/utils/hf_config.py: get_max_model_len, as far as config.json says it."""
    checkpoint = run.facts.model.checkpoint
    config = checkpoint.config if checkpoint is not None else {}
    parts = [config, *(config.get(f"{name}_config") for name in ("language", "llm", "text"))]
    firsts = (
        next((part[key] for part in parts if isinstance(part, dict) and key in part), None)
        for key in _LENGTHS
    )
    found = [length for length in firsts if isinstance(length, int)]
    if not found:
        raise UnknownValueError
    return min(found)


def _optimizer(run: Run) -> Value:
    if run["lorap_lr_ratio"]:
        return "lorap"
    if run["use_galore"]:
        return "galore"
    by_part = run["vit_lr"] is not None or run["aligner_lr"] is not None
    return "multimodal" if by_part else None


def _eval_metric(run: Run) -> Value:
    task = run["task_type"]
    if task == "causal_lm":
        return "nlg" if run["predict_with_generate"] else None
    if task == "embedding":
        return "infonce" if run["loss_type"] == "infonce" else "paired"
    return "reranker" if task in {"reranker", "generative_reranker"} else None


def _asked_strategy(run: Run) -> Value:
    """eval_strategy before it is known whether there is anything to evaluate on."""
    given = run.args.before("eval_strategy")
    return run["save_strategy"] if given is None else given


def _split_ratio(run: Run, value: Value) -> Value:
    """swift/arguments/base_args/data_args.py; sft_args.py: _init_eval_strategy."""
    unused = run["val_dataset"] or run["streaming"] or _asked_strategy(run) == "no"
    return 0.0 if unused else value


def _eval_strategy(run: Run, _: Value) -> Value:
    """swift/arguments/sft_args.py: _init_eval_strategy, __post_init__."""
    sources = ("eval_dataset", "val_dataset", "cached_val_dataset")
    split = run["dataset"] and not run["streaming"] and run.args.before("split_dataset_ratio")
    return _asked_strategy(run) if split or any(run[name] for name in sources) else "no"


def _eval_steps(run: Run, value: Value) -> Value:
    asked = _asked_strategy(run)
    if asked == "no":
        return None
    if asked == "steps" and value is None:
        value = run["save_steps"]
    return value or run["logging_steps"] if run["eval_strategy"] == "steps" else value


def _callbacks(run: Run, value: Value) -> Value:
    """swift/trainers/arguments.py: _init_callbacks."""
    interval, layers = run["early_stop_interval"], run["lisa_activated_layers"]
    added = {
        "lisa": isinstance(layers, int) and layers > 0,
        "adalora": run["tuner_type"] == "adalora",
        "early_stop": isinstance(interval, int) and interval > 0,
        "activation_cpu_offload": bool(_of_fsdp(run).get("activation_cpu_offload")),
    }
    return (*_items(value), *(name for name, is_added in added.items() if is_added))


def _of_fsdp(run: Run) -> Mapping[str, object]:
    """`fsdp_config` of the preset or file that `fsdp` names; empty without FSDP."""
    if not run["fsdp"]:
        return {}
    if run["fsdp"] == "fsdp2":
        return {"activation_checkpointing": True}  # swift/config/fsdp2.json, what is asked here
    whole = run.args.mapping("fsdp")
    found = None if whole is None else whole.get("fsdp_config", {})
    if not isinstance(found, Mapping):
        raise UnknownValueError
    return found


def _reports(run: Run, value: Value) -> Value:
    if value == ("all",) or "KUBEFLOW_TRAINER_SERVER_URL" in run.environ:
        raise UnknownValueError
    return () if value == ("none",) else value


def _parts_of_full(run: Run, value: Value) -> Value:
    """Full training of a multimodal model adds the module names of its parts."""
    if run["tuner_type"] == "full" and run.model.is_multimodal:
        raise UnknownValueError
    return value


_HYBRID: Final = frozenset(
    {"qwen3", "qwen3_5", "qwen3_8", "qwen3_5_emb", "deepseek_v3_1", "deepseek_v4"}
    | {"deepseek_v41", "deepseek_v4_flash", "gemma4", "diffusion_gemma", "glm4_5", "glm4_7"}
    | {"glm5_1", "glm5_2", "glm5_3", "glm4_5v", "glm5_next", "xing4_0", "hunyuan"}
    | {"hy_v3_preview", "hy_v3", "ling3", "youtu_llm", "minicpmv4_5", "minicpmo4_5"}
    | {"minicpmv4_6", "minicpmv4_7", "minicpm5", "minicpm5_2b", "minimax_m3_vl", "kimi_k25"}
    | {"kimi_k3", "spark2_5"}
)
"""Templates that think or not, as asked (swift/template/: is_thinking, non_thinking_prefix)."""


def _loss_scale(run: Run, value: Value) -> Value:
    """swift/arguments/base_args/template_args.py: _set_loss_scale; since 4.1."""
    text, template = as_text(value), str(run["template"])
    if template not in run.facts.swift.templates:
        raise UnknownValueError
    appends = "disable_ignore_empty_think" in run.facts.swift.arguments["sft"]
    if not appends or run["disable_ignore_empty_think"] or template not in _HYBRID:
        return value
    return text + "+ignore_empty_think" if text and "ignore_empty_think" not in text else value


def _system(_: Run, value: Value) -> Value:
    """The content of a file is not known here."""
    if not isinstance(value, str):
        return value
    if value.endswith(".txt"):
        raise UnknownValueError
    return value.replace("\\n", "\n")


def _tokens(_: Run, value: Value) -> Value:
    if any(str(token).endswith(".txt") for token in _items(value)):
        raise UnknownValueError
    return value


def _resumed(run: Run, value: Value, *, full: bool) -> Value:
    """`resume_only_model` loads the checkpoint in place of the model, or as the adapter."""
    folder = run["resume_from_checkpoint"]
    if folder and run["resume_only_model"] and (run["tuner_type"] == "full") is full:
        return folder if full else (as_text(folder),)
    return value


def _rope(run: Run, value: Value) -> Value:
    """swift/arguments/base_args/model_args.py: _init_rope_scaling reads the model's."""
    if value or run.args.before("max_model_len") is not None:
        raise UnknownValueError
    return value


def _json(_: Run, value: Value) -> Value:
    """Text that `json.loads` reads."""
    return value if not isinstance(value, str) else parse_mapping(value) or value


def _either(first: Value, second: Value) -> Value:
    return first or second


def _items(value: Value) -> tuple[bool | int | float | str, ...]:
    return value if isinstance(value, tuple) else ()


def _switch(_: Run, value: Value) -> Value:
    if as_text(value).lower() in {"true", "false"}:  # init_weights
        return as_text(value).lower() == "true"
    return value


_FILLED: Final[dict[str, Fill]] = {
    "accelerator_config": lambda _: {"dispatch_batches": False},
    "bf16": lambda run: run["torch_dtype"] == "bfloat16",
    "bnb_4bit_compute_dtype": lambda run: (
        "bfloat16" if run["torch_dtype"] == "bfloat16" else "float32"
    ),
    "columns": lambda _: {},
    "dataloader_num_workers": lambda _: 1,
    "dataloader_prefetch_factor": lambda run: 2 if run["dataloader_num_workers"] else None,
    "disable_tqdm": _unknown,
    "debug": lambda _: (),
    "eval_dataset_args": lambda run: {} if run["eval_use_evalscope"] else None,
    "eval_generation_config": lambda run: {} if run["eval_use_evalscope"] else None,
    "eval_metric": _eval_metric,
    "extra_eval_args": lambda run: {} if run["eval_use_evalscope"] else None,
    "fp16": lambda run: run["torch_dtype"] != "bfloat16",
    "gradient_accumulation_steps": _accumulation,
    "greater_is_better": lambda run: "loss" not in as_text(run["metric_for_best_model"]),
    "lazy_tokenize": _lazy,
    "learning_rate": lambda run: 1e-5 if run["tuner_type"] == "full" else 1e-4,
    "logging_dir": _unknown,
    "max_length": _model_length,
    "max_memory": lambda _: {},
    "metric_for_best_model": lambda run: "rouge-l" if run["predict_with_generate"] else "loss",
    "model_kwargs": lambda _: {},
    "model_type": _model_type,
    "num_labels": _num_labels,
    "optimizer": _optimizer,
    "output_dir": _unknown,
    "packing_length": lambda run: run["max_length"] if run["packing"] else None,
    "run_name": _unknown,
    "stream": lambda _: False,
    "swanlab_exp_name": lambda run: (
        _unknown(run) if "swanlab" in run.args.texts("report_to") else None
    ),
    "task_type": _task_type,
    "template": _template,
    "torch_compile_backend": lambda run: "inductor" if run["torch_compile"] else None,
    "torch_dtype": _torch_dtype,
    "truncation_strategy": lambda _: "delete",
    "use_chat_template": lambda _: True,
    "vit_gradient_checkpointing": lambda run: run.args.before("gradient_checkpointing"),
}
"""Argument → what it becomes where it is None."""

_CHANGED: Final[dict[str, Change]] = {
    "adapters": lambda run, value: _resumed(run, value, full=False),
    "callbacks": _callbacks,
    "dataloader_persistent_workers": lambda run, value: bool(
        value and run["dataloader_num_workers"]
    ),
    "dataloader_pin_memory": lambda run, value: bool(value and not run["use_cpu"]),
    "device_groups": _json,
    "do_eval": lambda run, value: bool(value or run["eval_strategy"] != "no"),
    "eval_steps": _eval_steps,
    "eval_strategy": _eval_strategy,
    "external_plugins": lambda run, value: _items(value) + _items(run["custom_register_path"]),
    "freeze_parameters": _parts_of_full,
    "fsdp": lambda _, value: value or None,
    "fsdp_config": lambda run, value: _unknown(run) if run["fsdp"] else value,
    "gradient_checkpointing": lambda run, value: bool(
        value and not _of_fsdp(run).get("activation_checkpointing")
    ),
    "include_num_input_tokens_seen": lambda _, value: "all" if value is True else "no",
    "init_weights": _switch,
    "local_rank": _unknown,
    "loss_scale": _loss_scale,
    "max_model_len": lambda run, value: _unknown(run) if run.args.before("rope_scaling") else value,
    "model": lambda run, value: _resumed(run, value, full=True),
    "new_special_tokens": _tokens,
    "padding_free": lambda run, value: bool(value or run["packing"]),
    "quant_bits": lambda _, value: int(as_text(value)) if as_text(value).isdecimal() else value,
    "report_to": _reports,
    "response_prefix": lambda _, value: (
        value if value is None else as_text(value).replace("\\n", "\n")
    ),
    "rope_scaling": _rope,
    "split_dataset_ratio": _split_ratio,
    "system": _system,
    "target_modules": lambda run, value: (
        (as_text(run["target_regex"]),) if run["target_regex"] else value
    ),
    "torch_compile": lambda run, value: bool(
        value or run["torch_compile_mode"] or run.args.before("torch_compile_backend")
    ),
    "trainable_parameters": _parts_of_full,
    "warmup_steps": lambda run, value: _either(run["warmup_ratio"], value),
}
"""Argument → what it becomes, written or not."""

_RLHF_FILLED: Final[dict[str, Fill]] = {}
_RLHF_CHANGED: Final[dict[str, Change]] = {}

_FROM_CHECKPOINT: Final = frozenset(
    {"tuner_type", "task_type", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant"}
    | {"external_plugins", "model", "model_type", "model_revision", "torch_dtype", "attn_impl"}
    | {"experts_impl", "new_special_tokens", "num_labels", "problem_type", "rope_scaling"}
    | {"max_model_len", "quant_method", "quant_bits", "hqq_axis", "bnb_4bit_compute_dtype"}
    | {"template", "system", "truncation_strategy", "agent_template", "norm_bbox"}
    | {"use_chat_template", "response_prefix"}
)
"""Arguments that `load_args` takes from a checkpoint's args.json."""
