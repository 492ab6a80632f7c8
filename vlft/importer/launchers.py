"""Which ms-swift subcommand words start, what its launcher gets, and how a script is started."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from vlft.importer.shell.state import Field, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.shell.interpreter import Invocation


TRAINING: Final = ("sft", "pt", "rlhf")
IMPORTED: Final = (*TRAINING, "export", "infer")
OTHERS: Final = ("deploy", "eval", "app", "rollout", "sample", "web-ui", "app-ui", "merge-lora")
_RLHF_TYPES: Final = ("dpo", "kto", "orpo", "simpo", "cpo", "ppo", "grpo", "gkd", "rm")
"""Subcommands of early 2.x that `swift rlhf --rlhf_type` took in."""

_ALIASES: Final = {"merge_lora": "merge-lora", "web_ui": "web-ui", "app_ui": "app-ui"}
_SCRIPT: Final = re.compile(r"(?:^|/)(?:llm_)?(sft|pt|rlhf|export|infer|dpo|orpo|simpo)\.py$")
_OLD_SCRIPT: Final = re.compile(r"(?:^|/)(?:llm_|rlhf|swift/|cli/)")
_WHERE: Final = re.compile(
    r"(?:\$\(|`)\s*(?:which|command -v|type -p)\s+"
    r"(swift|python[0-9.]*|torchrun|deepspeed|accelerate)\s*(?:\)|`)"
)
_PAIR: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_MODULE: Final = re.compile(r"swift\.cli\.(?:_megatron\.)?(\w+)")
_SAYS_ONLY: Final = frozenset(
    {"echo", "printf", "cat", "grep", "pip", "git", "which", "man", "alias"}
)


class Launch(Struct, frozen=True):
    """A command of ms-swift.

    Attributes:
        subcommand: `sft` and the like; `megatron sft` for what vlft does not start.
        rlhf_type: From the subcommand's own name in early releases.
        fields: The words after it.
        options: What the launcher in front was told: `nproc_per_node` and the like.
        launcher: `torchrun`, `deepspeed`, `accelerate`; None for `swift` itself or python.
        unread: Words in front that say something else.
    """

    subcommand: str
    fields: tuple[Field, ...]
    rlhf_type: str | None = None
    options: dict[str, Text] = field(default_factory=dict)
    launcher: str | None = None
    unread: tuple[str, ...] = ()


def find_launch(fields: Sequence[Field]) -> Launch | None:
    """The ms-swift command in these words; None if there is none."""
    if not fields or fields[0].value.text.rpartition("/")[2] in _SAYS_ONLY:
        return None
    fields = [_by_name(one) for one in fields]
    for index, one in enumerate(fields):
        if one.value.why is not None:
            continue
        found = _subcommand(fields, index)
        if found is not None:
            name, after = found
            options, launcher, unread = _prefix(fields[:index])
            rest = tuple(fields[after:])
            if rest and all(one.value.text in ("--help", "-h") for one in rest):
                return None
            if name in _RLHF_TYPES:
                return Launch("rlhf", rest, name, options, launcher, unread)
            return Launch(name, rest, None, options, launcher, unread)
        if one.value.text.startswith("--output") and index > 40:  # noqa: PLR2004
            break
    return None


def started_script(invocation: Invocation) -> str | None:
    """The shell script that a command starts; None if it starts none."""
    words = [one.value.text for one in invocation.fields]
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word.rpartition("/")[2] in ("bash", "sh") and after.endswith(".sh"):
            return after
    return words[0] if words[0].endswith(".sh") else None


def unknown_command(invocation: Invocation) -> Field | None:
    """The variable that holds a command's name, where that is not known; None if it is."""
    for one in invocation.fields:
        if one.value.why is not None:
            return one
        if not (_PAIR.fullmatch(one.value.text) or one.value.text in _WORDLESS):
            return None
    return None


def _by_name(field: Field) -> Field:
    """`$(which swift)` is wherever it is, but it is swift."""
    found = _WHERE.fullmatch(field.value.text) if field.value.why is not None else None
    return field if found is None else replace(field, value=Text(found[1]))


def _subcommand(fields: Sequence[Field], index: int) -> tuple[str, int] | None:
    """The subcommand that begins at this word, and where its own words begin."""
    text = fields[index].value.text
    follows = fields[index + 1].value.text if index + 1 < len(fields) else ""
    name = text.rpartition("/")[2]
    if name in ("swift", "megatron") or text.endswith(("cli/main.py", "_megatron/main.py")):
        return _named(follows, index + 2, megatron="megatron" in text)
    if text == "-m":
        module = _MODULE.fullmatch(follows)
        if module is not None and module[1] != "main":
            return _named(module[1], index + 2, megatron="_megatron" in follows)
        if module is not None and index + 2 < len(fields):
            return _named(fields[index + 2].value.text, index + 3, megatron="_megatron" in follows)
        return None
    script = _SCRIPT.search(text)
    if script is None or not (_OLD_SCRIPT.search(text) or text == script[0]):
        return None
    return (f"megatron {script[1]}" if "megatron" in text else script[1]), index + 1


