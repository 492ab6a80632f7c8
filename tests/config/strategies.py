"""Configs over the whole schema, as Hypothesis strategies of plain data.

`configs` are ones that a user could mean: every value of the right type, arguments of
ms-swift from the shipped dump, sections that fit each other more often than not. `wild` puts
anything that YAML can hold anywhere.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from vlft.config.reader import legal_keys
from vlft.config.schema import ARGUMENTS, RESERVED
from vlft.swift.probe import read_swift
from vlft.swift.release import Argument, Subcommand

SWIFT = read_swift(None)
TASKS: tuple[Subcommand, ...] = ("sft", "sft", "sft", "pt")
ZERO = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
# They name something outside of the config, or have ms-swift stop or start something else;
# a random word for one of them says nothing about the validator.
OUTSIDE = frozenset({
    "adapters", "agent_template", "cached_dataset", "cached_val_dataset", "callbacks",
    "columns", "custom_dataset_info", "custom_register_path", "external_plugins", "fsdp_config",
    "ignore_args_error", "local_repo_path", "loss_scale", "model_kwargs", "ref_adapters",
})  # fmt: skip

WORDS = ["a", "none", "default", "linear", "auto", "steps", "1", "x.json"]


def maybe(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The value or, more often, nothing."""
    return st.one_of(st.none(), st.none(), value)


def section(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the keys."""
    return st.fixed_dictionaries({key: maybe(value) for key, value in keys.items()}).map(
        lambda made: {key: value for key, value in made.items() if value is not None}
    )


def values_of(argument: Argument) -> list[Any]:
    """Values of the argument's type, one or several for a list."""
    if argument.choices is not None:
        return list(argument.choices)
    return {
        "bool": [True, False],
        "int": [0, 1, 2, 5, 16, 100],
        "float": [0, 0.01, 0.5, 1, 2, 10],
        "str": WORDS,
        "json": [{}, {"a": 1}],
    }[argument.type]


def value_of(argument: Argument) -> st.SearchStrategy[Any]:
    """A value of the argument's type."""
    one = st.sampled_from(values_of(argument))
    return st.lists(one, min_size=1, max_size=2) if argument.many else one


def free_arguments(task: Subcommand) -> dict[str, Argument]:
    """Those that stand under `swift:` and mean something by themselves."""
    return {
        name: argument
        for name, argument in sorted(SWIFT.arguments[task].items())
        if name not in ARGUMENTS and name not in RESERVED and name not in OUTSIDE
        if argument.settable and not name.endswith(("token", "secret"))
    }


@st.composite
def swift_section(draw: st.DrawFn, task: Subcommand) -> dict[str, Any]:
    """Up to four arguments that no section owns."""
    legal = free_arguments(task)
    names = draw(st.lists(st.sampled_from(sorted(legal)), max_size=4, unique=True))
    return {name: draw(value_of(legal[name])) for name in names}


@st.composite
def launch_section(draw: st.DrawFn) -> dict[str, Any]:
    """GPUs, processes and nodes."""
    gpus = draw(st.sampled_from(["none", "none", 1, 2, 4, 8, [0], [0, 1], [1, 3, 5]]))
    launch: dict[str, Any] = {"gpus": gpus}
    launch |= draw(
        section(
            nproc_per_node=st.sampled_from([1, 2, 3, 4, 8]),
            sequence_parallel_size=st.sampled_from([1, 2, 3]),
            master_port=st.just(29500),
        )
    )
    if draw(st.integers(0, 5)) == 0:
        launch |= {"nnodes": 2, "master_addr": "node0", "master_port": 29500}
    return launch


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A config as plain data, for a folder with the model and train.jsonl in it."""
    task = draw(st.sampled_from(TASKS))
    numbers = st.sampled_from([1, 2, 3, 4, 8, 16, 64])
    model = draw(
        section(
            torch_dtype=st.sampled_from(["bfloat16", "float16", "float32"]),
            attn_impl=st.sampled_from(["sdpa", "eager", "flash_attn"]),
            type=st.just("qwen2_vl"),
            freeze_llm=st.booleans(),
            freeze_vit=st.booleans(),
            freeze_aligner=st.booleans(),
        )
    )
    tuner = draw(st.sampled_from(["lora", "lora", "full", "adalora", "llamapro", "longlora"]))
    config: dict[str, Any] = {
        "task": task,
        "model": {"path": "Qwen2-VL-2B-Instruct", **model},
        "tuner": tuner,
        "data": {
            "train": draw(st.sampled_from([["train.jsonl"], ["train.jsonl", "train.jsonl#100"]])),
            **draw(
                section(
                    val=st.sampled_from([0.01, 0.5, ["train.jsonl#50"]]),
                    max_length=st.sampled_from([512, 4096, 32768]),
                )
            ),
        },
        "pixels": draw(section(min=st.just("4*28*28"), max=st.just("256*28*28"))),
        "train": draw(
            section(
                num_train_epochs=st.sampled_from([1, 2.5]),
                max_steps=st.sampled_from([10, 100]),
                learning_rate=st.sampled_from([0, 1e-4, 0.5]),
                global_batch_size=numbers,
                per_device_train_batch_size=numbers,
                gradient_accumulation_steps=numbers,
                per_device_eval_batch_size=numbers,
                gradient_checkpointing=st.booleans(),
                seed=st.integers(0, 3),
                save_steps=st.sampled_from([0.1, 1, 5, 10, 2.5]),
                eval_steps=st.sampled_from([0.1, 1, 5, 7, 2.5]),
                save_total_limit=numbers,
            )
        ),
        "launch": draw(launch_section()),
        "swift": draw(swift_section(task)),
        "env": draw(section(NCCL_DEBUG=st.just("WARN"))),
        **draw(section(deepspeed=st.sampled_from(ZERO))),
    }
    if tuner != "full" and draw(st.booleans()):
        config["lora"] = draw(
            section(
                rank=numbers,
                alpha=numbers,
                dropout=st.sampled_from([0, 0.05]),
                target_modules=st.sampled_from(["all-linear", ["q_proj"]]),
            )
        )
    if draw(st.integers(0, 9)) == 0:
        config["quant"] = {
            "bits": draw(st.sampled_from([2, 4, 8])),
            "method": draw(st.sampled_from(["bnb", "hqq", "eetq", "quanto"])),
        }
    return {key: value for key, value in config.items() if value != {}}


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["4*28", "1e-4", "none", "auto", "train.jsonl", ".", "/", "~", "x" * 5000]),
)
_KEYS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(sorted({key for name in legal_keys(()) for key in legal_keys((name,))})),
)
ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def wild(draw: st.DrawFn) -> dict[str, Any]:
    """A config of `configs` in which anything stands at some of the keys."""
    config = draw(configs())
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(legal_keys(())))
        keys = legal_keys((name,))
        if keys and draw(st.booleans()):
            inner = config.get(name)
            inner = inner if isinstance(inner, dict) else {}
            config[name] = inner | {draw(st.sampled_from(keys)): draw(ANYTHING)}
        else:
            config[name] = draw(ANYTHING)
    return config
