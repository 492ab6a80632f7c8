"""Arguments that are passed through to ms-swift, against the ms-swift that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.config.ownership import ARGUMENTS, RESERVED
from vlft.rules.base import Problem, rule
from vlft.rules.mappings import parsed
from vlft.security.secrets import is_secret_name, mask_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec
    from vlft.swift.release import Argument

_TOKEN_VARIABLES = {
    "hub_token": "HF_TOKEN or MODELSCOPE_API_TOKEN",
    "swanlab_token": "SWANLAB_API_KEY",
}


@rule("swift.interpreter", "error", "vlft: the process that trains", effect="late")
def interpreter_is_usable(run: RunSpec) -> Iterator[Problem]:
    """`launch.python` names an interpreter that exists and has ms-swift."""
    problem = run.facts.interpreter_problem
    if problem is not None:
        yield Problem(("launch", "python"), problem.message, problem.hint)
    interpreter = run.facts.interpreter
    if interpreter is not None and interpreter.swift_dir is None:
        yield Problem(
            ("launch", "python"),
            f"ms-swift is not installed in {interpreter.python}",
            f"{interpreter.python} -m pip install 'vlft[train]'",
        )


@rule("swift.owned", "error", "one owner a value", effect="silent")
def owned_by_a_section(run: RunSpec) -> Iterator[Problem]:
    """An argument that a section decides does not stand under `swift:`."""
    for name in run.passed:
        if name in ARGUMENTS:
            yield Problem(
                ("swift", name),
                f"`{name}` is decided by `{ARGUMENTS[name]}`",
                f"write `{ARGUMENTS[name]}` instead",
                at_key=True,
            )
        elif name in RESERVED:
            yield Problem(("swift", name), f"`{name}` is set by vlft", RESERVED[name], at_key=True)


@rule(
    "swift.unknown-argument",
    "error",
    "swift/pipelines/base.py: remaining_argv",
    effect="aborts",
    says="remaining_argv",
)
def argument_exists(run: RunSpec) -> Iterator[Problem]:
    """Every key under `swift:` is an argument of the installed ms-swift, written in full."""
    legal = run.facts.swift.arguments[run.config.task]
    for name in run.passed:
        if name in legal or name in ARGUMENTS or name in RESERVED:
            continue
        message, hint = _unknown(name, run)
        yield Problem(("swift", name), message, hint, at_key=True)


def _unknown(name: str, run: RunSpec) -> tuple[str, str | None]:
    """What to say of a name that is no argument, and what to write instead."""
    # Only an error needs these: difflib, and the names of earlier releases.
    from vlft.swift.names import old_name  # noqa: PLC0415
    from vlft.text import nearest  # noqa: PLC0415

    task, version = run.config.task, run.facts.swift.version
    legal = run.facts.swift.arguments[task]
    message = f"`swift {task}` {version} has no argument `{name}`"
    plain = name.replace("-", "_")
    if plain in legal:
        return message, f"did you mean `{_key(plain)}`?"
    old = old_name(task, name)
    if old is not None and old.new is not None and old.new in legal:
        return f"`{name}` is called `{old.new}` {old.gone}", f"write `{_key(old.new)}`"
    if old is not None and old.new is None:
        return f"ms-swift has had no argument `{name}` {old.gone}", "leave it out"
    longer = [other for other in legal if other.startswith(plain)]
    # argparse would take the beginning of a name for the whole of it.
    close = longer[0] if len(longer) == 1 else nearest(plain, legal)
    return message, f"did you mean `{_key(close)}`?" if close else None


def _key(argument: str) -> str:
    """How an argument of ms-swift is written: by its owner's key, else as it is."""
    return ARGUMENTS.get(argument, argument)


@rule(
    "swift.none-is-text",
    "error",
    "argparse: `None` on a command line is four letters",
    effect="silent",
)
def nothing_is_left_out(run: RunSpec) -> Iterator[Problem]:
    """An argument that is to have no value is left out, not written as `None`."""
    legal = run.facts.swift.arguments[run.config.task]
    for name, value in run.passed.items():
        argument = legal.get(name)
        if argument is None or argument.type != "str" or argument.choices is not None:
            continue
        if argument.optional and not argument.many and value in ("None", "none", "null"):
            yield Problem(
                ("swift", name),
                f"ms-swift would take `{value}` for the text of `{name}`",
                "leave the key out",
            )


@rule(
    "swift.secret-logged",
    "error",
    "swift/pipelines/base.py and args.json: all but *_token",
    effect="silent",
)
def secret_is_not_logged(run: RunSpec) -> Iterator[Problem]:
    """No secret is passed that ms-swift would write into its log and its args.json."""
    for name, value in run.passed.items():
        if value is not None and is_secret_name(name) and not name.endswith("_token"):
            yield Problem(
                ("swift", name),
                f"ms-swift writes `{name}` as it is into its log and args.json",
                "leave it out, and give it to the service in its own way",
                at_key=True,
            )


