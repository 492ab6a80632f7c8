"""What `__post_init__` of ms-swift's argument classes makes of the arguments, as a table.

Sources: swift/arguments/ and swift/trainers/arguments.py of 4.6.0, compared with 4.0.4 to 4.5.2
and with swift/llm/argument/ of 3.12.6; transformers/training_args.py of 5.19. Of another release
only values that no `__post_init__` touches are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.probe.hardware import BFLOAT16
from vlft.swift.args import SwiftArgs, UnknownValueError, Value, as_text
from vlft.swift.release import AMBIGUOUS
from vlft.swift.versions import release

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint
    from vlft.probe.collect import Facts
    from vlft.resolve.model import ModelSpec
    from vlft.swift.release import ModelEntry, Subcommand


@dataclass(frozen=True, slots=True)
class Run:
    """What a computed value follows from; `run["name"]` is another effective value."""

    args: SwiftArgs
    task: Subcommand
    facts: Facts
    spec: ModelSpec
    environ: Mapping[str, str]

    def __getitem__(self, name: str) -> Value:
        return self.args.require(name)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The model's folder; None for a hub id.

        Raises:
            UnknownValueError: If the run starts from another one: `resume_only_model`.
        """
        if self["model"] != self.facts.model.argument:
            raise UnknownValueError
        return self.facts.model.checkpoint

    @property
    def model(self) -> ModelEntry:
        """The registry's entry of the run."""
        entry = self.facts.swift.models().get(str(self["model_type"]))
        if entry is None:
            raise UnknownValueError
        return entry


Fill = Callable[[Run], Value]
Change = Callable[[Run, Value], Value]

_READ: Final = ((3, 12), (4, 6))
"""First and last release of which the tables below hold."""

_RLHF_SINCE: Final = (4, 5)
"""First release of which the tables of `swift rlhf` hold."""

_SINCE_4: Final = frozenset(
    {"callbacks", "dataloader_persistent_workers", "eval_metric", "external_plugins"}
    | {"padding_side", "template"}
)
"""Arguments that 3.12 treats otherwise."""


def after_init(run: Run, name: str, value: Value) -> Value:
    """The value after `__post_init__`.

    Raises:
        UnknownValueError: If only the trainer knows it.
    """
    version = release(run.facts.swift.version)[:2]
    fill, change = _FILLED.get(name), _CHANGED.get(name)
    holds = _READ[0] <= version <= _READ[1] and (version >= (4, 0) or name not in _SINCE_4)
    if run.task == "rlhf" and (name in _RLHF_FILLED or name in _RLHF_CHANGED):
        fill, change = _RLHF_FILLED.get(name, fill), _RLHF_CHANGED.get(name, change)
        holds = holds and version >= _RLHF_SINCE
    if not holds and (change is not None or (fill is not None and value is None)):
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


FLOAT32_TYPES: Final = frozenset({"molmoe"})
"""model_types that ms-swift loads in float32 whatever their config.json says."""


def _torch_dtype(run: Run) -> Value:
    """The top level of config.json decides, else the GPU (swift/model/utils.py).

    A type in `text_config` alone does not count.
    """
    if run["model_type"] in FLOAT32_TYPES:
        return "float32"
    config = run.checkpoint.config if run.checkpoint is not None else None
    named = [config[key] for key in ("dtype", "torch_dtype") if config and key in config]
    if named:
        name = str(named[0]).removeprefix("torch.")
        if name in {"bfloat16", "float16", "float32"}:
            return name
    elif config is not None and "quantization_config" not in config and _all_have_bfloat16(run):
        return "bfloat16"
    raise UnknownValueError


def _all_have_bfloat16(run: Run) -> bool:
    gpus = run.facts.hardware.gpus if run.facts.hardware is not None else ()
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


def _task_type(run: Run) -> Value:
    named = TASKS.get(str(run["model_type"]))
    return named or ("causal_lm" if run.args.before("num_labels") is None else "seq_cls")


def _num_labels(run: Run) -> Value:
    rewards = run["task_type"] == "seq_cls" and run["model_type"] in TASKS
    return 1 if run["task_type"] == "reranker" or rewards else None


