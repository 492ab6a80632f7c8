"""Arguments that are passed through to ms-swift, against the ms-swift that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.config.schema import ARGUMENTS, RESERVED
from vlft.resolve.args import parse_bool
from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.security.secrets import is_secret_name, mask_value
from vlft.swift.probe import old_name
from vlft.text import nearest, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.swift.release import Argument


# Text for them is repaired first: a quote or a brace may lack (swift/utils/utils.py).
_REPAIRED = ("model_kwargs", "columns", "mrl_dims", "max_memory")
# The same, and nothing is read from an empty text.
_REPAIRED_IF_ANY = ("lr_scheduler_kwargs", "gradient_checkpointing_kwargs")
_ACCELERATOR_KEYS = (
    "split_batches", "dispatch_batches", "even_batches", "use_seedable_sampler", "non_blocking",
    "gradient_accumulation_kwargs", "use_configured_state",
)  # fmt: skip
"""Fields of transformers.trainer_pt_utils.AcceleratorConfig."""


@rule("error", "aborts", says="Expecting value")
def mapping(run: RunSpec) -> Problems:
    """An argument that ms-swift reads as a mapping is one: in YAML, as JSON text or in a file.

    Source: swift/utils/utils.py: json_parse_to_dict; transformers/training_args.py:
    _VALID_DICT_FIELDS
    """
    for name, value in run.passed.items():
        if value is None or isinstance(value, (dict, list)):
            continue
        text = str(value)
        if text not in run.facts.passed_files and not _is_read(name, text):
            message = f"`{name}` is `{text[:60]}`, which is neither a mapping nor a file"
            yield Problem(("swift", name), message, f"write `{name}: {{key: value}}`")


@rule("warning", "silent")
def mapping_repaired(run: RunSpec) -> Problems:
    """Text for a mapping is JSON, so that ms-swift need not guess what is meant.

    Source: swift/utils/utils.py: json_parse_to_dict
    """
    for name in (*_REPAIRED, *_REPAIRED_IF_ANY):
        text = run.passed.get(name)
        if not isinstance(text, str) or text in run.facts.passed_files or not _is_read(name, text):
            continue
        if text and parse_json(text) is None:
            yield Problem(
                ("swift", name),
                f"`{name}` is `{text[:60]}`, which is not JSON: ms-swift guesses what is meant, "
                "and vlft does not judge it",
                f"write `{name}: {{key: value}}`",
            )


def _is_read(name: str, text: str) -> bool:
    """Whether ms-swift finds a mapping in this text."""
    if name in _REPAIRED:
        return "{" in text
    if name in _REPAIRED_IF_ANY:
        return "{" in text or not text
    if name == "accelerator_config":
        return isinstance(parse_json(text), dict)
    if name == "fsdp_config":  # a file's name is not looked at: `fsdp` brings its own
        return not text.startswith("{") or parse_json(text) is not None
    return name != "device_groups" or parse_json(text) is not None or text == "null"


def passed_mapping(run: RunSpec, name: str) -> Mapping[str, Any]:
    """An argument under `swift:` as a mapping; empty if it is absent or no mapping."""
    value = run.passed.get(name)
    found = parse_json(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


@rule("error", "aborts", says="AcceleratorConfig.__init__() got an unexpected keyword argument")
def accelerator_keys(run: RunSpec) -> Problems:
    """`accelerator_config` holds keys that transformers knows.

    Source: transformers/trainer_pt_utils.py: AcceleratorConfig
    """
    for key in passed_mapping(run, "accelerator_config"):
        if key not in _ACCELERATOR_KEYS:
            message = f"`accelerator_config` has no key `{key}`"
            hint = "it has " + ", ".join(_ACCELERATOR_KEYS)
            yield Problem(("swift", "accelerator_config"), message, hint)


@rule("error", "aborts", says="invalid literal for int()")
def mrl_dims(run: RunSpec) -> Problems:
    """`mrl_dims` gives a weight, a number, to each dimension, a whole number.

    Source: swift/trainers/arguments.py: TrainArgumentsMixin.__post_init__
    """
    for key, weight in passed_mapping(run, "mrl_dims").items():
        if not _is_text_of(int, key) or not _is_text_of(float, weight):
            hint = 'a dimension and its weight, such as `{"256": 1.0}`'
            yield Problem(("swift", "mrl_dims"), f"`mrl_dims` has `{key}: {weight}`", hint)


@rule("error", "aborts", says="must be an integer bigger than 0")
def positive(run: RunSpec) -> Problems:
    """`torch_empty_cache_steps` is 1 or more.

    Source: transformers/training_args.py: _validate_args
    """
    steps = run.args.given("torch_empty_cache_steps", float)
    if steps is not None and steps < 1:
        hint = "1 or more, or leave it out to never empty the cache"
        yield Problem.out_of_range(("swift", "torch_empty_cache_steps"), steps, hint)


# Argument → least value, and the value that it stays below (None: there is none).
_RANGES: dict[str, tuple[float, float | None]] = {
    "adam_beta1": (0, 1),
    "adam_beta2": (0, 1),
    "adam_epsilon": (0, None),
    "weight_decay": (0, None),
    "vit_lr": (0, None),
    "aligner_lr": (0, None),
    "dataloader_num_workers": (0, None),
    "dataloader_prefetch_factor": (0, None),
    "dataset_num_proc": (0, None),
}


@rule("error", "late")
def range_(run: RunSpec) -> Problems:
    """Numbers of the optimizer and of the data loader are in the range that torch takes.

    Source: torch/optim/adamw.py: AdamW; torch/utils/data/dataloader.py: DataLoader;
    datasets/arrow_dataset.py: map
    """
    for name, (least, below) in _RANGES.items():
        value = run.args.given(name, float)
        if value is not None and (value < least or (below is not None and value >= below)):
            allowed = f"{least:g} or more" + ("" if below is None else f", and below {below:g}")
            yield Problem.out_of_range(("swift", name), value, allowed)


_TOKEN_VARIABLES = {
    "hub_token": "HF_TOKEN or MODELSCOPE_API_TOKEN",
    "swanlab_token": "SWANLAB_API_KEY",
}


@rule("error", "late")
def interpreter(run: RunSpec) -> Problems:
    """`launch.python` names an interpreter that exists and has ms-swift.

    Source: vlft: the process that trains
    """
    problem = run.facts.interpreter_problem
    if problem is not None:
        yield Problem(("launch", "python"), problem.message, problem.hint)
    interpreter = run.facts.interpreter
    if interpreter is not None and interpreter.swift_dir is None:
        message = f"ms-swift is not installed in {interpreter.python}"
        hint = f"{interpreter.python} -m pip install 'vlft[train]'"
        yield Problem(("launch", "python"), message, hint)


@rule("error", "silent")
def owned(run: RunSpec) -> Problems:
    """An argument that a section decides is not set under `swift:`.

    Source: one owner a value
    """
    for name in run.passed:
        if name in ARGUMENTS:
            message = f"`{name}` is decided by `{ARGUMENTS[name]}`"
            hint = f"write `{ARGUMENTS[name]}` instead"
            yield Problem(("swift", name), message, hint, at_key=True)
        elif name in RESERVED:
            yield Problem(("swift", name), f"`{name}` is set by vlft", RESERVED[name], at_key=True)


@rule("error", "aborts", says="remaining_argv")
def unknown_argument(run: RunSpec) -> Problems:
    """Every key under `swift:` is an argument of the installed ms-swift, written in full.

    Source: swift/pipelines/base.py: remaining_argv
    """
    legal = run.facts.swift.arguments[run.config.task]
    for name in run.passed:
        if name in legal or name in ARGUMENTS or name in RESERVED:
            continue
        message, hint = _unknown(name, run)
        yield Problem(("swift", name), message, hint, at_key=True)


def _unknown(name: str, run: RunSpec) -> tuple[str, str | None]:
    """What to say of a name that is no argument, and what to write instead."""
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


@rule("error", "silent")
def none_is_text(run: RunSpec) -> Problems:
    """An argument that is to have no value is left out, not written as `None`.

    Source: argparse: `None` on a command line is four letters
    """
    legal = run.facts.swift.arguments[run.config.task]
    for name, value in run.passed.items():
        argument = legal.get(name)
        if argument is None or argument.type != "str" or argument.choices is not None:
            continue
        if argument.optional and not argument.many and value in ("None", "none", "null"):
            message = f"ms-swift would take `{value}` for the text of `{name}`"
            yield Problem(("swift", name), message, "leave the key out")


@rule("error", "silent")
def secret_logged(run: RunSpec) -> Problems:
    """No secret is passed that ms-swift would write into its log and its args.json.

    Source: swift/pipelines/base.py and args.json: all but *_token
    """
    for name, value in run.passed.items():
        if value is not None and is_secret_name(name) and not name.endswith("_token"):
            message = f"ms-swift writes `{name}` as it is into its log and args.json"
            hint = "leave it out, and give it to the service in its own way"
            yield Problem(("swift", name), message, hint, at_key=True)


@rule("warning", "silent")
def secret_visible(run: RunSpec) -> Problems:
    """A token comes from the environment, not from the command line.

    Source: a command line can be read by all users: ps
    """
    for name, value in run.passed.items():
        if value is not None and is_secret_name(name) and name.endswith("_token"):
            variable = _TOKEN_VARIABLES.get(name, name.upper())
            yield Problem(
                ("swift", name),
                f"`{name}` would stand on the command line, which every user of the machine reads",
                f"set {variable} in the environment instead",
                at_key=True,
            )


@rule("error", "aborts")
def value(run: RunSpec) -> Problems:
    """Every value under `swift:` has the argument's type, and is one of its choices.

    Source: argparse in transformers' HfArgumentParser
    """
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
    if argument.type == "str":
        return None
    parser, name = _PARSERS[argument.type]
    truth = isinstance(value, bool) and argument.type != "bool"
    return name if truth or not _is_text_of(parser, value) else None


_PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "bool": (parse_bool, "true or false"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
}


def _is_text_of(parser: Callable[[str], object], value: object) -> bool:
    """Whether argparse takes the value's text."""
    try:
        parser(str(value))
    except ValueError:
        return False
    return True


