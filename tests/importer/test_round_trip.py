"""Any flags of the installed ms-swift → command → import → dry run: the same flags."""

from __future__ import annotations

import json
import re
import shlex
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st
from round_trip import SWIFT, round_trip

from vlft.config.schema import ARGUMENTS, RESERVED
from vlft.security.secrets import is_secret_name

_WORDS = st.text(string.ascii_letters + string.digits + "._/ :#'\"$&|;%@,[]{}*!?()é漢-", min_size=1)
# A lone None is four letters to ms-swift, and no flag begins with a value's dashes.
_TEXTS = _WORDS.filter(lambda text: not text.startswith("-") and "=" not in text)
_FLOATS = st.one_of(
    st.floats(0, 1e6, allow_nan=False).map(repr),
    st.sampled_from(["1e-4", "5e-06", "0.10", ".05", "1.", "3E-5", "+2", "-1"]),
)
_INTS = st.one_of(st.integers(-1, 10**9).map(str), st.sampled_from(["007", "+5"]))
_TRUTHS = st.sampled_from(["true", "false", "True", "False", "1", "0", "yes", "no"])
_COUNTS = st.integers(1, 64).map(str)
_NAMES = st.text(string.ascii_lowercase + string.digits + "_-", min_size=1).filter(
    lambda text: not text.startswith("-")
)
_OWNED = {
    "model_revision": _NAMES,
    "model_type": st.sampled_from(["qwen2_vl", "qwen3_vl", "internvl_chat", "qwen2"]),
    "torch_dtype": st.sampled_from(["bfloat16", "float16", "float32"]),
    "attn_impl": st.sampled_from(["sdpa", "eager", "flash_attn"]),
    "lora_rank": _COUNTS,
    "lora_alpha": _COUNTS,
    "lora_dropout": st.sampled_from(["0", "0.05", "1e-1"]),
    "target_modules": st.lists(_NAMES, min_size=1, max_size=3, unique=True),
    "val_dataset": st.lists(_NAMES.map(lambda name: f"{name}.jsonl"), min_size=1, max_size=2),
    "max_length": st.integers(1, 99999).map(str),
    "num_train_epochs": st.sampled_from(["1", "3.0", "0.5", "1e1"]),
    "max_steps": st.sampled_from(["-1", "5", "2000"]),
    "learning_rate": st.sampled_from(["1e-4", "2e-05", "0.0001", "0"]),
    "per_device_train_batch_size": _COUNTS,
    "gradient_accumulation_steps": _COUNTS,
    "per_device_eval_batch_size": _COUNTS,
    "seed": st.integers(0, 2**31).map(str),
    "save_steps": st.sampled_from(["50", "0.5", "500."]),
    "eval_steps": st.sampled_from(["50", "0.25"]),
    "save_total_limit": st.sampled_from(["1", "5"]),
    "resume_from_checkpoint": st.sampled_from(["out/checkpoint-5", "/abs/checkpoint-1"]),
    "deepspeed": st.sampled_from(["zero2", "zero3_offload", '{"zero_optimization": {"stage": 2}}']),
    "sequence_parallel_size": st.just("1"),
    "tuner_type": st.sampled_from(["lora", "adalora"]),
}  # fmt: skip
_BOOLEANS = {"freeze_llm", "freeze_vit", "freeze_aligner", "gradient_checkpointing"}
# What vlft has in another place, or answers for itself.
_APART = {"model", "dataset", "split_dataset_ratio", "output_dir", "use_cpu", "use_hf",
          "quant_bits", "quant_method", "ignore_args_error"}  # fmt: skip


def _values(task: str, name: str) -> st.SearchStrategy[list[str]]:
    argument = SWIFT.arguments[task][name]
    if name in _OWNED:
        return _OWNED[name].map(lambda value: value if isinstance(value, list) else [value])
    if name in _BOOLEANS:
        return st.sampled_from(["true", "false", "True", "False"]).map(lambda text: [text])
    if argument.choices is not None:
        one = st.sampled_from(argument.choices)
    elif argument.type == "json":
        inner = st.dictionaries(_NAMES, st.one_of(st.integers(), st.booleans(), _TEXTS), min_size=1)
        one = inner.map(json.dumps)
    else:
        one = {"bool": _TRUTHS, "int": _INTS, "float": _FLOATS, "str": _TEXTS}[argument.type]
    return st.lists(one, min_size=1, max_size=3 if argument.many else 1)


