"""Evaluation: what it is done on, when, and what depends on it."""

from __future__ import annotations

from vlft.rules.base import Problem, Problems, RunSpec, not_installed, rule

_STRATEGIES = ("no", "steps", "epoch")
_NO_DATA = "write `data: {val: 0.01}`, or name validation files there"


@rule("warning", "silent")
def no_data(run: RunSpec) -> Problems:
    """Where evaluation is asked for there is something to evaluate on.

    Source: swift/arguments/sft_args.py: __post_init__ sets eval_strategy to no
    """
    if run.has_validation or run.config.data.val is not None:
        return
    strategy = run.args.given("eval_strategy", str)
    if strategy in {"steps", "epoch"}:
        yield Problem.ignored(("swift", "eval_strategy"), "there is no validation data", _NO_DATA)
    elif strategy is None and run.config.train.eval_steps is not None:
        yield Problem.ignored(("train", "eval_steps"), "there is no validation data", _NO_DATA)
    elif run.save_strategy == "best":
        message = "`save_strategy: best` saves only the last step: there is no validation data"
        yield Problem(("swift", "save_strategy"), message, _NO_DATA)


@rule("warning", "silent")
def data_unused(run: RunSpec) -> Problems:
    """Validation data is given only if the run evaluates.

    Source: swift/arguments/sft_args.py: _init_eval_strategy
    """
    if run.config.data.val is None or not run.has_validation or run.evaluates:
        return
    name = "eval_strategy" if run.args.given("eval_strategy", str) else "save_strategy"
    message = f"`{name}: no` switches evaluation off: `data.val` has no effect"
    hint = "write `swift: {eval_strategy: epoch}`, or remove data.val"
    yield Problem(("swift", name), message, hint)


@rule("error", "aborts", says="is not a valid IntervalStrategy")
def strategy(run: RunSpec) -> Problems:
    """Evaluation comes by `eval_strategy`, else by `save_strategy`: no, steps or epoch.

    Source: transformers/trainer_utils.py: IntervalStrategy
    """
    strategy = run.eval_strategy
    if strategy in _STRATEGIES:
        return
    if run.args.given("eval_strategy", str) is not None:
        yield Problem.unknown(("swift", "eval_strategy"), "eval_strategy", strategy, _STRATEGIES)
    else:
        message = f"`save_strategy: {strategy}` does not say when to evaluate"
        hint = "write `eval_strategy: steps` or `epoch` beside it"
        yield Problem(("swift", "save_strategy"), message, hint)


@rule("error", "aborts", says="--load_best_model_at_end requires the")
def best_model(run: RunSpec) -> Problems:
    """For `load_best_model_at_end` every checkpoint is evaluated.

    Source: transformers/training_args.py: _validate_args
    """
    path = ("swift", "load_best_model_at_end")
    if not run.args.flag("load_best_model_at_end") or run.save_strategy == "best":
        return
    when, where = run.save_strategy, run.eval_strategy
    if when != where and not run.has_validation:
        yield Problem(path, "no model is the best: there is no validation data", _NO_DATA)
        return
    if when != where:
        message = f"`save_strategy` is {when}, `eval_strategy` is {where}: they must be the same"
        wanted = f"write `swift: {{eval_strategy: {when}}}`"
        hint = wanted if when != "no" else "save_strategy: steps"
        yield Problem(path, message, hint)
        return
    save = run.args.get("save_steps", float)
    evaluation = run.args.get("eval_steps", float)
    if save and evaluation and when == "steps" and not _divides(evaluation, save):
        given = run.args.is_given("eval_steps")
        yield Problem(
            ("train", "eval_steps" if given else "save_steps"),
            f"save_steps {save:g} is not a multiple of eval_steps {evaluation:g}, which "
            "`load_best_model_at_end` wants",
            f"eval_steps: {save:g}",
        )


def _divides(part: float, whole: float) -> bool:
    # transformers' way around 0.3 % 0.1, which is 0.1; a share and a number are not compared so.
    return not whole % part or (whole < 1 and not (whole * 1_000_000) % (part * 1_000_000))


@rule("warning", "silent")
def early_stop(run: RunSpec) -> Problems:
    """A run that stops by a metric evaluates.

    Source: swift/callbacks/early_stop.py: EarlyStopCallback.on_save
    """
    rounds = run.args.given("early_stop_interval", float)
    if rounds is not None and rounds > 0 and not run.evaluates:
        yield Problem.ignored(("swift", "early_stop_interval"), "nothing is evaluated", _NO_DATA)


@rule("error", "aborts", says="requires an eval strategy")
def plateau(run: RunSpec) -> Problems:
    """A learning rate that follows the evaluation has one.

    Source: transformers/training_args.py: _validate_args
    """
    name = run.args.given("lr_scheduler_type", str)
    if name in {"reduce_lr_on_plateau", "greedy"} and not run.evaluates:
        message = f"`{name}` follows a metric, and nothing is evaluated"
        yield Problem(("swift", "lr_scheduler_type"), message, _NO_DATA)


@rule("error", "late", says="TypeError")
def symlink(run: RunSpec) -> Problems:
    """`create_checkpoint_symlink` links the best checkpoint, which an evaluation finds.

    Source: swift/pipelines/train/sft.py: _handle_trainer_state
    """
    if run.args.flag("create_checkpoint_symlink") and not run.evaluates:
        yield Problem(
            ("swift", "create_checkpoint_symlink"),
            "without an evaluation no checkpoint is the best, and making the link fails when the "
            "run has ended",
            _NO_DATA + "; or remove create_checkpoint_symlink",
            at_key=True,
        )


@rule("error", "aborts", says="requires installing the jieba dependency")
def jieba(run: RunSpec) -> Problems:
    """Judging generated text has jieba, which it splits words with.

    Source: swift/arguments/sft_args.py: _init_metric
    """
    metric = run.args.given("eval_metric", str)
    generates = run.args.flag("predict_with_generate") and metric is None
    if generates or metric == "nlg":
        path = ("swift", "predict_with_generate" if generates else "eval_metric")
        yield from not_installed(run, "jieba", path, at_key=True)


@rule("error", "aborts", says="evalscope is not installed")
def evalscope(run: RunSpec) -> Problems:
    """Evaluation by evalscope has the package.

    Source: swift/trainers/arguments.py: TrainArgumentsMixin.__post_init__
    """
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


@rule("error", "late", says="install")
def reporter(run: RunSpec) -> Problems:
    """What `report_to` names is installed where the run trains.

    Source: swift/arguments/sft_args.py: _init_swanlab;
    transformers/integrations/integration_utils.py: the callback of each service
    """
    for name in run.args.given_texts("report_to"):
        if name in _REPORTERS:
            yield from not_installed(run, _REPORTERS[name], ("swift", "report_to"))


_BUILT_IN = frozenset({
    "azure_ml", "codecarbon", "dagshub", "flyte", "kubeflow", "neptune", "tensorboard",
    "all", "none",
})  # fmt: skip


@rule("error", "late", says="is not supported, only")
def reporter_unknown(run: RunSpec) -> Problems:
    """`report_to` names services that transformers reports to.

    Source: transformers/integrations/integration_utils.py: get_reporting_integration_callbacks
    """
    if run.args.given_texts("external_plugins"):
        return
    for name in run.args.given_texts("report_to"):
        known = name in _BUILT_IN or name in _REPORTERS or name.startswith(("{", "["))
        if not known:  # swift.value reports what is not a text
            services = sorted(_BUILT_IN | set(_REPORTERS))
            yield Problem.unknown(("swift", "report_to"), "service", name, services)
