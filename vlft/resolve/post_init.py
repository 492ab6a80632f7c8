"""What `__post_init__` of ms-swift's argument classes makes of the arguments, as a table.

Sources: swift/arguments/ and swift/trainers/arguments.py of 4.6.0, compared with 4.0.4 to 4.5.2
and with swift/llm/argument/ of 3.12.6; transformers/training_args.py of 5.19. Of another release
only values that no `__post_init__` touches are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from vlft.probe.hardware import BFLOAT16
from vlft.resolve.args import SwiftArgs, UnknownValueError, Value, as_text
from vlft.swift.release import AMBIGUOUS
from vlft.swift.versions import release

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint

Fill = Callable[[SwiftArgs], Value]
Change = Callable[[SwiftArgs, Value], Value]

_READ: Final = ((3, 12), (4, 6))
"""First and last release of which the tables below hold."""

_RLHF_SINCE: Final = (4, 5)
"""First release of which the tables of `swift rlhf` hold."""


def after_init(args: SwiftArgs, name: str, value: Value) -> Value:
    """The value after `__post_init__`.

    Raises:
        UnknownValueError: If only the trainer knows it.
    """
    if name not in _TOUCHED:
        return value
    version = release(args.facts.swift.version)[:2]
    fill, change = _FILLED.get(name), _CHANGED.get(name)
    holds = _READ[0] <= version <= _READ[1] and (version >= (4, 0) or name != "template")
    if args.task == "rlhf" and (name in _RLHF_FILLED or name in _RLHF_CHANGED):
        fill, change = _RLHF_FILLED.get(name, fill), _RLHF_CHANGED.get(name, change)
        holds = holds and version >= _RLHF_SINCE
    if not holds and (change is not None or (fill is not None and value is None)):
        raise UnknownValueError(name)
    if name in UNREAD or (name in _FROM_CHECKPOINT and args.before("load_args")):
        raise UnknownValueError(name)
    if value is None and fill is not None:
        value = fill(args)
    return value if change is None else change(args, value)


def _checkpoint(args: SwiftArgs) -> Checkpoint | None:
    """The model's folder; None for a hub id.

    Raises:
        UnknownValueError: If the run starts from another one: `resume_only_model`.
    """
    if args["model"] != args.facts.model.argument:
        raise UnknownValueError
    return args.facts.model.checkpoint


def _is_multimodal(args: SwiftArgs) -> bool:
    """What the registry says of the run's model.

    Raises:
        UnknownValueError: If it is not there.
    """
    entry = args.facts.swift.models().get(str(args["model_type"]))
    if entry is None:
        raise UnknownValueError
    return entry.is_multimodal


def _lazy(args: SwiftArgs) -> Value:
    """swift/arguments/base_args/base_args.py: _init_lazy_tokenize."""
    eager = ("cached_dataset", "cached_val_dataset", "streaming", "packing", "group_by_length")
    return not any(args[name] for name in eager) and _is_multimodal(args)


FLOAT32_TYPES: Final = frozenset({"molmoe"})
"""model_types that ms-swift loads in float32 whatever their config.json says."""


def _torch_dtype(args: SwiftArgs) -> Value:
    """The top level of config.json decides, else the GPU (swift/model/utils.py).

    A type in `text_config` alone does not count.
    """
    if args["model_type"] in FLOAT32_TYPES:
        return "float32"
    checkpoint = _checkpoint(args)
    if checkpoint is None:
        raise UnknownValueError
    config = checkpoint.config
    keys = [key for key in ("dtype", "torch_dtype") if key in config]
    if keys:
        name = str(config[keys[0]]).removeprefix("torch.")
        if name in {"bfloat16", "float16", "float32"}:
            return name
    elif "quantization_config" not in config and _all_have_bfloat16(args):
        return "bfloat16"
    raise UnknownValueError


def _all_have_bfloat16(args: SwiftArgs) -> bool:
    gpus = args.facts.hardware.gpus if args.facts.hardware is not None else ()
    capabilities = [gpu.capability for gpu in gpus]
    return bool(gpus) and all(found is not None and found >= BFLOAT16 for found in capabilities)


TASKS: Final = {
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


def _task_type(args: SwiftArgs) -> Value:
    named = TASKS.get(str(args["model_type"]))
    return named or ("causal_lm" if args.before("num_labels") is None else "seq_cls")


def _model_type(args: SwiftArgs) -> Value:
    guessed = args.model.guessed_types
    if has_plugins(args) or args["model"] != args.model.argument or len(guessed) != 1:
        raise UnknownValueError
    return guessed[0]


def has_plugins(args: SwiftArgs) -> bool:
    """Whether the user's own code may register what the installed ms-swift lacks."""
    return any(map(args.given_texts, ("external_plugins", "custom_register_path")))


