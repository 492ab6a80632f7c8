"""Packages for metrics and for the services that a run reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, not_installed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.config.source import KeyPath
    from vlft.resolve.run import RunSpec


@rule(
    "evaluation.jieba",
    "error",
    "swift/arguments/sft_args.py: _init_metric",
    effect="aborts",
    says="requires installing the jieba dependency",
)
def metric_is_installed(run: RunSpec) -> Iterator[Problem]:
    """Judging generated text has jieba, which it splits words with."""
    metric = run.args.given("eval_metric", str)
    generates = run.args.flag("predict_with_generate") and metric is None
    if generates or metric == "nlg":
        path: KeyPath = ("swift", "predict_with_generate" if generates else "eval_metric")
        yield from not_installed(run, "jieba", path, at_key=True)


@rule(
    "evaluation.evalscope",
    "error",
    "swift/trainers/arguments.py: TrainArgumentsMixin.__post_init__",
    effect="aborts",
    says="evalscope is not installed",
)
def evalscope_is_installed(run: RunSpec) -> Iterator[Problem]:
    """Evaluation by evalscope has the package."""
    if run.args.flag("eval_use_evalscope"):
        path = ("swift", "eval_use_evalscope")
        yield from not_installed(run, "evalscope", path, at_key=True)


# What each service needs, as the name of its package.
_REPORTERS = {
    "clearml": "clearml",
    "comet_ml": "comet-ml",
    "dvclive": "dvclive",
    "mlflow": "mlflow",
    "swanlab": "swanlab",
    "trackio": "trackio",
    "wandb": "wandb",
}


@rule(
    "evaluation.reporter",
    "error",
    "swift/arguments/sft_args.py: _init_swanlab; "
    "transformers/integrations/integration_utils.py: the callback of each service",
    effect="late",
    says="install",
)
def reporters_are_installed(run: RunSpec) -> Iterator[Problem]:
    """What `report_to` names is installed where the run trains."""
    for name in run.args.given_texts("report_to"):
        if name in _REPORTERS:
            yield from not_installed(run, _REPORTERS[name], ("swift", "report_to"))


_BUILT_IN = frozenset({
    "azure_ml", "codecarbon", "dagshub", "flyte", "kubeflow", "neptune", "tensorboard",
    "all", "none",
})  # fmt: skip


@rule(
    "evaluation.reporter-unknown",
    "error",
    "transformers/integrations/integration_utils.py: get_reporting_integration_callbacks",
    effect="late",
    says="is not supported, only",
)
def reporters_are_known(run: RunSpec) -> Iterator[Problem]:
    """`report_to` names services that transformers reports to."""
    if run.args.given_texts("external_plugins"):
        return
    for name in run.args.given_texts("report_to"):
        known = name in _BUILT_IN or name in _REPORTERS or name.startswith(("{", "["))
        if not known:  # swift.value reports what is not a text
            yield Problem(
                ("swift", "report_to"),
                f"there is nothing called `{name}` to report to",
                "one of " + ", ".join(sorted(_BUILT_IN | set(_REPORTERS))),
            )
