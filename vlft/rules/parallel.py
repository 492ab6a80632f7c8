"""FSDP, and sequences that several processes share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vlft.rules.base import Problem, Problems, RunSpec, rule

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint


_FSDP_PRESET = "fsdp2"


@rule("error", "aborts", says="JSONDecodeError")
def fsdp_name(run: RunSpec) -> Problems:
    """`fsdp` is ms-swift's preset, or a JSON file or text.

    Source: swift/arguments/sft_args.py: _init_fsdp
    """
    for fsdp in run.args.given_texts("fsdp"):
        if fsdp in {"", _FSDP_PRESET} or "{" in fsdp or fsdp in run.facts.passed_files:
            continue
        yield Problem(
            ("swift", "fsdp"),
            f"`{fsdp}` is neither an FSDP preset nor a file",
            f"write `{_FSDP_PRESET}`, or name a JSON file (a relative path starts where vlft is "
            "started)",
        )


@rule("error", "aborts", says="FSDP2 is not compatible with DeepSpeed")
def fsdp_deepspeed(run: RunSpec) -> Problems:
    """A run is sharded by FSDP or by DeepSpeed.

    Source: swift/arguments/sft_args.py: _init_fsdp
    """
    if run.sharding.fsdp and run.sharding.deepspeed:
        yield Problem.exclusive(("swift", "fsdp"), "deepspeed")


@rule(
    "error",
    "aborts",
    says="FSDP2 with SHARDED_STATE_DICT is not compatible with save_only_model=True",
)
def fsdp_weights_only(run: RunSpec) -> Problems:
    """The FSDP preset saves shards, with the optimizer's state.

    Source: swift/arguments/sft_args.py: _check_fsdp2_compatibility
    """
    if run.sharding.fsdp == _FSDP_PRESET and run.args.flag("save_only_model"):
        yield Problem(
            ("swift", "save_only_model"),
            f"`{_FSDP_PRESET}` saves shards, which can't be saved without the optimizer's state",
            "leave it out, or name a JSON file with `state_dict_type: FULL_STATE_DICT`",
        )


@rule("error", "late", says="needs ulysses/ring-attention, which needs --padding_free true")
def sequence_heads(run: RunSpec) -> Problems:
    """Processes that share a sequence divide the key-value heads, or rows are padding-free.

    Source: swift/sequence_parallel/sequence_parallel.py: prepare
    """
    config, checkpoint = run.config, run.facts.model.checkpoint
    group = config.launch.sequence_parallel_size or 1
    heads = _key_value_heads(checkpoint) if checkpoint is not None else None
    if heads is None or heads % group == 0:
        return
    if run.args.flag("padding_free") or run.args.flag("packing"):
        return
    yield Problem(
        ("launch", "sequence_parallel_size"),
        f"{group} processes share a sequence, and {heads} key-value heads do not divide among "
        "them: that takes ring attention, on rows without padding",
        f"sequence_parallel_size: {math.gcd(heads, group)}; "
        "or `swift: {padding_free: true}` with flash attention",
    )


def _key_value_heads(checkpoint: Checkpoint) -> int | None:
    """Of the language model."""
    parts = [checkpoint.config.get(key) for key in ("text_config", "llm_config")]
    for config in (checkpoint.config, *parts):
        for key in ("num_key_value_heads", "num_attention_heads"):
            value = config.get(key) if isinstance(config, dict) else None
            if isinstance(value, int) and value > 0:
                return value
    return None
