"""Files that arguments under `swift:` name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.passed import words
from vlft.rules.base import Context, Problem, rule
from vlft.rules.mappings import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = ("external_plugins", "custom_register_path")


@rule(
    "swift.file-missing",
    "error",
    "swift/utils/utils.py: import_external_file; swift/arguments/base_args/model_args.py: "
    "_init_new_special_tokens; swift/dataset/register.py: register_dataset_info",
    effect="aborts",
    says="No such file or directory",
)
def named_files_are_there(context: Context) -> Iterator[Problem]:
    """Plugins, lists of tokens and descriptions of data are files, from the working directory."""
    for name, wanted in (
        *((name, "a Python file") for name in _CODE),
        ("new_special_tokens", "a text file"),
        ("custom_dataset_info", "a JSON file"),
    ):
        for text in words(context.config, name):
            if not _is_there(context, name, text):
                yield Problem(
                    ("swift", name),
                    f"`{name}` names `{text[:60]}`, which is not {wanted} that is there",
                    f"write the path of {wanted}; a relative one starts where vlft is started",
                )


def _is_there(context: Context, name: str, text: str) -> bool:
    # What `~` is, ms-swift looks up itself.
    found = text in context.facts.passed_files or text.startswith("~")
    if name in _CODE:
        return found and text.endswith((".py", ".so", ".pyc"))
    if name == "new_special_tokens":
        return found or not text.endswith(".txt")
    return found or isinstance(parsed(text), (list, dict))
