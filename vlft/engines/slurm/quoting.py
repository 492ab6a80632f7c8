"""Values in a batch script: once for bash, once for sbatch, whose quotes are others."""

from __future__ import annotations

import re
import shlex
from typing import Final

from vlft.errors import VlftError

_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f]")


def word(value: str) -> str:
    r"""A value as one word of bash.

    sbatch refuses a script with `\r\n` in it, wherever it stands; bash knows another way to
    write a carriage return.
    """
    if "\r" not in value:
        return shlex.quote(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\r", "\\r")
    return f"$'{escaped}'"


def directive(option: str) -> str:
    """An `#SBATCH` line for `--name=value` or `--flag`.

    sbatch reads quotes and backslashes by rules of its own, and expands nothing
    (slurm: sbatch/opt.c).

    Raises:
        VlftError: If the value can't stand in one line.
    """
    if _UNWRITABLE.search(option):
        raise VlftError(
            f"{option.partition('=')[0]}: a line of sbatch can't hold a line break or a control "
            "character",
        )
    name, equals, value = option.partition("=")
    if not equals:
        return f"#SBATCH {option}"
    if not re.fullmatch(r"[\w%@:/.,+-]+", value, re.ASCII):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"#SBATCH {name}={value}"


def file_pattern(folder: str, name: str) -> str:
    """A file of a folder for --output, in which `%` begins a placeholder and `%%` is a percent.

    Args:
        folder: Taken literally.
        name: May have placeholders: `slurm-%j.out`.

    Raises:
        VlftError: If sbatch has no way to write that folder.
    """
    if "\\" in folder:
        raise VlftError(
            f"sbatch can't write into a folder with a backslash in its name: {folder}",
            "choose another output_dir",
        )
    return folder.replace("%", "%%") + "/" + name
