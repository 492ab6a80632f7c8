"""Which parts of the model and which modules a run trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec

# Tuners that `--target_modules` and the freeze flags go to (prepare_adapter).
_TARGETED = frozenset({"lora", "longlora", "adalora", "vera", "boft", "fourierft", "bone"})
_ALL = "all-linear"
_GROUPS = frozenset({_ALL, "all-embedding"})
_OLD_NAMES = {"ALL": _ALL, "DEFAULT": _ALL, "AUTO": _ALL, "EMBEDDING": "all-embedding"}
_TOWERS = frozenset({"visual", "vision_model", "vision_tower"})
_PARTS = {
    "freeze_llm": "the language model",
    "freeze_vit": "the vision tower",
    "freeze_aligner": "the aligner",
}


def _targets(run: RunSpec) -> list[str] | None:
    """The modules that get adapters, as named; None where the tuner chooses none by name."""
    config = run.config
    if config.tuner not in _TARGETED or run.args.given_texts("target_regex"):
        return None
    return (config.lora.target_modules if config.lora else None) or [_ALL]


def _by_parts(run: RunSpec) -> bool:
    """Whether the freeze flags decide what is trained."""
    targets = _targets(run)
    return run.config.tuner == "full" or (targets is not None and _ALL in targets)


@rule(
    "tuner.all-frozen",
    "error",
    "swift/utils/transformers_utils.py: get_multimodal_target_regex; "
    "swift/arguments/tuner_args.py: _init_multimodal_full",
    effect="late",
)
def something_is_trained(run: RunSpec) -> Iterator[Problem]:
    """At least one of language model, vision tower and aligner is not frozen."""
    model = run.config.model
    if run.family is None or not _by_parts(run):
        return
    if run.config.tuner == "full" and any(
        run.args.given_texts(name)
        for name in ("trainable_parameters", "trainable_parameters_regex")
    ):
        return
    if model.freeze_llm and model.freeze_vit is not False and model.freeze_aligner is not False:
        yield Problem(
            ("model", "freeze_llm"),
            "language model, vision tower and aligner are all frozen: nothing would be trained"
            + ("" if model.freeze_vit and model.freeze_aligner else " (some of them by default)"),
            "write `freeze_vit: false` or `freeze_aligner: false`",
        )


@rule(
    "tuner.freeze-ignored",
    "warning",
    "swift/pipelines/train/tuner.py: get_target_modules",
    effect="silent",
)
def freeze_flags_are_read(run: RunSpec) -> Iterator[Problem]:
    """With modules chosen by name, no `freeze_…` says otherwise: only `all-linear` reads it."""
    config = run.config
    by_regex = config.tuner in _TARGETED and bool(run.args.given("target_regex", str))
    if not by_regex and (_targets(run) is None or _by_parts(run)):
        return
    what = "swift.target_regex" if by_regex else "lora.target_modules"
    for name, default in (("freeze_llm", False), ("freeze_vit", True), ("freeze_aligner", True)):
        value = getattr(config.model, name)
        if name == "freeze_vit" and any(_in_the_tower(run)):
            continue  # that is how the names' reach into it is said to be meant
        if value is not None and value != default:
            yield Problem(
                ("model", name),
                f"`{name}` has no effect: `{what}` alone decides where adapters go",
                f"leave it out, or write `target_modules: [{_ALL}]`, which keeps to it",
            )


@rule(
    "tuner.tower-trained",
    "warning",
    "peft/tuners/tuners_utils.py: check_target_module_exists matches name endings",
    effect="silent",
)
def names_stay_out_of_the_tower(run: RunSpec) -> Iterator[Problem]:
    """Names in `target_modules` that are also in a frozen vision tower are chosen on purpose."""
    if run.config.model.freeze_vit is False:
        return
    for index, target, module in _in_the_tower(run):
        yield Problem(
            ("lora", "target_modules", index),
            f"`{target}` is in the vision tower too (`{module}`), which would be trained: "
            "`freeze_vit` does not hold for modules chosen by name",
            f"write `target_modules: [{_ALL}]`, or `freeze_vit: false` if it is meant",
        )


def _in_the_tower(run: RunSpec) -> Iterator[tuple[int, str, str]]:
    """Names in `target_modules` that fit modules in the vision tower and others outside.

    With their place in the list, and the first such module.
    """
    targets, checkpoint = _targets(run), run.facts.model.checkpoint
    if targets is None or _ALL in targets or checkpoint is None:
        return
    modules = [name.rpartition(".")[0] for name in checkpoint.tensors()]
    tower = [module for module in modules if not _TOWERS.isdisjoint(module.split("."))]
    others = [module for module in modules if _TOWERS.isdisjoint(module.split("."))]
    for index, target in enumerate(targets):
        inside = [module for module in tower if _matches(module, target)]
        if inside and any(_matches(module, target) for module in others):
            yield index, target, inside[0]


def _matches(module: str, target: str) -> bool:
    return module == target or module.endswith(f".{target}")


@rule(
    "tuner.target-modules",
    "error",
    "peft/tuners/tuners_utils.py: inject_adapter",
    effect="late",
    says="not found in the base model",
)
def target_modules_exist(run: RunSpec) -> Iterator[Problem]:
    """At least one name in `lora.target_modules` is a module of the checkpoint."""
    targets, missing = _targets(run) or [], _missing(run)
    if missing and len(missing) == len(targets):
        yield from (_absent(index, targets[index]) for index in missing)


@rule(
    "tuner.target-module-missing",
    "warning",
    "peft/tuners/tuners_utils.py: inject_adapter",
    effect="silent",
)
def every_target_module_exists(run: RunSpec) -> Iterator[Problem]:
    """Each name in `lora.target_modules` is a module of the checkpoint."""
    targets, missing = _targets(run) or [], _missing(run)
    if len(missing) < len(targets):
        yield from (_absent(index, targets[index]) for index in missing)


def _missing(run: RunSpec) -> list[int]:
    """Places of the names in `lora.target_modules` that the checkpoint does not have.

    Empty where its tensors can't all be read, or where names are not what decides.
    """
    targets, checkpoint = _targets(run), run.facts.model.checkpoint
    if not targets or _ALL in targets or checkpoint is None or checkpoint.problems:
        return []
    tensors = checkpoint.tensors()
    if not tensors:
        return []
    paths = [f".{name.rpartition('.')[0]}." for name in tensors]
    return [
        index
        for index, target in enumerate(targets)
        if target not in _GROUPS and not any(f".{target}." in path for path in paths)
    ]


def _absent(index: int, name: str) -> Problem:
    old = _OLD_NAMES.get(name.upper())
    return Problem(
        ("lora", "target_modules", index),
        f"the model has no module `{name}`",
        f"`{name}` of ms-swift 2 is called `{old}`"
        if old
        else f"`{_ALL}`, or the ends of its modules' names, such as q_proj",
    )


@rule(
    "tuner.all-linear-alone",
    "warning",
    "swift/pipelines/train/tuner.py: get_target_modules returns the regex of all-linear",
    effect="silent",
)
def all_linear_stands_alone(run: RunSpec) -> Iterator[Problem]:
    """Beside `all-linear`, a vision-language model's `target_modules` name no other module."""
    targets = _targets(run) or []
    if run.family is None or _ALL not in targets:
        return
    for index, name in enumerate(targets):
        if name not in _GROUPS:
            yield Problem(
                ("lora", "target_modules", index),
                f"`{name}` has no effect beside `{_ALL}`",
                f"leave it out, or name all modules instead of `{_ALL}`; "
                "`swift.modules_to_save` trains a module in full",
            )