def _named(name: str, after: int, *, megatron: bool) -> tuple[str, int] | None:
    plain = _ALIASES.get(name, name.replace("_", "-"))
    if megatron:
        return (f"megatron {plain}", after) if re.fullmatch(r"[a-z-]+", plain) else None
    return (plain, after) if plain in (*IMPORTED, *OTHERS, *_RLHF_TYPES) else None


# Flags of a launcher → what they mean; the rest of its flags is told as not read.
_MEANINGS: Final = {
    "nproc_per_node": "nproc_per_node", "nproc-per-node": "nproc_per_node",
    "num_processes": "processes", "num_gpus": "nproc_per_node",
    "nnodes": "nnodes", "num_nodes": "nnodes", "num_machines": "nnodes",
    "node_rank": "node_rank", "node-rank": "node_rank", "machine_rank": "node_rank",
    "master_addr": "master_addr", "master-addr": "master_addr", "main_process_ip": "master_addr",
    "master_port": "master_port", "master-port": "master_port",
    "main_process_port": "master_port", "include": "include", "gpu_ids": "gpu_ids",
    "hostfile": "hostfile",
}  # fmt: skip
_HARMLESS: Final = frozenset({"standalone", "multi_gpu", "multi-gpu", "use_deepspeed", "u"})
_WORDLESS: Final = frozenset({
    "nohup", "time", "exec", "command", "env", "python", "python3", "torchrun", "deepspeed",
    "accelerate", "launch", "torch.distributed.run", "torch.distributed.launch", "uv", "run",
    "swift", "stdbuf", "-oL", "-eL", "-m", "-u", "setsid",
})  # fmt: skip


def _prefix(fields: Sequence[Field]) -> tuple[dict[str, Text], str | None, tuple[str, ...]]:
    """What stands before the subcommand: options, the launcher, what is not understood."""
    options: dict[str, Text] = {}
    launcher: str | None = None
    unread: list[str] = []
    takes: str | None = None
    for one in fields:
        value, text = one.value, one.value.text
        name = text.rpartition("/")[2]
        if takes is not None:
            options[takes] = value
            takes = None
            continue
        if name in ("torchrun", "deepspeed", "accelerate"):
            launcher = name
        elif name.startswith("torch.distributed"):
            launcher = "torchrun"
        pair = _PAIR.fullmatch(text)
        flag, equals, given = text.lstrip("-").partition("=")
        meaning = _MEANINGS.get(flag) if text.startswith("-") else None
        if pair is not None:
            options[f"env {pair[1]}"] = replace(value, text=pair[2])
        elif meaning is not None and equals:
            options[meaning] = replace(value, text=given)
        elif meaning is not None:
            takes = meaning
        elif not _harmless(text, flag, name):
            unread.append(one.raw)
    return options, launcher, tuple(unread)


def _harmless(text: str, flag: str, name: str) -> bool:
    """Whether a word in front says nothing that a config would have to say."""
    if text.startswith("-"):
        return flag in _HARMLESS or text in _WORDLESS
    return name in _WORDLESS or re.fullmatch(r"python[0-9.]*", name) is not None


_SHELLS: Final = ("bash", "sh", "sbatch", "source")
_NAMES: Final = (".sh", ".bash", ".slurm", ".sbatch", ".job")
_FIRST_LINE: Final = re.compile(rb"#!\s*\S*/(?:env\s+)?(?:ba|da|k|z)?sh\b")


class Start(Struct, frozen=True):
    """How a script is started.

    Attributes:
        words: What it is called with: `$1` and on; None if that is not known.
        env: Variables that stand before it.
    """

    words: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def script_of(words: Sequence[str]) -> tuple[str, Start] | None:
    """The script in `NAME=value bash train.sh word`, and how it is started.

    Args:
        words: As the user typed them.

    Returns:
        None if no shell script is named there.
    """
    env: dict[str, str] = {}
    at = 0
    while at < len(words) and (pair := _PAIR.fullmatch(words[at])) is not None:
        env[pair[1]] = pair[2]
        at += 1
    shell = at + 1 < len(words) and words[at] in _SHELLS
    at += shell
    if at >= len(words) or not (shell or _is_script(words[at])) or not Path(words[at]).is_file():
        return None
    given = tuple(words[at + 1 :])
    mistyped = given[:1] and given[0].startswith("-") and not os.access(words[at], os.X_OK)
    if mistyped and not shell:  # an option of vlft that is none, more likely
        return None
    return words[at], Start(given or None, env)


def _is_script(name: str) -> bool:
    if name.endswith(_NAMES):
        return True
    try:
        with Path(name).open("rb") as file:
            return _FIRST_LINE.match(file.read(64)) is not None
    except OSError:
        return False
