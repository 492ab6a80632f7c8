"""What the interpreter that trains needs for this model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models import family_of
from vlft.probe.gpus import FLASH_ATTENTION_2
from vlft.rules.base import Problem, Problems, RunSpec, gpu_before, rule
from vlft.rules.code import missing_modules
from vlft.swift.release import model_name
from vlft.swift.versions import package_of, unmet, version_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.swift.interpreter import Interpreter


_ATTENTION = ("eager", "sdpa", "flash_attn", "flash_attention_2", "flash_attention_3",
              "flash_attention_4", "flex_attention")  # fmt: skip
_FLASH = {
    "flash_attn": "flash-attn",
    "flash_attention_2": "flash-attn",
    "flash_attention_3": "flash-attn-3",
    "flash_attention_4": "flash-attn-4",
}
# Looked at by rules of their own, or (decord) needed only for videos.
_ELSEWHERE = ("decord", "qwen-vl-utils")


@rule("error", "late", says="is not supported. The only possible arguments are")
def attention_unknown(run: RunSpec) -> Problems:
    """`model.attn_impl` is an attention that transformers has, or a kernel on the hub.

    Source: transformers/modeling_utils.py: Specified attn_implementation is not supported
    """
    name = run.config.model.attn_impl
    if name is None or name in _ATTENTION or "/" in name or "|" in name:
        return
    yield Problem.unknown(("model", "attn_impl"), "attention", name, _ATTENTION)


@rule("error", "late", says="it cannot be used due to the following error")
def flash_attention(run: RunSpec) -> Problems:
    """The interpreter that trains has the flash attention that `model.attn_impl` names.

    Source: transformers/modeling_flash_attention_utils.py
    """
    package, interpreter = _FLASH.get(run.config.model.attn_impl or ""), _trainer(run)
    # Without flash-attn, transformers takes the same kernel through `kernels`.
    if package is None or interpreter is None or "kernels" in interpreter.packages:
        return
    if run.world.cpu:  # where nothing could be installed that would help
        return
    if package not in interpreter.packages:
        message = f"{package} is not installed in {interpreter.python}"
        yield Problem(("model", "attn_impl"), message, "write `sdpa`, or install it")


@rule("error", "late", says="FlashAttention only supports Ampere GPUs or newer")
def flash_gpu(run: RunSpec) -> Problems:
    """Flash attention runs on GPUs that it has kernels for, compute capability 8 and above.

    Source: flash-attn: csrc/flash_attn/flash_api.cpp
    """
    if run.config.model.attn_impl not in _FLASH:
        return
    old = gpu_before(run, FLASH_ATTENTION_2)
    if old is not None:
        yield Problem(("model", "attn_impl"), f"a {old} has no flash attention", "write `sdpa`")


@rule("error", "late")
def transformers_old(run: RunSpec) -> Problems:
    """The installed transformers is not older than the model needs.

    Source: swift/model/model_meta.py: check_requires only warns
    """
    for requirement, clause, installed in _unmet(run):
        if package_of(requirement) == "transformers" and installed and clause.startswith(">"):
            message = f"the model needs transformers {clause}; {installed} is installed"
            yield Problem(("model", "path"), message, f"pip install -U '{requirement}'")


@rule("error", "late")
def qwen_vl_utils(run: RunSpec) -> Problems:
    """A Qwen-VL model finds a qwen-vl-utils of a release that ms-swift can use.

    Source: swift/model/models/qwen.py: _check_qwen_vl_utils
    """
    entry, interpreter = run.model.entry, _trainer(run)
    if entry is None or interpreter is None:
        return
    wanted = [text for text in entry.requires if package_of(text) == "qwen-vl-utils"]
    if not wanted:
        return
    installed = interpreter.packages.get("qwen-vl-utils")
    if installed is None:
        message = f"qwen-vl-utils is not installed in {interpreter.python}"
    elif version_key("0.0.12") <= version_key(installed) < version_key("0.0.14"):
        message = f"ms-swift can't use qwen-vl-utils {installed}"
    elif (clause := unmet(wanted[0], installed)) is not None:
        message = f"the model needs qwen-vl-utils {clause}; {installed} is installed"
    else:
        return
    yield Problem(("model", "path"), message, "pip install -U 'qwen-vl-utils>=0.0.14'")


@rule("warning", "late")
def required(run: RunSpec) -> Problems:
    """What ms-swift asks for with this model is installed, in the versions it was tried with.

    Source: swift/model/model_meta.py: check_requires
    """
    missing = missing_modules(run)
    for requirement, clause, installed in _unmet(run):
        name = package_of(requirement)
        entry = run.model.entry
        family = family_of(entry.model_type) if entry else None
        if name in (*_ELSEWHERE, *missing, *(family.needless_packages if family else ())):
            continue
        if name == "transformers" and clause.startswith(">"):
            continue
        what = f"{installed} is installed" if installed else "it is not installed"
        message = f"ms-swift asks for `{requirement}` with this model; {what}"
        yield Problem(("model", "path"), message, f"pip install '{requirement}'")


@rule("error", "late", says="'NoneType' object is not subscriptable")
def model_newer(run: RunSpec) -> Problems:
    """A model that transformers 5 wrote does not go to transformers 4.

    Source: transformers 5 writes rope_parameters, 4 reads rope_scaling and rope_theta
    """
    checkpoint, interpreter = run.facts.model.checkpoint, _trainer(run)
    installed = interpreter.packages.get("transformers") if interpreter is not None else None
    if checkpoint is None or installed is None or version_key(installed) >= version_key("5"):
        return
    nested = checkpoint.config.get("text_config")
    text = nested if isinstance(nested, dict) else checkpoint.config
    if "rope_parameters" in text and not {"rope_scaling", "rope_theta"} & text.keys():
        yield Problem(
            ("model", "path"),
            "its config.json has rope_parameters, the form of transformers 5, which "
            f"transformers {installed} passes over",
            "take the model as it was published, or an interpreter with transformers 5",
        )


def _trainer(run: RunSpec) -> Interpreter | None:
    """The interpreter that trains, if what is installed in it could be read."""
    interpreter = run.facts.interpreter
    return interpreter if interpreter is not None and interpreter.swift_dir is not None else None


def _unmet(run: RunSpec) -> Iterator[tuple[str, str, str | None]]:
    """(requirement, the clause that does not hold, the installed version) of the model's."""
    entry, interpreter = run.model.entry, _trainer(run)
    if entry is None or interpreter is None:
        return
    name = model_name(run.facts.model.argument).lower()
    group = next((group for group in entry.groups if name in group.names), None)
    for requirement in (group.requires if group else ()) or entry.requires:
        installed = interpreter.packages.get(package_of(requirement))
        clause = "" if installed is None else unmet(requirement, installed)
        if clause is not None:
            yield requirement, clause, installed