def _shown(name: str, value: object) -> str:
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'mapping'}"
    text = str(value).lower() if isinstance(value, bool) else mask_value(name, str(value))
    return f"`{text[:60]}`"


_CODE = ("external_plugins", "custom_register_path")


@rule("error", "aborts", says="No such file or directory")
def file_missing(run: RunSpec) -> Problems:
    """Plugins, lists of tokens and descriptions of data are files, from the working directory.

    Source: swift/utils/utils.py: import_external_file; swift/arguments/base_args/model_args.py:
    _init_new_special_tokens; swift/dataset/register.py: register_dataset_info
    """
    for name, wanted in (
        *((name, "a Python file") for name in _CODE),
        ("new_special_tokens", "a text file"),
        ("custom_dataset_info", "a JSON file"),
    ):
        for text in run.args.given_texts(name):
            if not _is_there(run, name, text):
                message = f"`{name}` names `{text[:60]}`, which is not {wanted} that is there"
                hint = f"write the path of {wanted}; a relative one starts where vlft is started"
                yield Problem(("swift", name), message, hint)


def _is_there(run: RunSpec, name: str, text: str) -> bool:
    # What `~` is, ms-swift looks up itself.
    found = text in run.facts.passed_files or text.startswith("~")
    if name in _CODE:
        return found and text.endswith((".py", ".so", ".pyc"))
    if name == "new_special_tokens":
        return found or not text.endswith(".txt")
    return found or isinstance(parse_json(text), (list, dict))