@rule(
    "swift.secret-visible",
    "warning",
    "a command line can be read by all users: ps",
    effect="silent",
)
def secret_is_not_on_the_command_line(run: RunSpec) -> Iterator[Problem]:
    """A token comes from the environment, not from the command line."""
    for name, value in run.passed.items():
        if value is not None and is_secret_name(name) and name.endswith("_token"):
            variable = _TOKEN_VARIABLES.get(name, name.upper())
            yield Problem(
                ("swift", name),
                f"`{name}` would stand on the command line, which every user of the machine reads",
                f"set {variable} in the environment instead",
                at_key=True,
            )


@rule("swift.value", "error", "argparse in transformers' HfArgumentParser", effect="aborts")
def value_has_the_type(run: RunSpec) -> Iterator[Problem]:
    """Every value under `swift:` has the argument's type, and is one of its choices."""
    legal = run.facts.swift.arguments[run.config.task]
    for name, value in run.passed.items():
        argument = legal.get(name)
        if argument is None or value is None:
            continue
        wrong = _wrong(argument, value)
        if wrong:
            yield Problem(("swift", name), f"`{name}` is {_shown(name, value)}; {wrong}")


def _wrong(argument: Argument, value: object) -> str | None:
    """What the value should have been, as a sentence; None if it is right."""
    if not argument.settable:
        return "it must be left out: no text that a command line can hold is accepted for it"
    if not argument.many:
        wrong = _wrong_scalar(argument, value)
        return f"it must be {wrong}" if wrong else None
    items = value if isinstance(value, list) else [value]
    if argument.type == "str" and any(isinstance(item, dict) for item in items):
        return "it must be a list of texts"
    if not items:
        return "it must hold at least one item (leave the key out for none)"
    wrong = next((text for item in items if (text := _wrong_scalar(argument, item))), None)
    return f"each item must be {wrong}" if wrong else None


def _wrong_scalar(argument: Argument, value: object) -> str | None:
    if argument.type == "json":
        return "a mapping" if isinstance(value, list) else None
    if argument.choices is not None:
        texts = [str(choice) for choice in argument.choices]
        return None if str(value) in texts else "one of " + ", ".join(texts)
    if isinstance(value, (list, dict)):
        # ms-swift takes JSON where a dataclass says text (rope_scaling, reft_args).
        return None if argument.type == "str" and isinstance(value, dict) else "a single value"
    names = {"bool": "true or false", "int": "a whole number", "float": "a number"}
    return None if _is_text_of(argument.type, value) else names[argument.type]


_TRUTHS = {"yes", "true", "t", "y", "1", "no", "false", "f", "n", "0"}


def _is_text_of(kind: str, value: object) -> bool:
    """Whether argparse takes the value's text for a bool, an int, a float or text."""
    if kind == "str":
        return True
    if kind == "bool":
        return str(value).lower() in _TRUTHS
    if isinstance(value, bool):
        return False
    try:
        int(str(value)) if kind == "int" else float(str(value))
    except ValueError:
        return False
    return True


def _shown(name: str, value: object) -> str:
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'mapping'}"
    text = str(value).lower() if isinstance(value, bool) else mask_value(name, str(value))
    return f"`{text[:60]}`"


_CODE = ("external_plugins", "custom_register_path")


@rule(
    "swift.file-missing",
    "error",
    "swift/utils/utils.py: import_external_file; swift/arguments/base_args/model_args.py: "
    "_init_new_special_tokens; swift/dataset/register.py: register_dataset_info",
    effect="aborts",
    says="No such file or directory",
)
def named_files_are_there(run: RunSpec) -> Iterator[Problem]:
    """Plugins, lists of tokens and descriptions of data are files, from the working directory."""
    for name, wanted in (
        *((name, "a Python file") for name in _CODE),
        ("new_special_tokens", "a text file"),
        ("custom_dataset_info", "a JSON file"),
    ):
        for text in run.args.given_texts(name):
            if not _is_there(run, name, text):
                yield Problem(
                    ("swift", name),
                    f"`{name}` names `{text[:60]}`, which is not {wanted} that is there",
                    f"write the path of {wanted}; a relative one starts where vlft is started",
                )


def _is_there(run: RunSpec, name: str, text: str) -> bool:
    # What `~` is, ms-swift looks up itself.
    found = text in run.facts.passed_files or text.startswith("~")
    if name in _CODE:
        return found and text.endswith((".py", ".so", ".pyc"))
    if name == "new_special_tokens":
        return found or not text.endswith(".txt")
    return found or isinstance(parsed(text), (list, dict))
