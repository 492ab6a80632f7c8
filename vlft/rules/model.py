"""The model folder and what ms-swift makes of it."""

from __future__ import annotations

from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.text import parse_json

# Parts of a config.json that make a model multimodal (swift/utils/hf_config.py).
_PART_KEYS = ("language_config", "llm_config", "text_config", "vit_config", "vision_config",
              "audio_config", "thinker_config")  # fmt: skip


@rule("error", "late")
def not_found(run: RunSpec) -> Problems:
    """The model's folder exists and holds a readable model, or it is a hub id.

    Source: swift/model/model_meta.py: asks the hub instead
    """
    problem = run.facts.model.problem
    if problem is not None:
        yield Problem(("model", "path"), problem.message, problem.hint)


@rule("error", "late")
def is_adapter(run: RunSpec) -> Problems:
    """The folder holds a whole model, not a LoRA adapter.

    Source: swift/model/model_meta.py: no config.json
    """
    checkpoint = run.facts.model.checkpoint
    if checkpoint is not None and checkpoint.kind == "adapter":
        hint = "write the base model that the adapter was trained on"
        if checkpoint.base_model:
            hint = f"write its base, `{checkpoint.base_model}`"
        message = f"`{checkpoint.path}` is a LoRA adapter, not a model"
        yield Problem(("model", "path"), message, hint)


@rule("error", "silent")
def custom_code(run: RunSpec) -> Problems:
    """A checkpoint that carries Python code is only loaded with consent.

    Source: swift/model/register.py: trust_remote_code=True always
    """
    checkpoint = run.facts.model.checkpoint
    if checkpoint is None or run.config.model.trust_remote_code:
        return
    if checkpoint.carried_code is not None:
        hint = "read it, then write `model: {trust_remote_code: true}`"
        yield Problem(("model", "path"), checkpoint.carried_code, hint)


@rule("error", "aborts", says="model_type: '")
def type_unknown(run: RunSpec) -> Problems:
    """`model.type` is a model_type of the installed ms-swift.

    Source: swift/model/model_meta.py: _get_model_info
    """
    name = run.config.model.type
    if name is None or name in run.facts.swift.models() or run.has_plugins:
        return
    own, release = _type_of_the_weights(run), f"ms-swift {run.facts.swift.version}"
    hint = f"the checkpoint is `{own}`: write that, or leave it out"
    if own is None:
        hint = "leave it out: the checkpoint decides it"
    legal = () if own else run.facts.swift.models()
    yield Problem.unknown(("model", "type"), "model_type", name, legal, hint, release)


@rule("error", "silent")
def type_family(run: RunSpec) -> Problems:
    """`model.type` is one of those that the checkpoint's architecture is registered for.

    Source: swift/model/model_meta.py: get_model_info_meta believes --model_type
    """
    name = run.config.model.type
    checkpoint = run.facts.model.checkpoint
    if name is None or checkpoint is None or not run.model.is_foreign(name):
        return
    models, own = run.facts.swift.models(), run.model.architecture_types
    text_only = models[own[0]].is_multimodal and not models[name].is_multimodal
    right = _type_of_the_weights(run)
    yield Problem(
        ("model", "type"),
        f"`{name}` is {'a text model' if text_only else 'another model'} "
        f"({models[name].architectures[0]}); the checkpoint is {checkpoint.architectures[0]}"
        + (", and its images would not be seen" if text_only else ""),
        f"write `{right}`, or leave it out" if right else "write one of " + ", ".join(own),
    )


@rule("error", "aborts", says="`model_type` manually")
def type_undecided(run: RunSpec) -> Problems:
    """The folder's name, its architecture or `model.type` leads to one model_type.

    Source: swift/model/model_meta.py: _get_model_info, get_model_info_meta
    """
    checkpoint = run.facts.model.checkpoint
    if checkpoint is None or checkpoint.kind != "model" or run.has_plugins:
        return
    if run.config.model.type is not None or run.family is not None:
        return
    guessed, architecture = run.model.guessed_types, ", ".join(checkpoint.architectures[:1])
    if len(guessed) > 1:
        yield Problem(
            ("model", "path"),
            f"neither the folder's name nor {architecture or 'its config.json'} says which "
            "model_type it is",
            "write `model.type`, one of " + ", ".join(guessed[:8]),
        )
    elif not guessed and any(key in checkpoint.config for key in _PART_KEYS):
        yield Problem(
            ("model", "path"),
            f"ms-swift {run.facts.swift.version} has no model_type for "
            f"{architecture or 'a config.json without architectures'}",
            "write the `model.type` that loads it",
        )


@rule("error", "aborts", says="Please pass the parameter `num_labels`.")
def num_labels(run: RunSpec) -> Problems:
    """A classifier says how many labels it has.

    Source: swift/model/model_meta.py: get_model_info_meta
    """
    classifies = run.args.given("task_type", str) == "seq_cls"
    if classifies and not run.args.is_given("num_labels"):
        message = "`task_type: seq_cls` without the number of labels"
        yield Problem(("swift", "task_type"), message, "add `swift: {num_labels: N}`")


@rule("warning", "silent")
def revision_local(run: RunSpec) -> Problems:
    """`model.revision` is given only for an id on a hub.

    Source: swift/utils/hub_utils.py: a local folder is taken as it is
    """
    checkpoint = run.facts.model.checkpoint
    if run.config.model.revision is not None and checkpoint is not None:
        hint = "leave it out, or write the model's id on a hub"
        yield Problem.ignored(("model", "revision"), f"`{checkpoint.path}` is a folder", hint)


@rule("warning", "silent")
def hub_local(run: RunSpec) -> Problems:
    """`model.hub` is given only if something is fetched from or sent to a hub.

    Source: swift/utils/hub_utils.py: a local folder is taken as it is
    """
    checkpoint = run.facts.model.checkpoint
    if run.config.model.hub is None or checkpoint is None:
        return
    if not run.args.flag("push_to_hub"):
        yield Problem.ignored(("model", "hub"), f"`{checkpoint.path}` is a folder", "leave it out")


def _type_of_the_weights(run: RunSpec) -> str | None:
    """ms-swift's name for what the checkpoint is; None if it has several or none."""
    family, own = run.model.weights_family, run.model.architecture_types
    if family is not None and family.swift_model_type in own:
        return family.swift_model_type
    return own[0] if len(own) == 1 else None


_ROPE_NAMES = ("linear", "dynamic", "yarn")


@rule("error", "aborts", says="AssertionError")
def rope_scaling(run: RunSpec) -> Problems:
    """`rope_scaling` is linear, dynamic, yarn or a mapping, and says how far it scales.

    Source: swift/arguments/base_args/model_args.py: _init_rope_scaling
    """
    value, path = run.passed.get("rope_scaling"), ("swift", "rope_scaling")
    if value is None or value == "" or isinstance(value, list):
        return
    scaling = parse_json(value) if isinstance(value, str) else value
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