def _model_type(run: Run) -> Value:
    guessed = run.spec.guessed_types
    if has_plugins(run.args) or run["model"] != run.spec.argument or len(guessed) != 1:
        raise UnknownValueError
    return guessed[0]


def has_plugins(args: SwiftArgs) -> bool:
    """Whether the user's own code may register what the installed ms-swift lacks."""
    return any(map(args.given_texts, ("external_plugins", "custom_register_path")))


def _template(run: Run) -> Value:
    checkpoint, folder = run.checkpoint, run.facts.model.argument
    args = checkpoint.args if checkpoint else None
    template = run.facts.swift.default_template(str(run["model_type"]), folder, args)
    if template is None or template == AMBIGUOUS:
        raise UnknownValueError
    return template


_LENGTHS: Final = (
    *("seq_length", "max_position_embeddings", "n_positions", "model_max_length"),
    *("seq_len", "max_seq_len", "max_sequence_length", "max_seq_length"),
)


def _model_length(run: Run) -> Value:
    """swift/utils/hf_config.py: get_max_model_len, as far as config.json says it."""
    checkpoint = run.checkpoint
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


HYBRID_TEMPLATES: Final = frozenset(
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
    if not appends or run["disable_ignore_empty_think"] or template not in HYBRID_TEMPLATES:
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
    "dataloader_num_workers": lambda _: 1,
    "dataloader_prefetch_factor": lambda run: 2 if run["dataloader_num_workers"] else None,
    "disable_tqdm": _unknown,
    "debug": lambda _: (),
    "eval_metric": _eval_metric,
    "fp16": lambda run: run["torch_dtype"] != "bfloat16",
    "gradient_accumulation_steps": _unknown,  # vlft writes it wherever it knows the processes
    "greater_is_better": lambda run: "loss" not in as_text(run["metric_for_best_model"]),
    "lazy_tokenize": _lazy,
    "learning_rate": lambda run: 1e-5 if run["tuner_type"] == "full" else 1e-4,
    "logging_dir": _unknown,
    "max_length": _model_length,
    "metric_for_best_model": lambda run: "rouge-l" if run["predict_with_generate"] else "loss",
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


def _is(*methods: str) -> Callable[[Run], bool]:
    return lambda run: run["rlhf_type"] in methods


def _beta(run: Run) -> Value:
    method = run.args.before("rlhf_type")
    return {"simpo": 2.0, "grpo": 0.04, "gkd": 0.5}.get(as_text(method), 0.1)


def _loss_type(run: Run) -> Value:
    named = {"simpo": "simpo", "dpo": "sigmoid", "cpo": "sigmoid", "kto": "kto", "grpo": "grpo"}
    name = named.get(as_text(run.args.before("rlhf_type")))
    return None if name is None else (name,)


def _alphapo(run: Run) -> bool:
    return run["rlhf_type"] == "cpo" and run.args.before("loss_type") == ("alphapo",)


def _rlhf_scale(run: Run) -> Value:
    method = run["rlhf_type"]
    several = method in {"grpo", "gkd"} and run["multi_turn_scheduler"]
    text_only = method == "orpo" and not run.model.is_multimodal
    return "default" if several or text_only else "last_round"


def _scale_rewards(run: Run, value: Value) -> Value:
    if run["rlhf_type"] != "grpo":
        return value
    if run["loss_type"] == ("real",):
        return "none"
    groups = {"grpo": "group", "rloo": "none", "reinforce_plus_plus": "batch"}
    return groups.get(as_text(run["advantage_estimator"])) if value is None else value


def _completion(run: Run, _: Value) -> Value:
    names = ("response_length", "max_new_tokens", "max_completion_length")
    return next((length for name in names if (length := run.args.before(name))), None)


def _reference(name: str) -> Change:
    """The model itself is the reference of full training."""

    def change(run: Run, value: Value) -> Value:
        if run["rlhf_type"] == "grpo" and run["beta"] == 0:
            return None if name == "model" else value
        is_full = run["rlhf_type"] in {"dpo", "kto", "ppo", "grpo"} and run["tuner_type"] == "full"
        return _either(value, run[name]) if is_full else value

    return change


def _own_teacher(run: Run, value: Value) -> Value:
    disabled = value == run["model"] and run["tuner_type"] == "lora" and not run["teacher_adapters"]
    return None if disabled and run["rlhf_type"] in {"grpo", "gkd"} else value


def _rollout(run: Run) -> Value:
    return _unknown(run) if run["rlhf_type"] in {"grpo", "gkd"} else None


def _awake(run: Run, value: Value) -> Value:
    awake = run["async_generate"] or not run["use_vllm"] or run["vllm_mode"] == "server"
    return 0 if run["rlhf_type"] == "grpo" and awake else value


_RLHF_FILLED: Final[dict[str, Fill]] = {
    "beta": _beta,
    "cosine_max_len": lambda run: run["max_completion_length"] if _is("grpo")(run) else None,
    "generation_batch_size": _rollout,
    "gradient_accumulation_steps": lambda run: 1 if _is("grpo")(run) else _unknown(run),
    "kl_in_reward": lambda run: run["advantage_estimator"] != "grpo" if _is("grpo")(run) else None,
    "loss_scale": _rlhf_scale,
    "loss_type": _loss_type,
    "metric_for_best_model": lambda run: (
        "reward" if _is("grpo")(run) else _FILLED["metric_for_best_model"](run)
    ),
    "num_labels": lambda run: 1 if _is("rm")(run) else _num_labels(run),
    "soft_max_length": lambda run: (
        run.args.before("max_completion_length")
        if _is("grpo")(run) and "soft_overlong" in _items(run["reward_funcs"])
        else None
    ),
    "steps_per_generation": _rollout,
    "truncation_strategy": lambda run: "left" if _is("grpo")(run) else "delete",
    "use_gym_env": lambda run: True if run["gym_env"] is not None else None,
}
"""What `swift rlhf` fills in otherwise (swift/arguments/rlhf_args.py, rlhf_trainers/)."""

_RLHF_CHANGED: Final[dict[str, Change]] = {
    "cpo_alpha": lambda run, value: 0.0 if _alphapo(run) else value,
    "dataloader_drop_last": lambda run, value: bool(value or _is("grpo")(run)),
    "greater_is_better": lambda run, value: None if _is("ppo")(run) else value,
    "loss_type": lambda run, value: ("simpo",) if _alphapo(run) else value,
    "max_completion_length": _completion,
    "max_new_tokens": _completion,
    "metric_for_best_model": lambda run, value: None if _is("ppo")(run) else value,
    "padding_side": lambda run, value: "left" if _is("ppo", "gkd")(run) else value,
    "ref_model": _reference("model"),
    "ref_model_revision": _reference("model_revision"),
    "ref_model_type": _reference("model_type"),
    "remove_unused_columns": lambda run, value: bool(value and not _is("grpo")(run)),
    "response_length": _completion,
    "rlhf_type": lambda _, value: "cpo" if value == "simpo" else value,
    "scale_rewards": _scale_rewards,
    "sleep_level": _awake,
    "task_type": lambda run, value: "seq_cls" if _is("rm")(run) else value,
    "teacher_model": _own_teacher,
    "vllm_tensor_parallel_size": lambda run, value: (
        1 if _is("grpo", "gkd")(run) and not run["use_vllm"] else value
    ),
}
"""What `swift rlhf` changes otherwise."""

_FROM_CHECKPOINT: Final = frozenset(
    {"tuner_type", "task_type", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant"}
    | {"external_plugins", "model", "model_type", "model_revision", "torch_dtype", "attn_impl"}
    | {"experts_impl", "new_special_tokens", "num_labels", "problem_type", "rope_scaling"}
    | {"max_model_len", "quant_method", "quant_bits", "hqq_axis", "bnb_4bit_compute_dtype"}
    | {"template", "system", "truncation_strategy", "agent_template", "norm_bbox"}
    | {"use_chat_template", "response_prefix"}
)
"""Arguments that `load_args` takes from a checkpoint's args.json."""