def _template(args: SwiftArgs) -> Value:
    checkpoint, folder = _checkpoint(args), args.facts.model.argument
    recorded = checkpoint.args if checkpoint else None
    template = args.facts.swift.default_template(str(args["model_type"]), folder, recorded)
    if template is None or template == AMBIGUOUS:
        raise UnknownValueError
    return template


_LENGTHS: Final = (
    "seq_length", "max_position_embeddings", "n_positions", "model_max_length", "seq_len",
    "max_seq_len", "max_sequence_length", "max_seq_length",
)  # fmt: skip


def _model_length(args: SwiftArgs) -> Value:
    """swift/utils/hf_config.py: get_max_model_len, as far as config.json says it."""
    checkpoint = _checkpoint(args)
    config = checkpoint.config if checkpoint is not None else {}
    parts = [config, *(config.get(f"{name}_config") for name in ("language", "llm", "text"))]
    found: set[int] = set()
    for key in _LENGTHS:
        values = [part[key] for part in parts if isinstance(part, dict) and key in part]
        if len(set(map(str, values))) > 1:
            raise UnknownValueError  # the class of the config decides which one counts
        found.update(value for value in values[:1] if isinstance(value, int))
    if not found:
        raise UnknownValueError
    return min(found)


def _asked_strategy(args: SwiftArgs) -> Value:
    """eval_strategy before it is known whether there is anything to evaluate on."""
    given = args.before("eval_strategy")
    return args["save_strategy"] if given is None else given


def _split_ratio(args: SwiftArgs, value: Value) -> Value:
    """swift/arguments/base_args/data_args.py; sft_args.py: _init_eval_strategy."""
    unused = args["val_dataset"] or args["streaming"] or _asked_strategy(args) == "no"
    return 0.0 if unused else value


def _eval_strategy(args: SwiftArgs, _: Value) -> Value:
    """swift/arguments/sft_args.py: _init_eval_strategy, __post_init__."""
    sources = ("eval_dataset", "val_dataset", "cached_val_dataset")
    split = args["dataset"] and not args["streaming"] and args.before("split_dataset_ratio")
    return _asked_strategy(args) if split or any(args[name] for name in sources) else "no"


def _eval_steps(args: SwiftArgs, value: Value) -> Value:
    asked = _asked_strategy(args)
    if asked == "no":
        return None
    if asked == "steps" and value is None:
        value = args["save_steps"]
    return value or args["logging_steps"] if args["eval_strategy"] == "steps" else value


def _gradient_checkpointing(args: SwiftArgs, value: Value) -> Value:
    """FSDP checkpoints by itself where its preset (swift/config/fsdp2.json) or file says so."""
    if args["fsdp"] == "fsdp2":
        return False
    whole = args.mapping("fsdp")
    found = None if whole is None else whole.get("fsdp_config", {})
    if not isinstance(found, Mapping):
        raise UnknownValueError
    return bool(value and not found.get("activation_checkpointing"))


HYBRID_TEMPLATES: Final = frozenset({
    "qwen3", "qwen3_5", "qwen3_8", "qwen3_5_emb", "deepseek_v3_1", "deepseek_v4", "deepseek_v41",
    "deepseek_v4_flash", "gemma4", "diffusion_gemma", "glm4_5", "glm4_7", "glm5_1", "glm5_2",
    "glm5_3", "glm4_5v", "glm5_next", "xing4_0", "hunyuan", "hy_v3_preview", "hy_v3", "ling3",
    "youtu_llm", "minicpmv4_5", "minicpmo4_5", "minicpmv4_6", "minicpmv4_7", "minicpm5",
    "minicpm5_2b", "minimax_m3_vl", "kimi_k25", "kimi_k3", "spark2_5",
})  # fmt: skip
"""Templates that think or not, as asked (swift/template/: is_thinking, non_thinking_prefix)."""


def _loss_scale(args: SwiftArgs, value: Value) -> Value:
    """swift/arguments/base_args/template_args.py: _set_loss_scale; since 4.1."""
    text, template = as_text(value), str(args["template"])
    if template not in args.facts.swift.templates:
        raise UnknownValueError
    appends = "disable_ignore_empty_think" in args.facts.swift.arguments["sft"]
    if not appends or args["disable_ignore_empty_think"] or template not in HYBRID_TEMPLATES:
        return value
    return text + "+ignore_empty_think" if text and "ignore_empty_think" not in text else value


def _system(_: SwiftArgs, value: Value) -> Value:
    """The content of a file is not known here."""
    if not isinstance(value, str):
        return value
    if value.endswith(".txt"):
        raise UnknownValueError
    return value.replace("\\n", "\n")


def _tokens(_: SwiftArgs, value: Value) -> Value:
    if isinstance(value, tuple) and any(str(token).endswith(".txt") for token in value):
        raise UnknownValueError
    return value


