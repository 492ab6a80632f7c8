"""What is trained, and what stays frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, not_installed, rule
from vlft.swift.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.config.source import KeyPath
    from vlft.resolve.run import RunSpec

TUNERS = (
    "lora", "full", "longlora", "adalora", "llamapro", "adapter", "vera", "boft", "fourierft",
    "reft", "bone", "ia3", "lora_llm", "dummy",
)  # fmt: skip
"""Names that ms-swift 4.6 knows (swift/arguments/base_args/base_args.py: get_supported_tuners,
swift/tuner_plugin/mapping.py: tuners_map)."""


@rule(
    "tuner.lora-with-full",
    "error",
    "swift/arguments/tuner_args.py: ignored without a word",
    effect="silent",
)
def lora_with_full(run: RunSpec) -> Iterator[Problem]:
    """A `lora:` section stands beside a tuner that reads it."""
    if run.config.tuner == "full" and run.config.lora is not None:
        yield Problem(
            ("lora",),
            "`tuner: full` trains all weights and reads nothing of `lora:`",
            "remove the section (`lora: null` removes an inherited one) or write `tuner: lora`",
            at_key=True,
        )


@rule(
    "tuner.unknown",
    "error",
    "swift/pipelines/train/tuner.py: prepare_adapter",
    effect="late",
    says="Unknown tuner_type",
)
def tuner_is_known(run: RunSpec) -> Iterator[Problem]:
    """`tuner` is one that ms-swift has, or that a plugin may bring."""
    name = run.config.tuner
    if name in TUNERS or run.has_plugins:
        return
    if name.lower() == "qlora":
        hint: str | None = "write `tuner: lora` and `quant: {bits: 4, method: bnb}`"
    else:
        from vlft.text import nearest  # noqa: PLC0415 - difflib, only on an error

        close = nearest(name, TUNERS)
        hint = f"did you mean `{close}`?" if close else "one of " + ", ".join(TUNERS)
    yield Problem(("tuner",), f"ms-swift {run.facts.swift.version} has no tuner `{name}`", hint)


@rule(
    "tuner.package",
    "error",
    "swift/pipelines/train/tuner.py: prepare_adapter",
    effect="late",
    says="ImportError",
)
def tuner_has_its_package(run: RunSpec) -> Iterator[Problem]:
    """The package that a tuner comes from is installed, in a version that has it."""
    name, interpreter = run.config.tuner, run.facts.interpreter
    if interpreter is None:
        return
    if name == "reft":
        yield from not_installed(run, "pyreft", ("tuner",))
    peft = interpreter.packages.get("peft")
    if name == "bone" and peft is not None and version_key(peft) >= version_key("0.20"):
        yield Problem(("tuner",), f"peft {peft} has no `bone` any more", "write `tuner: lora`")


@rule(
    "tuner.llama-only",
    "error",
    "swift/pipelines/train/tuner.py: prepare_adapter",
    effect="late",
    says="AssertionError",
)
def longlora_is_for_llama(run: RunSpec) -> Iterator[Problem]:
    """`tuner: longlora` is for Llama models."""
    if run.config.tuner == "longlora" and run.family is not None:
        yield Problem(
            ("tuner",),
            f"`longlora` works on Llama models only, not on {run.family.title}",
            "write `tuner: lora`",
        )


@rule(
    "tuner.lisa",
    "error",
    "swift/callbacks/lisa.py: LISACallback",
    effect="late",
    says="LISA only supports full parameter training.",
)
def lisa_trains_whole_layers(run: RunSpec) -> Iterator[Problem]:
    """LISA is used with `tuner: full`."""
    layers = run.args.given("lisa_activated_layers", float)
    if layers and layers > 0 and run.config.tuner != "full":
        yield Problem(
            ("swift", "lisa_activated_layers"),
            f"LISA trains whole layers; `tuner` is `{run.config.tuner}`",
            "write `tuner: full`, or remove lisa_activated_layers",
            at_key=True,
        )


@rule(
    "tuner.one-adapter",
    "error",
    "swift/pipelines/train/tuner.py: TunerMixin.prepare_model",
    effect="late",
    says="args.adapters",
)
def one_adapter_is_trained(run: RunSpec) -> Iterator[Problem]:
    """Training goes on from one adapter at most."""
    adapters = run.args.given_texts("adapters")
    if len(adapters) > 1 and run.config.tuner != "full":
        yield Problem(
            ("swift", "adapters"),
            f"{len(adapters)} adapters; a run can train one",
            "merge the others into the model first, or name one",
        )


@rule(
    "tuner.adapter-with-full",
    "error",
    "swift/pipelines/train/tuner.py: TunerMixin.prepare_model",
    effect="silent",
)
def adapter_is_loaded(run: RunSpec) -> Iterator[Problem]:
    """An adapter is named only beside a tuner that loads it."""
    if run.config.tuner == "full" and run.args.given_texts("adapters"):
        yield Problem(
            ("swift", "adapters"),
            "`tuner: full` never loads an adapter: the run would start from the base model",
            "merge it first (`vlft merge`) and name the merged folder in `model.path`",
            at_key=True,
        )


_PARAMETERS = (
    "trainable_parameters",
    "trainable_parameters_regex",
    "freeze_parameters",
    "freeze_parameters_regex",
    "freeze_parameters_ratio",
)


@rule(
    "tuner.parameters-ignored",
    "error",
    "swift/pipelines/train/tuner.py: TunerMixin.prepare_model",
    effect="silent",
)
def parameter_lists_are_read(run: RunSpec) -> Iterator[Problem]:
    """Lists of trained and frozen parameters stand beside `tuner: full`, which reads them."""
    if run.config.tuner == "full":
        return
    for name in _PARAMETERS:
        if run.args.given_texts(name) and run.args.given(name, float) != 0:
            trained = name.startswith("trainable")
            path: KeyPath = ("swift", name)
            yield Problem(
                path,
                f"`tuner: {run.config.tuner}` does not read `{name}`",
                "modules_to_save trains whole modules beside the adapter; "
                "`tuner: lora_llm` trains vision tower and aligner in full"
                if trained
                else "an adapter leaves all other weights frozen: remove it",
                at_key=True,
            )
