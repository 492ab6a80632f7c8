"""A decoder made for the rows of one file: what it takes has the types of the first piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from vlft.data.loading.columns import ALIASES
from vlft.data.loading.conversations import ASSISTANTS, USERS
from vlft.data.schema.schema import mixes
from vlft.data.schema.shape import BOOL, DATE, DICT, FLOAT, INT, LIST, NULL, TEXT, Shape

if TYPE_CHECKING:
    from vlft.data.checking.first_look import FirstLook

_TAG: Final = b"<image>"
_MARKS: Final = 22
"""Quotation marks of such a row: five keys of the messages, one of the pictures, five texts."""
_BRACES: Final = 3


class Pairs:
    """Takes lines whose rows are a question that begins with its tag, and an answer.

    What is asked of each row is asked of all of them together, by counting: each has at least
    as many marks as are needed, so that none has more if all of them have no more.

    Args:
        messages: Name of the column.
        role: Name of a message's role.
        content: Name of its text.
        images: Name of the column of pictures.
    """

    def __init__(self, messages: str, role: str, content: str, images: str) -> None:
        turns: Any = tuple[_turn(role, content, USERS), _turn(role, content, ASSISTANTS)]  # type: ignore[misc]
        row = msgspec.defstruct(
            "Pair",
            [("messages", turns), ("images", tuple[str])],
            rename={"messages": messages, "images": images},
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode: Any = msgspec.json.Decoder(row).decode_lines

    def rows_of(self, data: bytes, count: int) -> list[Any] | None:
        """The rows, if all are of this form and hold nothing odd; None if not.

        Args:
            data: Whole lines.
            count: How many.
        """
        marks = data.count(b'"')
        if b"\\" in data:
            if b"\\\\" in data or b"\\u00" in data:  # a tag may be written with escapes
                return None
            marks -= data.count(b'\\"')
        start = data[: data.find(_TAG) + len(_TAG)]
        if (
            marks != _MARKS * count
            or data.count(b"<") != count
            or not start.endswith(b'"<image>')
            or data.count(start) != count
            or data.count(b"{") != _BRACES * count
        ):
            return None
        try:
            rows: list[Any] = self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        # The first row begins as all do: its tag stands in its question.
        return rows if len(rows) == count and rows[0].messages[0].content[:7] == "<image>" else None


def _turn(role: str, content: str, roles: tuple[str, ...]) -> Any:
    return msgspec.defstruct(
        "Turn",
        [("role", Literal[roles]), ("content", Annotated[str, msgspec.Meta(min_length=1)])],
        rename={"role": role, "content": content},
        forbid_unknown_fields=True,
        gc=False,
    )


ROLE_NAMES: Final = ("system", *USERS, *ASSISTANTS)
_ROLES: Final = ("role", "from")
_CONTENTS: Final = ("content", "value")


def type_of(shape: Shape, padded: bool) -> Any:
    """The type that holds just what was seen, and null; None for what takes a closer look."""
    if mixes(shape, padded) or shape.only_dates:
        return None
    kinds = shape.kinds & ~NULL
    made: Any = None
    if kinds & TEXT:
        made = str
    elif kinds & BOOL:
        made = bool
    elif kinds & FLOAT:
        made = float
    elif kinds & INT:
        made = int
    elif kinds & LIST:
        made = list[type_of(shape.items, padded) if shape.items is not None else None]  # type: ignore[misc]
    elif kinds & DICT:
        fields = [(name, type_of(field, padded)) for name, field in shape.fields.items()]
        made = struct("Object", fields)
    return made if made is None else made | None


def struct(name: str, fields: list[tuple[str, Any]], *, optional: bool = False) -> Any:
    """A Struct with these keys, whatever they are, as f0, f1 … and no others."""
    default = (msgspec.UNSET,) if optional else ()
    return msgspec.defstruct(
        name,
        [(f"f{index}", kind, *default) for index, (_, kind) in enumerate(fields)],
        rename={f"f{index}": key for index, (key, _) in enumerate(fields)},
        forbid_unknown_fields=True,
        gc=False,
    )


def shape_decoder(shape: Shape) -> msgspec.json.Decoder[Any]:
    """Takes the rows that add nothing to a shape."""
    fields = [(name, type_of(field, False)) for name, field in shape.fields.items()]
    return msgspec.json.Decoder(struct("Row", fields, optional=True))


@dataclass(frozen=True)
class RowDecoder:
    """Takes rows of the plainest kind; all others are for the exact way.

    Attributes:
        decode: Bytes of a line → a struct with `messages`, each with a `role` and a `content`,
            and `images`, under whatever names they have in the file.
        images: Whether the file has a column of pictures.
        columns: Names of the two in the file.
        others: Names of all other fields of the struct; texts, numbers, truths or null.
        system: The one of these that holds system prompts, if there is one.
        start: How a line begins, if keys are as long as these and spaced as Python does.
        spaced: Bytes of such a line beside its texts, for a question, an answer and a picture.
        pairs: Takes many lines at once; None where rows have other columns.
    """

    decode: Any
    images: bool
    others: tuple[str, ...]
    columns: tuple[str, ...] = ()
    start: bytes = b""
    spaced: int = -1
    pairs: Pairs | None = None
    system: str | None = None


def row_decoder(look: FirstLook) -> RowDecoder | None:
    """The decoder for a file of messages; None if none of its rows is plain.

    A column that ms-swift reads, other than messages, images and system, must be null.
    """
    columns, schema = look.columns, look.schema
    if columns.reader != "messages" or look.lost or look.problems or columns.collisions:
        return None
    if "rejected_response" in columns.named(dict.fromkeys(schema.columns)):
        return None  # a row without one is lost
    known = set(ALIASES["messages"].values())
    kinds: dict[str, tuple[str, Any]] = {}
    system = None
    for index, (column, shape) in enumerate(schema.shape.fields.items()):
        name = columns.rename.get(column, column)
        kind = type_of(shape, schema.padded)
        if name == "messages":
            kind = _messages_type(shape, schema.padded)
        elif name == "images":
            kind = kind if kind == list[str | None] | None else None
            kind = list[str] | None if kind is not None else None
        elif name == "system":
            kind = kind if kind == str | None else None
            system = f"f{index}"
        elif name in known or name in READ or not _is_plain(shape):
            kind = None
        field = name if name in {"messages", "images"} else f"f{index}"
        kinds[field] = (column, kind)
    if kinds.get("messages", ("", None))[1] is None:
        return None
    made = msgspec.defstruct(
        "Row",
        [
            (field, kind, *(() if field == "messages" else (msgspec.UNSET,)))
            for field, (_, kind) in kinds.items()
        ]
        + ([] if "images" in kinds else [("images", None, None)]),
        rename={"images": "(no column of pictures)"}
        | {field: column for field, (column, _) in kinds.items()},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
    others = tuple(field for field in kinds if field not in {"messages", "images"})
    lists = tuple(kinds[name][0] for name in ("messages", "images") if name in kinds)
    decode = msgspec.json.Decoder(made).decode
    if others or "images" not in kinds:
        return RowDecoder(decode, "images" in kinds, others, lists, system=system)
    # The keys may have other names, as long as they are as long.
    row = '{"messages":[{"role":"","content":""},{"role":"","content":""}],"images":[""]}'
    pairs = Pairs(*_names_within(kinds["messages"]), kinds["images"][0])
    return RowDecoder(decode, True, others, lists, b'{"messages": ', len(row) + 11, pairs)


READ: Final = frozenset(
    {
        "objects",
        "tools",
        "rejected_response",
        "label",
        "channel",
        "margin",
        "chat_template_kwargs",
        "rejected_messages",
        "rejected_images",
        "teacher_prompt",
        "teacher_images",
    }
)


def _is_plain(shape: Shape) -> bool:
    """Whether the keys of a value can be counted without looking into it."""
    return not shape.kinds & (LIST | DICT)


def _messages_type(shape: Shape, padded: bool) -> Any:
    """A list of messages with a role, a content and nothing else."""
    items = shape.items
    if shape.kinds & ~NULL != LIST or items is None or items.kinds != DICT:
        return None
    if mixes(items, padded) or items.uneven or items.keys is None:
        return None
    for role in _ROLES:
        for content in _CONTENTS:
            if items.keys == {role, content}:
                kinds = [items.fields[name] for name in (role, content)]
                if any(field.kinds & ~DATE != TEXT for field in kinds):
                    return None
                return list[_message(role, content)]  # type: ignore[misc]
    return None


def _names_within(column: tuple[str, Any]) -> tuple[str, str, str]:
    """Names of the messages' column, and of roles and contents in it."""
    name, kind = column
    role, content = kind.__args__[0].__struct_encode_fields__
    return name, role, content


def _message(role: str, content: str) -> Any:
    return msgspec.defstruct(
        "Message",
        [("role", Literal[ROLE_NAMES]), ("content", str)],
        rename={"role": role, "content": content},
        forbid_unknown_fields=True,
        gc=False,
    )