def _model(args: SwiftArgs, value: Value) -> Value:
    """`resume_only_model` loads the checkpoint of full training in place of the model."""
    folder = args["resume_from_checkpoint"]
    replaced = folder and args["resume_only_model"] and args["tuner_type"] == "full"
    return folder if replaced else value


_FILLED: Final[dict[str, Fill]] = {
    "bf16": lambda args: args["torch_dtype"] == "bfloat16",
    "dataloader_num_workers": lambda _: 1,
    "fp16": lambda args: args["torch_dtype"] != "bfloat16",
    "lazy_tokenize": _lazy,
    "max_length": _model_length,
    "model_type": _model_type,
    "packing_length": lambda args: args["max_length"] if args["packing"] else None,
    "task_type": _task_type,
    "template": _template,
    "torch_dtype": _torch_dtype,
    "truncation_strategy": lambda _: "delete",
    "use_chat_template": lambda _: True,
    "vit_gradient_checkpointing": lambda args: args.before("gradient_checkpointing"),
}
"""Argument → what it becomes where it is None."""

_CHANGED: Final[dict[str, Change]] = {
    "eval_steps": _eval_steps,
    "eval_strategy": _eval_strategy,
    "fsdp": lambda _, value: value or None,
    "gradient_checkpointing": _gradient_checkpointing,
    "loss_scale": _loss_scale,
    "model": _model,
    "new_special_tokens": _tokens,
    "padding_free": lambda args, value: bool(value or args["packing"]),
    "quant_bits": lambda _, value: int(as_text(value)) if as_text(value).isdecimal() else value,
    "split_dataset_ratio": _split_ratio,
    "system": _system,
    "warmup_steps": lambda args, value: args["warmup_ratio"] or value,
}
"""Argument → what it becomes, written or not."""


def _rlhf_scale(args: SwiftArgs) -> Value:
    method = args["rlhf_type"]
    several = method in {"grpo", "gkd"} and args["multi_turn_scheduler"]
    text_only = method == "orpo" and not _is_multimodal(args)
    return "default" if several or text_only else "last_round"


_RLHF_FILLED: Final[dict[str, Fill]] = {
    "loss_scale": _rlhf_scale,
    "truncation_strategy": lambda args: "left" if args["rlhf_type"] == "grpo" else "delete",
}
"""What `swift rlhf` fills in otherwise (swift/arguments/rlhf_args.py)."""

_RLHF_CHANGED: Final[dict[str, Change]] = {
    "dataloader_drop_last": lambda args, value: bool(value or args["rlhf_type"] == "grpo"),
    "rlhf_type": lambda _, value: "cpo" if value == "simpo" else value,
    "task_type": lambda args, value: "seq_cls" if args["rlhf_type"] == "rm" else value,
}
"""What `swift rlhf` changes otherwise."""

UNREAD: Final = frozenset({
    "accelerator_config", "adapters", "beta", "bnb_4bit_compute_dtype", "callbacks", "cpo_alpha",
    "cosine_max_len", "dataloader_persistent_workers", "dataloader_pin_memory", "debug",
    "dataloader_prefetch_factor", "disable_tqdm", "do_eval", "eval_metric", "external_plugins",
    "freeze_parameters", "fsdp_config", "generation_batch_size", "greater_is_better",
    "gradient_accumulation_steps", "include_num_input_tokens_seen", "init_weights",
    "kl_in_reward", "learning_rate", "local_rank", "logging_dir", "loss_type", "max_model_len",
    "max_completion_length", "max_new_tokens", "metric_for_best_model", "num_labels", "optimizer",
    "output_dir", "padding_side", "ref_model", "ref_model_revision", "ref_model_type",
    "remove_unused_columns", "report_to", "response_length", "rope_scaling", "response_prefix",
    "run_name", "scale_rewards", "sleep_level", "soft_max_length", "steps_per_generation",
    "stream", "swanlab_exp_name", "target_modules", "teacher_model", "torch_compile",
    "torch_compile_backend", "trainable_parameters", "use_gym_env", "vllm_tensor_parallel_size",
})  # fmt: skip
"""Arguments that `__post_init__` changes and whose outcome nothing in vlft reads: unknown."""

_FROM_CHECKPOINT: Final = frozenset({
    "tuner_type", "task_type", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant", "model",
    "model_type", "model_revision", "torch_dtype", "attn_impl", "experts_impl",
    "new_special_tokens", "problem_type", "quant_method", "quant_bits", "hqq_axis", "template",
    "system", "truncation_strategy", "agent_template", "norm_bbox", "use_chat_template",
})  # fmt: skip
"""Arguments that `load_args` takes from a checkpoint's args.json."""

_TOUCHED: Final = UNREAD.union(_FROM_CHECKPOINT, _FILLED, _CHANGED, _RLHF_FILLED, _RLHF_CHANGED)
"""Arguments that are not always as they were parsed."""