def _legal(task: str) -> list[str]:
    return sorted(
        name
        for name, argument in SWIFT.arguments[task].items()
        if argument.settable
        and name not in RESERVED
        and name not in _APART
        and not is_secret_name(name)
        and (name not in ARGUMENTS or name in _OWNED or name in _BOOLEANS)
    )


_FLAGS = {
    task: st.lists(st.sampled_from(_legal(task)), unique=True, max_size=25).flatmap(
        lambda names, task=task: st.fixed_dictionaries({n: _values(task, n) for n in names})
    )
    for task in ("sft", "pt", "rlhf")
}
_COMMANDS = st.sampled_from(["sft", "pt", "rlhf"]).flatmap(
    lambda task: st.tuples(st.just(task), _FLAGS[task])
)
_ENV = st.fixed_dictionaries(
    {},
    optional={
        "CUDA_VISIBLE_DEVICES": st.sampled_from(["0", "0,1,2,3", "1,0", "GPU-1a2b"]),
        "MAX_PIXELS": st.sampled_from(["1003520", "802816"]),
        "FPS_MAX_FRAMES": st.just("12"),
        "NCCL_DEBUG": st.just("INFO"),
        "PYTORCH_CUDA_ALLOC_CONF": st.just("expandable_segments:True"),
        "WANDB_PROJECT": _TEXTS,
    },
)
_NPROC = st.sampled_from([None, "1", "2", "8"])


_STYLES = st.lists(
    st.sampled_from(["plain", "double", "equals", "hyphens", "twice", "bare number"]),
    min_size=30,
    max_size=30,
)
_NUMBER = re.compile(r"-\d+(\.\d*)?|-\.\d+")


def _written(name: str, values: list[str], style: str) -> str:
    """One flag in one of the ways that people write it."""
    flag = "--" + (name.replace("_", "-") if style == "hyphens" else name)
    words = [_double(value) if style == "double" else shlex.quote(value) for value in values]
    if style == "twice":  # the last one counts
        return (
            f"--{name} before --{name}={words[0]}"
            if len(words) == 1
            else f"{flag} {words[0]} {flag} {' '.join(words)}"
        )
    number = style == "bare number" and _NUMBER.fullmatch(values[0])
    if len(values) == 1 and (style == "equals" or (values[0].startswith("-") and not number)):
        return f"{flag}={words[0]}"
    return " ".join([flag, *words])


def _double(text: str) -> str:
    return '"' + "".join(f"\\{char}" if char in '$`"\\' else char for char in text) + '"'


@example(
    command=("sft", {"accelerator_config": ['{"false": 0}']}),
    env={},
    nproc=None,
    lines=False,
    styles=["plain"] * 30,
)
@settings(max_examples=150)
@given(command=_COMMANDS, env=_ENV, nproc=_NPROC, lines=st.booleans(), styles=_STYLES)
def test_flags_come_back_as_they_were(
    command: tuple[str, dict[str, list[str]]],
    env: dict[str, str],
    nproc: str | None,
    lines: bool,
    styles: list[str],
) -> None:
    task, flags = command
    if nproc is not None:
        env = env | {"NPROC_PER_NODE": nproc}
    if "model_type" in flags:  # a family that reads it is not a given
        for name in ("MAX_PIXELS", "FPS_MAX_FRAMES"):
            env.pop(name, None)
    everything = {"model": ["/models/some-model"], "dataset": ["/data/train.jsonl#500"]} | flags
    words = [f"{name}={shlex.quote(value)}" for name, value in env.items()] + [f"swift {task}"]
    for (name, values), style in zip(everything.items(), styles, strict=False):
        words.append(_written(name, values, style))
    script = (" \\\n    " if lines else " ").join(words)
    expected = {name: tuple(values) for name, values in everything.items()}
    assert round_trip(script, expected, env) == []
