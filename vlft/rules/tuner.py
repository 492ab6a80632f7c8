"""What is trained, and what stays frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.batch import Batch
from vlft.rules.base import Problem, Problems, RunSpec, not_installed, rule
from vlft.swift.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterator


# Tuners that `--target_modules` and the freeze flags go to (prepare_adapter).
_TARGETED = frozenset({"lora", "longlora", "adalora", "vera", "boft", "fourierft", "bone"})
_ALL = "all-linear"
_GROUPS = frozenset({_ALL, "all-embedding"})
_OLD_NAMES = {"ALL": _ALL, "DEFAULT": _ALL, "AUTO": _ALL, "EMBEDDING": "all-embedding"}
_TRAINED = ("trainable_parameters", "trainable_parameters_regex")
_FROZEN = ("freeze_parameters", "freeze_parameters_regex", "freeze_parameters_ratio")
_TOWERS = frozenset({"visual", "vision_model", "vision_tower"})


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


@rule("error", "late")
def all_frozen(run: RunSpec) -> Problems:
    """At least one of language model, vision tower and aligner is not frozen.

    Source: swift/utils/transformers_utils.py: get_multimodal_target_regex;
    swift/arguments/tuner_args.py: _init_multimodal_full
    """
    model = run.config.model
    if run.family is None or not _by_parts(run):
        return
    if run.config.tuner == "full" and any(map(run.args.given_texts, _TRAINED)):
        return
    if model.freeze_llm and model.freeze_vit is not False and model.freeze_aligner is not False:
        yield Problem(
            ("model", "freeze_llm"),
            "language model, vision tower and aligner are all frozen: nothing would be trained"
            + ("" if model.freeze_vit and model.freeze_aligner else " (some of them by default)"),
            "write `freeze_vit: false` or `freeze_aligner: false`",
        )


@rule("warning", "silent")
def freeze_ignored(run: RunSpec) -> Problems:
    """With modules chosen by name, no `freeze_…` says otherwise: only `all-linear` reads it.

    Source: swift/pipelines/train/tuner.py: get_target_modules
    """
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
            because = f"`{what}` alone decides where adapters go"
            hint = f"leave it out, or write `target_modules: [{_ALL}]`, which keeps to it"
            yield Problem.ignored(("model", name), because, hint)


@rule("warning", "silent")
def tower_trained(run: RunSpec) -> Problems:
    """Names in `target_modules` that are also in a frozen vision tower are chosen on purpose.

    Source: peft/tuners/tuners_utils.py: check_target_module_exists matches name endings
    """
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


@rule("error", "late", says="not found in the base model")
def target_modules(run: RunSpec) -> Problems:
    """At least one name in `lora.target_modules` is a module of the checkpoint.

    Source: peft/tuners/tuners_utils.py: inject_adapter
    """
    missing = _missing(run)
    if missing and len(missing) == len(_targets(run) or ()):
        yield from missing


@rule("warning", "silent")
def target_module_missing(run: RunSpec) -> Problems:
    """Each name in `lora.target_modules` is a module of the checkpoint.

    Source: peft/tuners/tuners_utils.py: inject_adapter
    """
    missing = _missing(run)
    if len(missing) < len(_targets(run) or ()):
        yield from missing


def _missing(run: RunSpec) -> list[Problem]:
    """Names in `lora.target_modules` that the checkpoint does not have.

    Empty where its tensors can't all be read, or where names are not what decides.
    """
    targets, checkpoint = _targets(run), run.facts.model.checkpoint
    if not targets or _ALL in targets or checkpoint is None or checkpoint.problems:
        return []
    paths = [f".{name.rpartition('.')[0]}." for name in checkpoint.tensors()]
    return [
        _absent(index, target)
        for index, target in enumerate(targets if paths else ())
        if target not in _GROUPS and not any(f".{target}." in path for path in paths)
    ]


def _absent(index: int, name: str) -> Problem:
    old = _OLD_NAMES.get(name.upper())
    hint = f"`{_ALL}`, or the ends of its modules' names, such as q_proj"
    if old:
        hint = f"`{name}` of ms-swift 2 is called `{old}`"
    return Problem(("lora", "target_modules", index), f"the model has no module `{name}`", hint)


@rule("warning", "silent")
def all_linear_alone(run: RunSpec) -> Problems:
    """Beside `all-linear`, a vision-language model's `target_modules` name no other module.

    Source: swift/pipelines/train/tuner.py: get_target_modules returns the regex of all-linear
    """
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


@rule("warning", "silent")
def target_regex(run: RunSpec) -> Problems:
    """`swift.target_regex` and `lora.target_modules` are not both given: the first one wins.

    Source: swift/arguments/tuner_args.py: __post_init__
    """
    lora = run.config.lora
    if lora is not None and lora.target_modules and run.args.given("target_regex", str):
        because = "`swift.target_regex` alone decides where adapters go"
        yield Problem.ignored(("lora", "target_modules"), because, "keep one of the two")


@rule("warning", "silent")
def frozen_rate(run: RunSpec) -> Problems:
    """A learning rate of the vision tower or the aligner is given where that part is trained.

    Source: swift/trainers/arguments.py: optimizer multimodal
    """
    if not _by_parts(run):
        return
    for name, freeze, part in (
        ("vit_lr", "freeze_vit", "vision tower"),
        ("aligner_lr", "freeze_aligner", "aligner"),
    ):
        if run.args.is_given(name) and getattr(run.config.model, freeze) is not False:
            hint = f"write `model: {{{freeze}: false}}`, or remove {name}"
            yield Problem.ignored(("swift", name), f"the {part} is frozen", hint)


@rule("error", "aborts", says="use_liger_kernel requires liger_kernels")
def liger_installed(run: RunSpec) -> Problems:
    """The interpreter that trains has liger-kernel if the config asks for it.

    Source: swift/trainers/arguments.py: _init_liger
    """
    if run.args.flag("use_liger_kernel"):
        path = ("swift", "use_liger_kernel")
        yield from not_installed(run, "liger-kernel", path, at_key=True)


@rule("warning", "silent", says="There are currently no Liger kernels supported for model type")
def liger_model(run: RunSpec) -> Problems:
    """Liger kernels are asked for with a model that there are some for.

    Source: liger_kernel/transformers/monkey_patch.py: _apply_liger_kernel_to_instance
    """
    family = run.family
    if run.args.flag("use_liger_kernel") and family is not None and family.liger is None:
        because = f"there are no Liger kernels for {family.title}"
        hint = "leave it out, or take the model in transformers' own form (…-hf)"
        yield Problem.ignored(("swift", "use_liger_kernel"), because, hint)


@rule("error", "late", says="view size is not compatible with input tensor's size and stride")
def liger_logits(run: RunSpec) -> Problems:
    """With Liger kernels, several rows a step are not cut to the logits that the loss needs.

    Source: liger_kernel/transformers/model/loss_utils.py: LigerForCausalLMLoss
    """
    batch = run.batch
    if not run.args.flag("use_liger_kernel") or not isinstance(batch, Batch):
        return
    if batch.per_device == 1 or run.args.flag("packing") or run.args.flag("padding_free"):
        return
    # Imported here: only a config with Liger needs them.
    from vlft.estimate.memory.from_config import (  # noqa: PLC0415
        keeps_few_logits,
        liger_keeps_few_logits,
    )

    kind = (run.facts.model.sizes or {}).get("model_type")
    if liger_keeps_few_logits(kind) and keeps_few_logits(run, batch):
        yield Problem(
            ("swift", "use_liger_kernel"),
            f"Liger's loss can't take {batch.per_device} rows whose first tokens ms-swift leaves "
            "out (use_logits_to_keep)",
            "write `swift: {use_logits_to_keep: false}`; Liger computes no logits anyway",
            at_key=True,
        )


TUNERS = (
    "lora", "full", "longlora", "adalora", "llamapro", "adapter", "vera", "boft", "fourierft",
    "reft", "bone", "ia3", "lora_llm", "dummy",
)  # fmt: skip
"""Names that ms-swift 4.6 knows (swift/arguments/base_args/base_args.py: get_supported_tuners,
swift/tuner_plugin/mapping.py: tuners_map)."""


@rule("error", "silent")
def lora_with_full(run: RunSpec) -> Problems:
    """A `lora:` section is given only with a tuner that reads it.

    Source: swift/arguments/tuner_args.py: ignored without a word
    """
    if run.config.tuner == "full" and run.config.lora is not None:
        hint = "remove the section (`lora: null` removes an inherited one) or write `tuner: lora`"
        yield Problem.ignored(("lora",), "`tuner: full` trains all weights", hint)


@rule("error", "late", says="Unknown tuner_type")
def unknown(run: RunSpec) -> Problems:
    """`tuner` is one that ms-swift has, or that a plugin may bring.

    Source: swift/pipelines/train/tuner.py: prepare_adapter
    """
    name = run.config.tuner
    if name in TUNERS or run.has_plugins:
        return
    qlora = "write `tuner: lora` and `quant: {bits: 4, method: bnb}`"
    hint = qlora if name.lower() == "qlora" else ""
    release = f"ms-swift {run.facts.swift.version}"
    yield Problem.unknown(("tuner",), "tuner", name, () if hint else TUNERS, hint, release)


@rule("error", "late", says="ImportError")
def package(run: RunSpec) -> Problems:
    """The package that a tuner comes from is installed, in a version that has it.

    Source: swift/pipelines/train/tuner.py: prepare_adapter
    """
    name, peft = run.config.tuner, run.installed("peft")
    if name == "reft":
        yield from not_installed(run, "pyreft", ("tuner",))
    if name == "bone" and peft is not None and version_key(peft) >= version_key("0.20"):
        yield Problem(("tuner",), f"peft {peft} has no `bone` any more", "write `tuner: lora`")


@rule("error", "late", says="AssertionError")
def llama_only(run: RunSpec) -> Problems:
    """`tuner: longlora` is for Llama models.

    Source: swift/pipelines/train/tuner.py: prepare_adapter
    """
    if run.config.tuner == "longlora" and run.family is not None:
        message = f"`longlora` works on Llama models only, not on {run.family.title}"
        yield Problem(("tuner",), message, "write `tuner: lora`")


@rule("error", "late", says="LISA only supports full parameter training.")
def lisa(run: RunSpec) -> Problems:
    """LISA is used with `tuner: full`.

    Source: swift/callbacks/lisa.py: LISACallback
    """
    layers = run.args.given("lisa_activated_layers", float)
    if layers and layers > 0 and run.config.tuner != "full":
        message = f"LISA trains whole layers; `tuner` is `{run.config.tuner}`"
        hint = "write `tuner: full`, or remove lisa_activated_layers"
        yield Problem(("swift", "lisa_activated_layers"), message, hint, at_key=True)


@rule("error", "late", says="args.adapters")
def one_adapter(run: RunSpec) -> Problems:
    """Training starts from at most one adapter.

    Source: swift/pipelines/train/tuner.py: TunerMixin.prepare_model
    """
    adapters = run.args.given_texts("adapters")
    if len(adapters) > 1 and run.config.tuner != "full":
        hint = "merge the others into the model first, or name one"
        yield Problem(("swift", "adapters"), f"{len(adapters)} adapters; a run can train one", hint)


@rule("error", "silent")
def adapter_with_full(run: RunSpec) -> Problems:
    """An adapter is named only beside a tuner that loads it.

    Source: swift/pipelines/train/tuner.py: TunerMixin.prepare_model
    """
    if run.config.tuner == "full" and run.args.given_texts("adapters"):
        message = "`tuner: full` never loads an adapter: the run would start from the base model"
        hint = "merge it first (`vlft merge`) and name the merged folder in `model.path`"
        yield Problem(("swift", "adapters"), message, hint, at_key=True)


@rule("error", "silent")
def parameters_ignored(run: RunSpec) -> Problems:
    """Lists of trained and frozen parameters are given only with `tuner: full`.

    Source: swift/pipelines/train/tuner.py: TunerMixin.prepare_model
    """
    if run.config.tuner == "full":
        return
    for name in (*_TRAINED, *_FROZEN):
        if run.args.given_texts(name) and run.args.given(name, float) != 0:
            hint = "an adapter leaves all other weights frozen: remove it"
            if name in _TRAINED:
                hint = (
                    "modules_to_save trains whole modules beside the adapter; "
                    "`tuner: lora_llm` trains vision tower and aligner in full"
                )
            because = f"`tuner: {run.config.tuner}` does not read it"
            yield Problem.ignored(("swift", name), because, hint)