@rule(
    "tuner.target-regex",
    "warning",
    "swift/arguments/tuner_args.py: __post_init__",
    effect="silent",
)
def one_choice_of_modules(run: RunSpec) -> Iterator[Problem]:
    """`swift.target_regex` and `lora.target_modules` are not both given: the first one wins."""
    lora = run.config.lora
    if lora is not None and lora.target_modules and run.args.given("target_regex", str):
        yield Problem(
            ("lora", "target_modules"),
            "`lora.target_modules` has no effect beside `swift.target_regex`",
            "keep one of the two",
            at_key=True,
        )


@rule(
    "tuner.frozen-rate",
    "warning",
    "swift/trainers/arguments.py: optimizer multimodal",
    effect="silent",
)
def rates_are_for_trained_parts(run: RunSpec) -> Iterator[Problem]:
    """A learning rate of the vision tower or the aligner is given where that part is trained."""
    if not _by_parts(run):
        return
    for name, freeze in (("vit_lr", "freeze_vit"), ("aligner_lr", "freeze_aligner")):
        frozen = getattr(run.config.model, freeze) is not False
        if run.args.is_given(name) and frozen:
            yield Problem(
                ("swift", name),
                f"`{name}` has no effect: {_PARTS[freeze]} is frozen",
                f"write `model: {{{freeze}: false}}`, or remove {name}",
                at_key=True,
            )
