"""The chat template and the system prompt."""

from __future__ import annotations

from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.swift.release import AMBIGUOUS, ModelEntry


@rule("error", "aborts", says="template_type: '")
def unknown(run: RunSpec) -> Problems:
    """`swift.template` is a template of the installed ms-swift.

    Source: swift/template/register.py: get_template_meta
    """
    name, known = "".join(run.args.given_texts("template")), run.facts.swift.templates
    if not name or not known or name in known or run.has_plugins:
        return
    release = f"ms-swift {run.facts.swift.version}"
    hint = "leave it out: ms-swift uses the template of the model"
    yield Problem.unknown(("swift", "template"), "template", name, sorted(known), hint, release)


@rule("error", "silent")
def family(run: RunSpec) -> Problems:
    """`swift.template` is one that models of this architecture are used with.

    Source: swift/template/register.py: get_template_meta believes --template
    """
    name, entry = run.args.given("template", str), run.model.entry
    if name is None or entry is None or name in entry.templates:
        return
    models = run.facts.swift.models().values()
    users = [other for other in models if name in other.templates]
    # A text model learns any text template; one that nobody uses is the user's own matter.
    if not users or any(_is_like(entry, other) for other in users):
        return
    right = run.facts.swift.default_template(entry.model_type, run.facts.model.argument, None)
    of_text = entry.is_multimodal and not users[0].is_multimodal
    yield Problem(
        ("swift", "template"),
        f"`{name}` is a template of {'text models' if of_text else users[0].model_type}; "
        f"the model is `{entry.model_type}`",
        f"leave it out, or write `{right}`"
        if right in entry.templates
        else "write one of " + ", ".join(entry.templates),
    )


def _is_like(entry: ModelEntry, other: ModelEntry) -> bool:
    if entry.is_multimodal != other.is_multimodal:
        return False
    return not entry.is_multimodal or bool(set(entry.architectures) & set(other.architectures))


@rule("error", "aborts", says="Failed to automatically match `template_type`")
def undecided(run: RunSpec) -> Problems:
    """The folder's name, the model_type or `swift.template` leads to one template.

    Source: swift/template/register.py: get_template_meta
    """
    entry, model = run.model.entry, run.facts.model
    named = run.family is not None and run.family.template is not None
    if entry is None or named or run.args.given_texts("template"):  # vlft may name it itself
        return
    args = model.checkpoint.args if model.checkpoint else None
    found = run.facts.swift.default_template(entry.model_type, model.argument, args)
    if found == AMBIGUOUS and not run.has_plugins:
        message = f"`{entry.model_type}` has several templates, and the folder's name fits no model"
        hint = "write `swift.template`, one of " + ", ".join(entry.templates)
        yield Problem(("model", "path"), message, hint)


@rule("error", "silent")
def dummy(run: RunSpec) -> Problems:
    """A text model that ms-swift does not know is given a template.

    Source: swift/model/model_meta.py: get_model_info_meta makes a model_meta with template dummy
    """
    checkpoint, config = run.facts.model.checkpoint, run.config
    if checkpoint is None or checkpoint.kind != "model" or config.task == "pt":
        return
    if config.model.type is not None or run.family is not None or run.model.guessed_types:
        return
    if not run.args.is_given("template") and not run.has_plugins:
        message = "ms-swift does not know this model, and would train it without a chat template"
        yield Problem(("model", "path"), message, "write `swift.template`, or `model.type`")


@rule("error", "aborts", says="self.system: ")
def system_file(run: RunSpec) -> Problems:
    """A `swift.system` that ends in .txt is a file, from the folder that vlft is started in.

    Source: swift/arguments/base_args/template_args.py: __post_init__
    """
    name = run.args.given("system", str)
    if name is not None and name.endswith(".txt") and name not in run.facts.passed_files:
        message = f"there is no file `{name}` to take the system prompt from"
        yield Problem(("swift", "system"), message, "write its absolute path, or the prompt itself")
