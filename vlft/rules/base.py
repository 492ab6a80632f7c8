"""What a rule is, and how all of them are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from vlft.engines import engine_names, load_rules, owner_of
from vlft.resolve.run import RunSpec as RunSpec  # noqa: PLC0414 - rules import it with `rule`
from vlft.text import nearest

if TYPE_CHECKING:
    from vlft.config.entry import KeyPath
    from vlft.findings import Finding, Severity
    from vlft.probe.hardware import Capability


class Problem(Struct, frozen=True):
    """What a rule found, before it has an id and a place.

    Attributes:
        path: Key that it is about.
        message: What is wrong, with the value.
        hint: What to write instead.
        at_key: Whether the key rather than the value is to be pointed at.
    """

    path: KeyPath
    message: str
    hint: str | None = None
    at_key: bool = False

    @classmethod
    def ignored(cls, path: KeyPath, because: str, hint: str) -> Problem:
        """A key that is given and that nothing reads."""
        return cls(path, f"`{_name_of(path)}` has no effect: {because}", hint, at_key=True)

    @classmethod
    def exclusive(cls, path: KeyPath, other: str, hint: str = "keep one of the two") -> Problem:
        """A key that cannot be given beside another one."""
        message = f"`{_name_of(path)}` and `{other}` exclude each other"
        return cls(path, message, hint, at_key=True)

    @classmethod
    def unknown(
        cls,
        path: KeyPath,
        what: str,
        name: str,
        legal: Iterable[str],
        hint: str = "",
        release: str = "",
    ) -> Problem:
        """A name that is not one of the legal ones.

        Args:
            path: The key that holds it.
            what: What it should be the name of.
            name: The name.
            legal: The names that would do.
            hint: What to write if no legal name is near; all of them if absent.
            release: What the names are those of.
        """
        names = list(legal)
        close = nearest(name, names)
        hint = f"did you mean `{close}`?" if close else hint or "one of " + ", ".join(names)
        return cls(path, f"unknown {what} `{name}`" + (f" ({release})" if release else ""), hint)

    @classmethod
    def out_of_range(cls, path: KeyPath, value: float, allowed: str) -> Problem:
        """A number that is not one of those allowed."""
        return cls(path, f"{path[-1]} is {value:g}", allowed)


Effect = Literal["aborts", "late", "silent", "advice"]
"""What happens without the rule: ms-swift refuses the arguments; it fails once the model is
loaded or later; the run goes on, on something else than was meant; it costs time, memory or
disk that need not be spent."""

Need = Literal["hardware"]
"""What a rule is silent without: a machine to judge the config for."""

Problems: TypeAlias = Iterator[Problem]
RuleFunction: TypeAlias = Callable[[RunSpec], Problems]


class Rule(Struct, frozen=True):
    """A registered rule.

    Attributes:
        id: `subject.what`.
        severity: error where the run aborts or is spoiled.
        effect: What happens without the rule.
        needs: What it is silent without.
        says: What ms-swift says then, or a part of it; None if it says nothing of use.
        engine: The engine whose runs it is asked for; None for all runs.
        function: Finds the problems; its docstring has the sentence and the source.
    """

    id: str
    severity: Severity
    effect: Effect
    needs: frozenset[Need]
    says: str | None
    engine: str | None
    function: RuleFunction

    @property
    def sentence(self) -> str:
        """What must hold."""
        return " ".join(self._docstring()[0].split())

    @property
    def source(self) -> str:
        """Where in ms-swift, or in another library, it comes from."""
        return " ".join(self._docstring()[2].split())

    def _docstring(self) -> tuple[str, str, str]:
        return (self.function.__doc__ or "").partition("Source: ")


RULES: dict[str, Rule] = {}
"""Those that are loaded: an engine's are, once a run of it is judged; see `all_rules`."""


def all_rules() -> dict[str, Rule]:
    """Every rule by its id, those of all engines too."""
    for name in engine_names():
        load_rules(name)
    return RULES


def rule(
    severity: Severity,
    effect: Effect,
    *needs: Need,
    says: str | None = None,
    rule_id: str | None = None,
) -> Callable[[RuleFunction], RuleFunction]:
    """Registers a function as a rule; the arguments are the fields of `Rule`.

    The id is the subject and the function's name: `min_max` in rules/pixels.py is
    `pixels.min-max`, and `time` in engines/slurm/rules.py is `slurm.time`.
    """

    def register(function: RuleFunction) -> RuleFunction:
        name = rule_id or _id_of(function)
        if name in RULES:
            message = f"two rules are called {name}"
            raise ValueError(message)
        engine = owner_of(function.__module__)
        RULES[name] = Rule(name, severity, effect, frozenset(needs), says, engine, function)
        return function

    return register


def _id_of(function: RuleFunction) -> str:
    *_, folder, file = function.__module__.split(".")
    subject = folder if file == "rules" else file
    return f"{subject}.{function.__name__.rstrip('_').replace('_', '-')}"


PLANNABLE = frozenset({"batch.global-mismatch"})
"""Rules without which there is no plan; they hold even where nothing else is asked."""


def check(run: RunSpec, only: frozenset[str] | None = None) -> list[Finding]:
    """Every finding of every rule, or of those named in `only`.

    A section that lacks what was wrong in it is not judged: what seems missing there may
    be what was misspelt.
    """
    source, engine = run.loaded.source, run.config.launch.engine
    load_rules(engine)
    return [
        source.finding(
            rule.id,
            rule.severity,
            problem.path,
            problem.message,
            problem.hint,
            at_key=problem.at_key,
        )
        for rule in RULES.values()
        if rule.engine in (None, engine)
        if only is None or rule.id in only
        for problem in rule.function(run)
        if problem.path[0] not in run.loaded.broken
    ]


def not_installed(run: RunSpec, package: str, path: KeyPath, *, at_key: bool = False) -> Problems:
    """The problem, unless the package is there or the interpreter is not known.

    Args:
        run: The run.
        package: Normalised name, `liger-kernel`.
        path: Key that asks for it.
        at_key: Whether the key rather than the value is to be pointed at.
    """
    interpreter = run.facts.interpreter
    if interpreter is not None and package not in interpreter.packages:
        message = f"{package} is not installed in {interpreter.python}"
        hint = f"{interpreter.python} -m pip install {package}"
        yield Problem(path, message, hint, at_key=at_key)


def gpu_before(run: RunSpec, needed: Capability) -> str | None:
    """Name of a GPU of the run that is known to be older than what computes something."""
    hardware = run.facts.hardware
    if run.world.cpu or hardware is None:
        return None
    return next((gpu.name for gpu in hardware.gpus if gpu.lacks(needed)), None)


def _name_of(path: KeyPath) -> str:
    """How a message calls a key: an argument of ms-swift by its name alone."""
    return ".".join(map(str, path[1:] if path[0] == "swift" else path))
