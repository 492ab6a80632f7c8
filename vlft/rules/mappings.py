"""Arguments that ms-swift reads as JSON: from YAML, from text, or from a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vlft.rules.base import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.resolve.run import RunSpec

# Text for them is repaired first: a quote or a brace may lack (swift/utils/utils.py).
_REPAIRED = ("model_kwargs", "columns", "mrl_dims", "max_memory")
# The same, and nothing is read from an empty text.
_REPAIRED_IF_ANY = ("lr_scheduler_kwargs", "gradient_checkpointing_kwargs")
_ROPE_NAMES = ("linear", "dynamic", "yarn")
_ACCELERATOR_KEYS = (
    "split_batches", "dispatch_batches", "even_batches", "use_seedable_sampler", "non_blocking",
    "gradient_accumulation_kwargs", "use_configured_state",
)  # fmt: skip
"""Fields of transformers.trainer_pt_utils.AcceleratorConfig."""


@rule(
    "swift.mapping",
    "error",
    "swift/utils/utils.py: json_parse_to_dict; transformers/training_args.py: _VALID_DICT_FIELDS",
    effect="aborts",
    says="Expecting value",
)
def mappings_are_mappings(run: RunSpec) -> Iterator[Problem]:
    """An argument that ms-swift reads as a mapping is one: in YAML, as JSON text or in a file."""
    for name, value in run.passed.items():
        if value is None or isinstance(value, (dict, list)):
            continue
        text = str(value)
        if text not in run.facts.passed_files and not _is_read(name, text):
            yield Problem(
                ("swift", name),
                f"`{name}` is `{text[:60]}`, which is neither a mapping nor a file",
                f"write `{name}: {{key: value}}`",
            )


@rule(
    "swift.mapping-repaired",
    "warning",
    "swift/utils/utils.py: json_parse_to_dict",
    effect="silent",
)
def mappings_are_json(run: RunSpec) -> Iterator[Problem]:
    """Text for a mapping is JSON, so that ms-swift need not guess what is meant."""
    for name in (*_REPAIRED, *_REPAIRED_IF_ANY):
        text = run.passed.get(name)
        if not isinstance(text, str) or text in run.facts.passed_files or not _is_read(name, text):
            continue
        if text and parsed(text) is None:
            yield Problem(
                ("swift", name),
                f"`{name}` is `{text[:60]}`, which is not JSON: ms-swift guesses what is meant, "
                "and vlft does not judge it",
                f"write `{name}: {{key: value}}`",
            )


def _is_read(name: str, text: str) -> bool:
    """Whether ms-swift finds a mapping in this text."""
    if name in _REPAIRED:
        return "{" in text
    if name in _REPAIRED_IF_ANY:
        return "{" in text or not text
    if name == "accelerator_config":
        return isinstance(parsed(text), dict)
    if name == "fsdp_config":  # a file's name is not looked at: `fsdp` brings its own
        return not text.startswith("{") or parsed(text) is not None
    return name != "device_groups" or parsed(text) is not None or text == "null"


def parsed(text: str) -> object:
    """What is in a JSON text; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mapping(run: RunSpec, name: str) -> Mapping[str, object]:
    """The argument as a mapping; empty if it is none."""
    value = run.passed.get(name)
    found = parsed(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


@rule(
    "swift.accelerator-keys",
    "error",
    "transformers/trainer_pt_utils.py: AcceleratorConfig",
    effect="aborts",
    says="AcceleratorConfig.__init__() got an unexpected keyword argument",
)
def accelerator_has_the_keys(run: RunSpec) -> Iterator[Problem]:
    """`accelerator_config` holds keys that transformers knows."""
    for key in _mapping(run, "accelerator_config"):
        if key not in _ACCELERATOR_KEYS:
            yield Problem(
                ("swift", "accelerator_config"),
                f"`accelerator_config` has no key `{key}`",
                "it has " + ", ".join(_ACCELERATOR_KEYS),
            )


@rule(
    "swift.mrl-dims",
    "error",
    "swift/trainers/arguments.py: TrainArgumentsMixin.__post_init__",
    effect="aborts",
    says="invalid literal for int()",
)
def dimensions_are_numbers(run: RunSpec) -> Iterator[Problem]:
    """`mrl_dims` gives a weight, a number, to each dimension, a whole number."""
    for key, weight in _mapping(run, "mrl_dims").items():
        if not _is_number(key, int) or not _is_number(weight, float):
            yield Problem(
                ("swift", "mrl_dims"),
                f"`mrl_dims` has `{key}: {weight}`",
                'a dimension and its weight, such as `{"256": 1.0}`',
            )


def _is_number(value: object, kind: type[int | float]) -> bool:
    try:
        kind(str(value))
    except ValueError:
        return False
    return True


@rule(
    "model.rope-scaling",
    "error",
    "swift/arguments/base_args/model_args.py: _init_rope_scaling",
    effect="aborts",
    says="AssertionError",
)
def rope_scaling_is_known(run: RunSpec) -> Iterator[Problem]:
    """`rope_scaling` is linear, dynamic, yarn or a mapping, and says how far it scales."""
    value, path = run.passed.get("rope_scaling"), ("swift", "rope_scaling")
    if value is None or value == "" or isinstance(value, list):
        return
    scaling = parsed(value) if isinstance(value, str) else value
    if value in _ROPE_NAMES:
        scaling = {"type": value}
    if str(value) in run.facts.passed_files:
        return
    if not isinstance(scaling, dict):
        yield Problem(
            path,
            f"`rope_scaling` is `{str(value)[:60]}`",
            f"one of {', '.join(_ROPE_NAMES)}, or a mapping such as "
            "`{rope_type: yarn, factor: 2.0}`",
        )
    elif "factor" not in scaling and run.args.given("max_model_len", float) is None:
        kind = scaling.get("rope_type", scaling.get("type", "default"))
        if kind != "default":
            yield Problem(
                path,
                f"`rope_scaling: {kind}` without a factor",
                "write `max_model_len` beside it, or `rope_scaling: "
                f"{{rope_type: {kind}, factor: 2.0}}`",
            )
