"""The files of a checkpoint: whether the weights are there, whole, and fit to be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.swift.versions import version_key

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint


# `quantization_config.quant_method` of a checkpoint → `quant.method`.
_METHODS = {"bitsandbytes": "bnb"}


def _model(run: RunSpec) -> Checkpoint | None:
    checkpoint = run.facts.model.checkpoint
    return checkpoint if checkpoint is not None and checkpoint.kind == "model" else None


@rule("error", "late", says="no file named model.safetensors")
def no_weights(run: RunSpec) -> Problems:
    """A model's folder holds its weights.

    Source: transformers: from_pretrained
    """
    checkpoint = _model(run)
    if checkpoint is not None and not checkpoint.weight_files:
        message = f"`{checkpoint.path}` has a config.json but no weights"
        hint = "fetch the rest: model.safetensors, or model.safetensors.index.json and its shards"
        yield Problem(("model", "path"), message, hint)


@rule("error", "silent")
def no_tokenizer(run: RunSpec) -> Problems:
    """A model's folder holds the vocabulary of its tokenizer.

    Source: transformers/tokenization_utils_tokenizers.py: an empty vocabulary without a word
    """
    checkpoint = _model(run)
    # Code of a checkpoint's own may read files of any name.
    if checkpoint is None or checkpoint.tokenizer_files or checkpoint.code_files:
        return
    yield Problem(
        ("model", "path"),
        f"`{checkpoint.path}` has no tokenizer: transformers would make an empty one, and every "
        "word of the data would be the same token",
        "fetch the rest: tokenizer.json, or vocab.json and merges.txt, or tokenizer.model",
    )


@rule("error", "late", says="has no attribute image_processor")
def no_processor(run: RunSpec) -> Problems:
    """A vision-language model's folder holds the settings of its image processor.

    Source: swift/model/register.py: get_processor takes the tokenizer alone
    """
    checkpoint, family = _model(run), run.family
    # InternVL's own code cuts pictures itself.
    if checkpoint is None or family is None or not family.processor:
        return
    if not checkpoint.has_processor:
        message = f"`{checkpoint.path}` has no preprocessor_config.json: no picture can be read"
        hint = "fetch it again, from the same release of the model"
        yield Problem(("model", "path"), message, hint)


@rule("error", "late")
def weights_broken(run: RunSpec) -> Problems:
    """Every weight file of the checkpoint is there and whole.

    Source: safetensors: reading the header
    """
    checkpoint = _model(run)
    if checkpoint is None or not checkpoint.problems:
        return
    (name, problem), *others = checkpoint.problems.items()
    more = f" (and {len(others)} more of {len(checkpoint.weight_files)} files)" if others else ""
    hint = "fetch the file again"
    yield Problem(("model", "path"), f"`{name}` in `{checkpoint.path}` {problem}{more}", hint)


@rule("error", "late")
def pickle_refused(run: RunSpec) -> Problems:
    """Weights in pickle form are loaded by a torch that transformers trusts with them.

    Source: transformers/utils/import_utils.py: check_torch_load_is_safe
    """
    files, torch = _pickles(run), _old_torch(run)
    if files and torch is not None:
        yield Problem(
            ("model", "path"),
            f"`{files[0]}` is a pickle, and transformers refuses to load one with torch {torch}",
            "install torch 2.6 or later, or convert the weights to safetensors",
        )


@rule("warning", "silent")
def pickle(run: RunSpec) -> Problems:
    """Weights are safetensors, or loading pickles was consented to.

    Source: torch.load: a pickle is a program
    """
    files = _pickles(run)
    if files and _old_torch(run) is None and not run.config.model.trust_remote_code:
        yield Problem(
            ("model", "path"),
            f"`{files[0]}` is a pickle: only torch's own restrictions keep it from running code",
            "take the safetensors of this model, or write `model: {trust_remote_code: true}`",
        )


@rule("error", "late", says="The model is quantized with")
def quantised_otherwise(run: RunSpec) -> Problems:
    """`quant` names the method that the checkpoint is quantised with, if it is.

    Source: transformers/quantizers/auto.py: merge_quantization_configs
    """
    method, quant = _quantised(run), run.config.quant
    if method is not None and quant is not None and quant.method != method:
        yield Problem(
            ("quant", "method"),
            f"the checkpoint is quantised already, with {method}; `quant` asks for {quant.method}",
            "remove `quant`: LoRA trains on the quantised weights as they are",
        )


@rule("warning", "silent")
def quantised_already(run: RunSpec) -> Problems:
    """`quant` is given only for weights that are not quantized yet.

    Source: transformers/quantizers/auto.py: the checkpoint's own quantization_config is used
    """
    method, quant = _quantised(run), run.config.quant
    if method is not None and quant is not None and quant.method == method:
        because = f"the checkpoint is quantised already, with {method}"
        yield Problem.ignored(("quant",), because, "remove `quant`")


@rule("error", "late")
def quantised_full(run: RunSpec) -> Problems:
    """`tuner: full` trains weights that are not quantised.

    Source: transformers/trainer_utils.py: validate_quantization_for_training
    """
    method = _quantised(run)
    if method is not None and method != "fp8" and run.config.tuner == "full":
        message = f"the checkpoint is quantised ({method}); quantised weights can't be trained"
        hint = "write `tuner: lora`, or take the model that is not quantised"
        yield Problem(("tuner",), message, hint)


def _pickles(run: RunSpec) -> tuple[str, ...]:
    """Those of the files to be loaded that are pickles."""
    checkpoint = _model(run)
    if checkpoint is None:
        return ()
    return tuple(name for name in checkpoint.weight_files if name in checkpoint.pickle_files)


def _old_torch(run: RunSpec) -> str | None:
    """The installed torch, if transformers refuses to load pickles with it."""
    torch = run.installed("torch")
    return torch if torch is not None and version_key(torch) < version_key("2.6") else None


def _quantised(run: RunSpec) -> str | None:
    """How the checkpoint is quantised, in the words of `quant.method`; None if it is not."""
    checkpoint = _model(run)
    quantization = checkpoint.quantization if checkpoint else None
    if quantization is None:
        return None
    method = str(quantization.get("quant_method") or "bitsandbytes")
    return _METHODS.get(method, method)
