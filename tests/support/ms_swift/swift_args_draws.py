"""Configs whose arguments ms-swift accepts, drawn over many arguments and spellings."""

from __future__ import annotations

from typing import Any

from config.strategies import free_arguments
from hypothesis import strategies as st

from vlft.swift.release import Argument

TRUE = [True, "true", "True", "TRUE", "yes", "t", "Y", 1, "1"]
FALSE = [False, "false", "False", "no", "f", "N", 0, "0"]
FLASH = ["flash_attn", "flash_attention_2"]

# What needs a network, a file, a package, a GPU or a partner, or leaves the process; the partners
# are drawn together below.
_NOT_ALONE = frozenset(
    {"acc_strategy", "adapters", "attn_impl", "cached_dataset", "cached_val_dataset", "callbacks"}
    | {"columns", "custom_dataset_info", "custom_register_path", "dataloader_num_workers"}
    | {"dataloader_persistent_workers", "dataloader_prefetch_factor", "ddp_backend", "debug"}
    | {"deepspeed_autotp_size", "device_groups", "device_map", "eval_dataset", "eval_metric"}
    | {"eval_strategy", "eval_use_evalscope", "external_plugins", "fp16", "bf16", "fsdp"}
    | {"fsdp_config", "generation_config", "group_by_length", "hub_token", "ignore_args_error"}
    | {"lazy_tokenize", "load_args", "load_best_model_at_end", "local_rank", "logging_dir"}
    | {"logging_strategy", "lr_scheduler_type", "max_memory", "mrl_dims", "new_special_tokens"}
    | {"num_labels", "optim", "packing", "padding_free", "predict_with_generate", "problem_type"}
    | {"bf16_full_eval", "fp16_full_eval", "push_to_hub", "quant_method", "ray_exp_name"}
    | {"report_to", "rope_scaling", "max_model_len", "save_strategy", "streaming", "system"}
    | {"task_type", "template", "tf32", "torch_compile", "torch_compile_backend", "tuner_backend"}
    | {"torch_compile_mode", "use_galore", "use_liger_kernel", "use_ray", "warmup_ratio"}
    | {"warmup_steps", "zero_hpz_partition_size", "accelerator_config", "swanlab_token"}
    | {"eval_accumulation_steps", "log_level", "log_level_replica", "use_hf", "full_determinism"}
    | {"init_weights", "resume_only_model", "split_dataset_ratio", "load_data_args", "use_cache"}
    | {"enable_npu_model_patch", "parallelism_config", "liger_kernel_config", "truncation_strategy"}
)


