"""What is a secret, and how it is shown. No other module decides either.

Names are judged by their words, values by their form. A secret value is a `Secret`, which shows
itself as `***`. A word of a command whose value is a secret is a `Variable`: the name of the
environment variable that supplies it.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final, NoReturn

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MASK: Final = "***"

_SHORTEST: Final = 8
"""Characters of a value that is looked for in all that is printed; a shorter one could be a word
of something else."""


class Secret:
    """A value that only the trainer gets. Not a str: joining, formatting or dumping it is safe."""

    __slots__ = ("_shown", "_value")

    def __init__(self, value: str, shown: str = MASK) -> None:
        """Covers a value.

        Args:
            value: The text to cover.
            shown: What stands for it: `***`, or a URL without its password.
        """
        self._value = value
        self._shown = shown
        remember(hidden_parts(value, shown))

    def reveal(self) -> str:
        """The value, for the trainer's environment and nothing else."""
        return self._value

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return self._shown

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        message = "a secret is not pickled"
        raise TypeError(message)


class Variable(Struct, frozen=True):
    """A word of a command whose value is in a variable of the process's environment.

    Attributes:
        name: Of the variable.
        prefix: Text before the value, such as `--token=`.
        secret: The value; None where only the process itself knows it.
    """

    name: str
    prefix: str = ""
    secret: Secret | None = None

    def __str__(self) -> str:
        return (
            f"{self.prefix}${self.name}" if self.secret is None else f"{self.prefix}{self.secret}"
        )


Word = str | Variable


# Names -----------------------------------------------------------------------------------------
# Patterns are texts: `re` compiles each where it is first needed, and most starts need none.
_WORD: Final = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+"
# Secret wherever they are in a name, also within a word: PGPASSWORD, accessKeyId.
_ANYWHERE: Final = (
    r"password|passwd|passphrase|secret|credential|apikey|accesskey|privatekey|signingkey"
    r"|encryptionkey|connectionstring|connstr|authtoken|accesstoken"
)
# These words are secret at the end of a name; in a variable's name (upper case) anywhere.
_WORDS: Final = frozenset({
    "token", "key", "keys", "auth", "authorization", "authentication", "bearer", "jwt", "cookie",
    "cookies", "webhook", "webhooks", "dsn",
})  # fmt: skip
_LAST: Final = frozenset({"pass", "pwd", "pat", "pw"})
_ENDINGS: Final = frozenset({"url", "urls", "id", "value", "header"})
"""Words that may follow a secret word at the end of a name: `swanlab_webhook_url`."""
# A name without any of these is judged at once.
_STEMS: Final = ("token", "key", "pass", "pwd", "secret", "credential", "auth", "conn", "bearer",
                 "jwt", "cookie", "webhook", "dsn")  # fmt: skip
# Words that make of a name with a secret word one that counts, places or describes something.
_PLAIN: Final = frozenset({
    "max", "min", "num", "number", "count", "per", "budget", "limit", "size", "len", "length",
    "total", "rate", "ratio", "timeout", "interval", "level", "type", "types", "kind", "mode",
    "method", "path", "file", "dir", "folder", "sock", "socket", "name", "names", "enabled",
})  # fmt: skip
# Words before it that make of a token one of a vocabulary, of a key one of a table.
_BEFORE: Final = {
    "token": frozenset({
        "pad", "eos", "bos", "unk", "mask", "stop", "sep", "cls", "image", "img", "video", "audio",
        "vision", "text", "special", "skip", "start", "end", "sequence", "draft", "new", "ignore",
    }),
    "key": frozenset({
        "seed", "prng", "layer", "tag", "column", "row", "label", "sort", "primary", "foreign",
        "public", "map", "dict", "group", "cache", "query", "partition", "state", "image", "hot",
        "to", "data", "dataset",
    }),
    "pass": frozenset({"forward", "backward", "single", "multi", "one", "two", "first", "second"}),
    "pwd": frozenset({"old"}),
}  # fmt: skip
# Keys of a config whose values name secrets and hold none.
REFERENCES: Final = frozenset({"secrets", "image_pull_secrets", "imagePullSecrets"})
# Parameters of a URL that sign it.
_SIGNATURES: Final = frozenset({"sig", "signature", "x-amz-signature", "x-amz-credential",
                                "x-goog-signature", "x-goog-credential"})  # fmt: skip


