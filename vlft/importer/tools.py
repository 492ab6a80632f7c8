"""`swift export` and `swift infer` → the vlft command that does it, and what of it is a config."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from vlft.importer.draft import Entry
from vlft.importer.flags import drop_secret
from vlft.importer.shell.state import Text
from vlft.importer.spans import finding, shown

if TYPE_CHECKING:
    from vlft.importer.draft import Draft
    from vlft.importer.flags import Flag, Translated
    from vlft.importer.versions import Era

_OTHER_EXPORTS: Final = (
    "to_cached_dataset", "to_ollama", "push_to_hub", "to_mcore", "to_megatron", "to_hf",
    "to_peft_format",
)  # fmt: skip
"""What else `swift export` does."""

_WEIGHTS: Final = ("adapters", "ckpt_dir", "resume_from_checkpoint", "model")


def place_tool(draft: Draft, subcommand: str, translated: Translated, era: Era) -> None:
    """Writes the vlft command above the config, and says of each flag where it went.

    Args:
        draft: Takes the model, and comments.
        subcommand: `export` or `infer`.
        translated: The flags.
        era: The release the command is for.
    """
    flags = translated.flags
    target = next((flags[name] for name in _WEIGHTS if name in flags), None)
    used: dict[str, str] = {}
    words = ["vlft", "merge" if subcommand == "export" else "infer"]
    if target is not None:
        words.append(target.value)
        used[target.name] = "the command above"
    if subcommand == "export":
        _export(words, used, translated, era)
    else:
        _infer(words, used, flags)
    other = next((name for name in _OTHER_EXPORTS if _is_on(flags.get(name))), None)
    if other is None:
        draft.head += ["", "vlft does it with:", f"  {shlex.join(words)}", ""]
    else:
        used.clear()
        message = f"vlft has no command for `swift export --{other}`"
        spot = flags[other].spot
        hint = "type it as before"
        translated.findings.append(finding("import.other-command", "warning", spot, message, hint))
        draft.head.append(f"{message}: {hint}.")
    model = flags.get("model")
    if model is not None:
        draft.entries["model", "path"] = Entry((Text(model.value, model.why),), "text")
        used.setdefault("model", "model.path")
    for name, flag in flags.items():
        if flag.is_secret:
            drop_secret(translated, flag)
        elif name not in used:
            translated.drop(
                flag, _ELSEWHERE.get(name, f"`vlft {words[1]}` has no such option"), harmless=True
            )
        if flag.why is not None:
            message = (
                f"{shown(flag.written())} can't be known without running the shell: {flag.why}"
            )
            hint = "write its value into the command"
            translated.findings.append(finding("import.asked", "error", flag.spot, message, hint))
    draft.left_out += [f"{flags[name].written()}: in {where}" for name, where in used.items()]


_ELSEWHERE: Final = {
    "model_type": "it is read from the checkpoint",
    "template": "it is read from the run's record",
    "load_data_args": "the run's record names its data: give --data",
    "stream": "answers are printed as a whole",
    "torch_dtype": "the checkpoint's own is taken",
}


def _is_on(flag: Flag | None) -> bool:
    return flag is not None and flag.value.lower() in ("true", "1", "yes")


def _export(words: list[str], used: dict[str, str], translated: Translated, era: Era) -> None:
    flags = translated.flags
    if "merge_lora" in flags:
        used["merge_lora"] = "the command above"
    bits, method = flags.get("quant_bits"), flags.get("quant_method")
    for name, option in (("quant_bits", "--quant-bits"), ("quant_method", "--quant-method"),
                         ("output_dir", "--output")):  # fmt: skip
        if name in flags:
            words += [option, flags[name].value]
            used[name] = "the command above"
    if bits is not None and method is None:
        _without_method(words, translated, bits, era)
    if era.major == 2 and "adapters" in flags:  # noqa: PLR2004 - the release
        message = (
            "a checkpoint of 2.x has sft_args.json, which ms-swift 4 does not read: it does not "
            "know the base model, the template and the system prompt"
        )
        hint = "train again, or give `--model BASE` to `swift export` by hand"
        translated.findings.append(
            finding("import.old-checkpoint", "warning", flags["adapters"].spot, message, hint)
        )
    if "merge_lora" in flags and bits is not None:
        message = (
            "merging and quantising in one command takes a merged folder that is there already"
        )
        hint = "vlft merges anew and verifies it, then quantises what it has merged"
        translated.findings.append(
            finding("import.stale-merge", "info", flags["merge_lora"].spot, message, hint)
        )


def _without_method(words: list[str], translated: Translated, bits: Flag, era: Era) -> None:
    message = f"`--quant_bits {bits.value}` without `--quant_method`: ms-swift asks for one now"
    if era.major == 2:  # noqa: PLR2004 - the release
        message += "; 2.x took awq, which has 4 bits only"
    if bits.value == "8":
        hint = "vlft takes bnb, which needs no data; gptq needs `--dataset`"
        words += ["--quant-method", "bnb"]
    else:
        hint = "write `--quant-method`: bnb needs no data; gptq and awq do"
    translated.findings.append(finding("import.quant-method", "warning", bits.spot, message, hint))


def _infer(words: list[str], used: dict[str, str], flags: dict[str, Flag]) -> None:
    data = flags.get("val_dataset")
    if data is not None:
        words += ["--data", data.value]
        used["val_dataset"] = "the command above"
    else:
        words.append("QUESTION")
    if "max_new_tokens" in flags:
        words += ["--max-new-tokens", flags["max_new_tokens"].value]
        used["max_new_tokens"] = "the command above"
    if "max_batch_size" in flags:
        words += ["--batch-size", flags["max_batch_size"].value]
        used["max_batch_size"] = "the command above"