def spelled(value: bool) -> st.SearchStrategy[Any]:
    """A truth value in one of the forms that HfArgumentParser reads."""
    return st.sampled_from(TRUE if value else FALSE)


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Each of these or not."""
    return st.fixed_dictionaries({}, optional=values)


def _plain(argument: Argument) -> st.SearchStrategy[Any]:
    if argument.choices is not None:
        one: st.SearchStrategy[Any] = st.sampled_from(argument.choices)
    elif argument.type == "bool":
        one = st.booleans().flatmap(spelled)
    elif argument.type == "int":
        one = st.one_of(st.integers(1, 64), st.integers(1, 64).map(str))
    elif argument.type == "float":
        one = st.sampled_from([0.5, 1, "1e-3", 2.5e-4, "0.25"])
    elif argument.type == "json":
        one = st.sampled_from([{"a": 1}, '{"a": 1}', {"b": {"c": [1, "x"]}}])
    else:
        one = st.sampled_from(["text", "a b", "true", "7", "ä"])
    return st.lists(one, min_size=1, max_size=2) if argument.many else one


_BOOL = st.booleans().flatmap(spelled)
_VALIDATION = st.sampled_from([None, None, 0.1, ["val.jsonl"]])
_MODELS = [
    *("Qwen2-VL-2B-Instruct", "Qwen2.5-VL-3B-Instruct", "Qwen2.5-0.5B-Instruct", "renamed"),
    *("Qwen2.5-VL-7B-Instruct", "Qwen3-0.6B", "jina-reranker-m0"),
]
_METHODS = ["dpo", "orpo", "simpo", "kto", "cpo", "rm", "ppo", "grpo", "gkd"]


@st.composite
def swift_values(draw: st.DrawFn, *, cpu: bool) -> dict[str, Any]:
    """What stands under `swift:`."""
    legal = free_arguments("sft")
    alone = sorted(n for n, spec in legal.items() if n not in _NOT_ALONE and spec.settable)
    names = draw(st.lists(st.sampled_from(alone), max_size=6, unique=True))
    values = {name: draw(_plain(legal[name])) for name in names}
    values |= draw(
        some(
            save_strategy=st.sampled_from(["no", "steps", "epoch"]),
            eval_strategy=st.sampled_from(["no", "steps", "epoch"]),
            logging_strategy=st.sampled_from(["no", "steps", "epoch"]),
            report_to=st.sampled_from([["none"], "none", ["tensorboard"], ["wandb", "trackio"]]),
            lr_scheduler_type=st.sampled_from(["linear", "constant", "cosine_with_min_lr"]),
            columns=st.sampled_from([{"q": "query"}, '{"q": "query"}']),
            model_kwargs=st.sampled_from([{"max_pixels": 50176}, '{"FPS": 1}', "kwargs.json"]),
            truncation_strategy=st.sampled_from(["delete", "left", "right"]),
            system=st.sampled_from(["Be brief.", "a\\nb"]),
            init_weights=st.sampled_from(["true", "False", "gaussian", "pissa"]),
            early_stop_interval=st.integers(0, 3),
            callbacks=st.just(["early_stop"]),
            num_labels=st.sampled_from([2, "3"]),
            target_regex=st.just("a.*"),
            debug=st.just(["underflow_overflow"]),
            optim=st.sampled_from(["adamw_torch", "adafactor", "sgd"]),
            lisa_activated_layers=st.integers(0, 2),
            push_to_hub=spelled(False),
            response_prefix=st.just("a\\nb"),
            new_special_tokens=st.just(["<a>"]),
            device_groups=st.just('{"nproc_per_node": 1}'),
            rope_scaling=st.just({"type": "linear", "factor": 2.0}),
            custom_register_path=st.just(["plugin.py"]),
            external_plugins=st.just(["plugin.py"]),
            torch_compile_mode=st.just("default"),
            torch_compile_backend=st.just("eager"),
            max_memory=st.just({"cpu": "20GB"}),
        )
    )
    if values.get("num_labels"):
        values["task_type"] = draw(st.sampled_from(["seq_cls", "reranker"]))
    else:
        values |= draw(some(task_type=st.sampled_from(["causal_lm", "embedding"])))
    values |= draw(
        st.one_of(
            some(warmup_ratio=st.sampled_from([0.03, "5e-2", 0])),
            some(warmup_steps=st.sampled_from([10, 0.1, "7"])),
        )
    )
    workers = draw(st.sampled_from([None, 0, 1, "4"]))
    if workers is not None:
        values["dataloader_num_workers"] = workers
    if workers != 0:
        values |= draw(some(dataloader_prefetch_factor=st.integers(1, 4)))
    values |= draw(some(dataloader_persistent_workers=_BOOL))
    values |= draw(st.sampled_from(_LOADING).flatmap(lambda pairs: some(**pairs)))
    if not cpu:
        values |= draw(some(fsdp=st.just(""), **draw(st.sampled_from(_PRECISION))))
    return values


_LOADING: list[dict[str, st.SearchStrategy[Any]]] = [
    {"lazy_tokenize": _BOOL, "group_by_length": _BOOL, "packing": spelled(False)},
    {"streaming": spelled(True), "lazy_tokenize": spelled(False), "padding_free": spelled(False)},
    {"packing": spelled(True), "lazy_tokenize": spelled(False), "packing_length": st.just(512)},
    {"packing": spelled(True), "group_by_length": _BOOL, "padding_free": _BOOL},
    {"padding_free": _BOOL, "streaming": spelled(False)},
]
_PRECISION: list[dict[str, st.SearchStrategy[Any]]] = [
    {"fp16": spelled(False), "bf16": _BOOL},
    {"bf16": spelled(False), "fp16": spelled(False)},
    {},
]


@st.composite
def rlhf_values(draw: st.DrawFn) -> dict[str, Any]:
    """What stands under `swift:` for `swift rlhf` alone."""
    method = draw(st.sampled_from(_METHODS))
    values = {"rlhf_type": method} if method != "dpo" or draw(st.booleans()) else {}
    values |= draw(
        some(
            beta=st.sampled_from([0.2, "1e-1"]),
            max_completion_length=st.integers(16, 64),
            max_new_tokens=st.integers(16, 64),
            loss_scale=st.just("default"),
            rpo_alpha=st.just(1),
            temperature=st.sampled_from([1, 0.5]),
        )
    )
    if method == "grpo":
        values["num_generations"] = 1
        values["teacher_model"] = draw(st.sampled_from(["of the run", "Qwen2-VL-2B-Instruct"]))
        values |= draw(
            some(
                advantage_estimator=st.sampled_from(["rloo", "reinforce_plus_plus", "grpo"]),
                loss_type=st.sampled_from([["bnpo"], "dr_grpo"]),
                reward_funcs=st.just(["format", "soft_overlong"]),
                soft_cache_length=st.just(8),
                soft_max_length=st.just(32),
                sleep_level=st.just(1),
                vllm_tensor_parallel_size=st.just(2),
                gym_env=st.just("text"),
                kl_in_reward=_BOOL,
                scale_rewards=st.just("batch"),
                log_completions=_BOOL,
            )
        )
    if method == "gkd":
        values |= draw(some(lmbda=st.just(0.5), sft_alpha=st.just(0.1)))
    if method == "cpo":
        values |= draw(some(loss_type=st.sampled_from(["hinge", ["alphapo"], ["alphapo"]])))
    return values


@st.composite
def accepted_configs(draw: st.DrawFn) -> dict[str, Any]:
    """Whole configs, most of which ms-swift accepts."""
    gpus = draw(st.sampled_from(["none", "none", 1, 2, 4, "auto"]))
    tuner = draw(st.sampled_from(["lora", "lora", "full", "adalora", None]))
    train = draw(
        some(
            learning_rate=st.sampled_from([1e-4, 2.5e-5]),
            num_train_epochs=st.sampled_from([1, 2.5]),
            max_steps=st.integers(1, 50),
            per_device_train_batch_size=st.integers(1, 3),
            gradient_accumulation_steps=st.integers(1, 4),
            per_device_eval_batch_size=st.integers(1, 3),
            gradient_checkpointing=st.booleans(),
            seed=st.integers(0, 9),
            save_steps=st.sampled_from([10, 20, 0.1]),
            eval_steps=st.sampled_from([10, 0.5]),
            save_total_limit=st.integers(1, 3),
        )
    )
    swift = draw(swift_values(cpu=gpus == "none"))
    model = draw(some(torch_dtype=st.sampled_from(["bfloat16", "float16", "float32"])))
    if gpus == "none":
        model.pop("torch_dtype", None)
    model |= draw(
        some(freeze_vit=st.booleans(), freeze_llm=st.booleans(), freeze_aligner=st.booleans())
    )
    model["path"] = draw(st.sampled_from(_MODELS))
    if any(swift.get(name) in TRUE for name in ("packing", "padding_free")):
        model["attn_impl"] = draw(st.sampled_from(FLASH))
    task = draw(st.sampled_from(["sft", "sft", "pt", "rlhf"]))
    if task == "rlhf":
        _make_rlhf(swift, draw(rlhf_values()))
    config: dict[str, Any] = {
        "task": task,
        "model": model,
        "data": {"train": ["train.jsonl"]},
        "train": train,
        "launch": {"gpus": gpus},
        "swift": swift,
    }
    if draw(st.integers(0, 5)) == 0 and task != "rlhf":
        train["resume_from_checkpoint"] = "resumed/Qwen2-VL-2B-Instruct"
        swift |= draw(some(resume_only_model=_BOOL))
    if gpus == 2 and draw(st.booleans()):
        config["launch"] |= {"nnodes": 2, "master_addr": "10.0.0.1", "master_port": 29511}
    if (validation := draw(_VALIDATION)) is not None:
        config["data"]["val"] = validation
    config["data"] |= draw(some(max_length=st.integers(64, 4096)))
    if tuner is not None:
        config["tuner"] = tuner
    if tuner in {"lora", None} and gpus != "none":
        config |= draw(some(quant=st.just({"bits": 4, "method": "bnb"})))
    if tuner != "full":
        config |= draw(
            some(lora=some(rank=st.integers(1, 64), alpha=st.integers(1, 64), dropout=st.just(0.1)))
        )
    if gpus != "none":
        config |= draw(some(deepspeed=st.sampled_from(["zero0", "zero2", "zero3", "ds.json"])))
    if gpus != "none" and "deepspeed" not in config and draw(st.integers(0, 4)) == 0:
        swift["fsdp"] = "fsdp2"
        swift.pop("save_only_model", None)
    return config


def _make_rlhf(swift: dict[str, Any], values: dict[str, Any]) -> None:
    """Adds the values, and takes away what goes with no method or not with this one."""
    for name in ("task_type", "num_labels", "truncation_strategy", "streaming", "loss_type"):
        swift.pop(name, None)
    method = values.get("rlhf_type", "dpo")
    if method not in {"dpo", "kto", "grpo", "gkd"}:
        for name in ("packing", "packing_length", "padding_free"):
            swift.pop(name, None)
    if method == "grpo":
        swift.setdefault("soft_cache_length", 8)
    swift |= values


def rare_configs() -> list[dict[str, Any]]:
    """What is seldom drawn: every method of `swift rlhf`, and values with a rule of their own."""
    base = {"model": {"path": _MODELS[0]}, "data": {"train": ["train.jsonl"], "val": ["val.jsonl"]}}
    methods: list[dict[str, Any]] = [{"rlhf_type": method} for method in _METHODS]
    methods += [{"rlhf_type": "cpo", "loss_type": "alphapo"}]
    methods += [{"rlhf_type": "gkd", "metric_for_best_model": "loss"}]
    methods[_METHODS.index("grpo")] |= {"num_generations": 1, "teacher_model": "of the run"}
    configs = [
        {**base, "task": "rlhf", "tuner": tuner, "launch": {"gpus": "none"}, "swift": values}
        for tuner in ("lora", "full")
        for values in methods
    ]
    resumed = {"resume_from_checkpoint": "resumed/Qwen2-VL-2B-Instruct"}
    for tuner in ("lora", "full"):
        swift = {"resume_only_model": "yes", "include_num_input_tokens_seen": True}
        configs += [{**base, "tuner": tuner, "train": resumed, "swift": swift}]
    for swift in ({"new_special_tokens": ["tokens.txt"]}, {"task_type": "reranker"}):
        configs += [{**base, "swift": swift}]
    return configs