@functools.lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether an argument or a variable of this name holds a secret."""
    lower = name.lower()
    if not any(stem in lower for stem in _STEMS):
        return lower.rstrip("0123456789_-").endswith(("_pat", "-pat", "_pw", "-pw"))
    if name in REFERENCES or name == "key":
        return False
    words = [word.lower() for word in re.findall(_WORD, name)]
    if re.search(_ANYWHERE, "".join(words)):
        return True
    if _PLAIN.intersection(words):
        return False
    variable = name.isupper()
    return any(_is_secret_word(words, index, variable=variable) for index in range(len(words)))


def _is_secret_word(words: list[str], index: int, *, variable: bool) -> bool:
    word = words[index]
    if word.endswith("token") and word not in ("token", "tiktoken"):
        word = "token"  # HFTOKEN
    elif word == "tokens":
        # A count of them has a small letter: `new_tokens`; `HF_TOKENS` is a list of secrets.
        word = "token" if variable else word
    before = words[index - 1] if index else ""
    if before in _BEFORE.get(word.removesuffix("s") if word == "keys" else word, ()):
        return False
    rest = words[index + 1 :]
    at_end = _ENDINGS.issuperset(rest)
    if word in _LAST:
        return not rest and (bool(before) or word in ("pass", "pat"))
    return word in _WORDS and (at_end or variable)


# Values ----------------------------------------------------------------------------------------
_URL: Final = r"(?i)(?P<scheme>\b[a-z][a-z0-9+.-]{0,20})://(?P<user>[^/\s?#'\"<>]{0,4096})@"
_PARAMETER: Final = r"(?<=[?&;])(?P<name>[\w.-]+)=(?P<value>[^&#\s'\"]+)"
_PAIR: Final = (
    r"""(?P<head>(?P<quote>\\?["'])(?P<name>[\w.-]+)(?P=quote)\s*:\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.){0,4096}"|\\"(?:[^"\\]|\\[^"]){0,4096}\\"|'[^']{0,4096}'"""
    r"""|[^\s,}\]"'\\]+)"""
)
_FORMS: Final = (
    r"(?s)(?<![\w-])(?:hf_[A-Za-z0-9]{30,}|gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,}"
    r"|glpat-[\w-]{20,}|sk-(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}|xox[a-z]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|ms-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+)(?![\w-])"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_FORM_MARKS: Final = ("hf_", "gho_", "ghp_", "ghs_", "ghu_", "ghr_", "_pat_", "glpat-", "sk-",
                      "xox", "AKIA", "ASIA", "AIza", "npm_", "pypi-", "ms-", "eyJ",
                      "PRIVATE KEY")  # fmt: skip
_REFERENCE: Final = r"\$\w+|\$[({].*|<[^<>]*>|….*"
_NOTHING: Final = frozenset({"", "none", "null", "true", "false", "yes", "no", "…", "..."})


@functools.lru_cache(maxsize=512)
def mask(text: str) -> str:
    """A value of any name: passwords and signatures in URLs, tokens by their form, JSON pairs."""
    if "://" in text:
        text = re.sub(_PARAMETER, _parameter, re.sub(_URL, _without_user, text))
    if ":" in text and ('"' in text or "'" in text):
        text = re.sub(_PAIR, masked_pair, text)
    if any(mark in text for mark in _FORM_MARKS):
        text = re.sub(_FORMS, MASK, text)
    return text


def mask_value(name: str, value: str) -> str:
    """A value as it may be shown beside its name."""
    if not value:
        return value
    return MASK if is_secret_name(name) else mask(value)


def cover(name: str, value: str) -> str | Secret:
    """A value that holds a secret, covered; another one as it is."""
    shown = mask_value(name, value)
    return value if shown == value else Secret(value, shown)


def reveal(value: str | Secret) -> str:
    """The value itself, for the environment of a process."""
    return value.reveal() if isinstance(value, Secret) else value


def is_masked(value: str) -> bool:
    """Whether a value of a record is what stands for a secret, and not the value."""
    return MASK in value


def _without_user(match: re.Match[str]) -> str:
    scheme, user = match["scheme"], match["user"]
    name, colon, _ = user.partition(":")
    if colon:
        return f"{scheme}://{name}:{MASK}@"
    web = scheme.lower() in ("http", "https", "git+https")
    return f"{scheme}://{MASK}@" if web and user and user != "git" else match[0]


def _parameter(match: re.Match[str]) -> str:
    name = match["name"]
    secret = name.lower() in _SIGNATURES or is_secret_name(name)
    return f"{name}={MASK}" if secret else match[0]


def masked_pair(match: re.Match[str]) -> str:
    """What stands for a match with `head`, `name` and `value`: the value masked if it is secret."""
    value = match["value"]
    bare = value.strip("\\\"'")
    reference = MASK in bare or re.fullmatch(_REFERENCE, bare) or value.startswith(("{", "["))
    if reference or bare.lower() in _NOTHING or not is_secret_name(match["name"]):
        return match[0]
    start = len(value) - len(value.lstrip("\\\"'"))
    end = len(value.rstrip("\\\"'"))
    return f"{match['head']}{value[:start]}{MASK}{value[end:]}"


def hidden_parts(value: str, shown: str) -> Iterator[str]:
    """The parts of a value that are not in what is shown of it."""
    first, *pieces = shown.split(MASK)
    position = len(first)
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        end = len(value) - len(piece) if last else value.find(piece, position)
        yield value[position : max(end, position)]
        position = end + len(piece)


# What this process has met ---------------------------------------------------------------------
_met: set[str] = set()


def remember(values: Iterable[str], shortest: int = _SHORTEST) -> None:
    """Takes secrets that this process has met, for `mask_met`.

    Args:
        values: As text.
        shortest: Characters from which on a value is taken.
    """
    _met.update(value for value in values if len(value) >= shortest)


def mask_met(text: str) -> str:
    """A text without any of the secrets that this process has met: the last line of defense."""
    met = [value for value in _met if value in text]
    for value in sorted(met, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, text)
    return text


def plain(value: object) -> str:
    """For `json.dumps(default=…)`: a secret as it may be shown.

    Raises:
        TypeError: If it is anything else.
    """
    if isinstance(value, (Secret, Variable)):
        return str(value)
    message = f"{type(value).__name__} can't be written as JSON"
    raise TypeError(message)


def cover_all(values: Mapping[str, str | Secret]) -> dict[str, str | Secret]:
    """Named values, those that hold secrets covered."""
    return {
        name: value if isinstance(value, Secret) else cover(name, value)
        for name, value in values.items()
    }
