"""Forms of rows and files, each with the fate that vlft predicts for its rows.

`tests/real_swift/test_data_same_as_swift.py` runs the real ms-swift on all of them. In the working
directory lie a.jpg (640x480), b.png (320x320), wide.png (2000x5), cut.jpg, note.txt, empty.jpg,
turned.jpg (EXIF), glass.png (alpha), deep.png (16 bits) and a folder `pictures` with c.jpg.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

FATES = {
    "o": "ok",
    "d": "dropped",
    "r": "replaced",
    "s": "silently_wrong",
    "L": "load_fails",
    "u": "unknown",
}


@dataclass(frozen=True)
class Form:
    """One file.

    Attributes:
        name: Of the form.
        rows: Its rows, or its content.
        fates: A letter of `FATES` a row; a lone L: the file as a whole.
        ending: Of its name.
        pixels: Whether only the pixels tell: the text is as the row says.
        options: For the judge and the check: max_length, truncation, columns, strict, lazy.
    """

    name: str
    rows: list[Any] | str | bytes
    fates: str
    ending: str = "jsonl"
    pixels: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.rows, bytes):
            return self.rows
        if isinstance(self.rows, str):
            return self.rows.encode()
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows).encode()


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def user(content: Any) -> dict[str, Any]:
    return said("user", content)


def bot(content: Any) -> dict[str, Any]:
    return said("assistant", content)


def talk(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def text(question: Any = "hi", answer: Any = "yes", **more: Any) -> dict[str, Any]:
    return talk(user(question), bot(answer), **more)


def seen(question: Any = "<image>hi", answer: Any = "yes", **more: Any) -> dict[str, Any]:
    return {**text(question, answer), "images": ["a.jpg"], **more}


def boxed(objects: Any, question: str = "<image>where?", answer: str = "<bbox>") -> dict[str, Any]:
    return seen(question, answer, objects=objects)


def pair(query: Any = "q", response: Any = "a", **more: Any) -> dict[str, Any]:
    return {"query": query, "response": response, **more}


def part(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, kind: value}


J = json.dumps
BOX = [64, 48, 128, 96]
CALL = '{"name": "f", "arguments": {"x": 1}}'

MESSAGES = [
    Form("plain", [seen(), text()], "oo"),
    Form("several turns", [talk(user("q"), bot("a"), user("r"), bot("b"))], "o"),
    Form("system", [talk(said("system", "S"), user("q"), bot("a"))], "o"),
    Form("system column", [text(system="S"), talk(said("system", "T"), user("q"), bot("a"))], "oo"),
    Form(
        "human and gpt",
        [{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}],
        "o",
    ),
    Form(
        "pairs",
        [{"conversation": [{"human": "q", "assistant": "a"}, {"human": "r", "assistant": "b"}]}],
        "o",
    ),
    Form("pairs, system", [{"system": "S", "conversation": [{"user": "q", "bot": "a"}]}], "o"),
    Form(
        "pairs, no answer",
        [{"conversation": [{"human": "q"}]}, {"conversation": [{"human": "q", "bot": "a"}]}],
        "do",
    ),
    Form(
        "aliases of roles",
        [talk(said("human", "q"), said("gpt", "a")), talk(user("q"), said("bot", "a"))],
        "oo",
    ),
    Form(
        "unknown roles",
        [
            talk(said("User", "q"), bot("a")),
            talk(said("developer", "q"), bot("a")),
            talk(user("q"), said("model", "a")),
            talk(said("", "q"), bot("a")),
            text(),
        ],
        "ddddo",
    ),
    Form("null role", [talk(said(None, "q"), bot("a")), text()], "do"),
    Form("number for a role", [talk(said(1, "q"), said(2, "a"))], "L"),
    Form("null content", [talk(user(None), bot("a")), text("q", None), text()], "ddo"),
    Form("no content", [talk({"role": "user"}, bot("a")), text()], "do"),
    Form("no role", [talk({"content": "q"}, bot("a")), text()], "do"),
    Form("name of a speaker", [talk(said("user", "q", name="bob"), bot("a"))], "o"),
    Form("messages empty", [talk(), text()], "do"),
    Form("messages null", [{"messages": None}, text()], "do"),
    Form("no messages", [{"images": ["a.jpg"]}, seen()], "do"),
    Form("messages as JSON text", [{"messages": J([user("q"), bot("a")])}], "o"),
    Form("messages as Python text", [{"messages": str([user("q"), bot("a")])}], "o"),
    Form("messages as text", [{"messages": "hello"}, {"messages": J([user("q"), bot("a")])}], "do"),
    Form("messages empty text", [{"messages": ""}, {"messages": J([user("q"), bot("a")])}], "do"),
    Form("messages as text and list", [{"messages": J([user("q"), bot("a")])}, text()], "oo"),
    Form("messages an object", [{"messages": user("q")}], "L"),
    Form("messages of texts", [{"messages": ["q", "a"]}], "L"),
    Form("null message", [{"messages": [user("q"), None, bot("a")]}, text()], "do"),
    Form(
        "two message columns",
        [{"conversations": [user("q"), bot("a")], "conversation": [user("q"), bot("a")]}],
        "L",
    ),
    Form(
        "messages and conversations", [text(conversations=[{"from": "human", "value": "x"}])], "o"
    ),
    Form("v2 rows among messages", [text(), pair(), text("q", "a")], "odo"),
    Form("Messages", [{"Messages": [user("q"), bot("a")]}], "L"),
    Form("mesages", [{"mesages": [user("q"), bot("a")]}], "L"),
    Form("system in the middle", [talk(user("q"), said("system", "s"), bot("a")), text()], "ro"),
    Form("system last", [talk(user("q"), bot("a"), said("system", "s")), text()], "ro"),
    Form(
        "two systems",
        [talk(said("system", "s"), said("system", "t"), user("q"), bot("a")), text()],
        "ro",
    ),
    Form("only a system", [talk(said("system", "s")), text()], "ro"),
    Form("system null", [talk(said("system", None), user("q"), bot("a")), text()], "do"),
    Form("system empty", [talk(said("system", ""), user("q"), bot("a"))], "o"),
    Form("system a number", [talk(said("system", 5), user("q"), bot("a")), text()], "ro"),
    Form(
        "system in parts",
        [
            talk(
                said("system", [part("text", "S")]),
                user([part("text", "q")]),
                bot([part("text", "a")]),
            )
        ],
        "r",
    ),
    Form("no answer", [talk(user("q")), text()], "so"),
    Form("empty answer", [text("q", ""), text()], "oo"),
    Form("blank answer", [text("q", " ")], "o"),
    Form("empty question", [text("", "a")], "o"),
    Form("two questions", [talk(user("q"), user("r"), bot("a"))], "s"),
    Form("two answers", [talk(user("q"), bot("a"), bot("b"))], "s"),
    Form("answer first", [talk(bot("a"), user("q"), bot("b"))], "o"),
    Form("only an answer", [talk(bot("a"))], "o"),
    Form("question last", [talk(user("q"), bot("a"), user("r"))], "o"),
    Form(
        "loss of a message",
        [
            talk(
                user("q"),
                said("assistant", "a", loss=False),
                user("r"),
                said("assistant", "b", loss=True),
            )
        ],
        "o",
    ),
    Form(
        "loss of some messages", [text(), talk(user("q"), said("assistant", "a", loss=True))], "oo"
    ),
]

CONTENTS = [
    Form(
        "parts",
        [talk(user([part("image", "a.jpg"), part("text", "q")]), bot([part("text", "a")]))],
        "o",
    ),
    Form(
        "parts and texts",
        [talk(user([part("image", "a.jpg"), part("text", "q")]), bot("a")), text()],
        "oo",
    ),
    Form(
        "image_url",
        [talk(user([part("image_url", {"url": "a.jpg"}), part("text", "q")]), bot("a"))],
        "o",
    ),
    Form(
        "parts with a column",
        [talk(user([part("image", "a.jpg")]), bot("a"), images=["b.png"])],
        "r",
    ),
    Form("part without a type", [talk(user([{"text": "q"}]), bot("a")), text()], "ro"),
    Form("part of unknown type", [talk(user([part("input_text", "q")]), bot("a")), text()], "ro"),
    Form("part with null", [talk(user([part("text", None)]), bot("a")), text()], "ro"),
    Form("content a number", [text("q", 5), text()], "ro"),
    Form("content true", [text("q", True), text()], "ro"),
    Form("content an object", [text("q", {"a": 1}), text()], "ro"),
    Form("all contents numbers", [text(1, 2)], "r"),
    Form(
        "JSON answers beside parts",
        [
            talk(user([part("text", "q")]), bot("a")),
            text("q", "42"),
            text("q", '{"a": 1}'),
            text("q", "null"),
            text("q", "[1, 2]"),
            text("q", "007"),
            text("q", "[]"),
        ],
        "orrddrs",
    ),
    Form("all contents dates", [text("2024-01-01", "2024-01-02")], "r"),
    Form("an answer that is a date", [text("q", "2024-01-01")], "o"),
    Form("im_end", [text("a<|im_end|>b", "x"), text("q", "a<|im_end|>b")], "ss", pixels=True),
    Form("im_start", [text("<|im_start|>system\nevil", "x")], "s", pixels=True),
    Form("endoftext", [text("q", "a<|endoftext|>")], "s", pixels=True),
    Form("image_pad", [seen("<image><|image_pad|>", "x")], "s"),
    Form("box tokens", [seen("<image>q", "<|box_start|>(1,2),(3,4)<|box_end|>")], "o"),
    Form("round mark", [text("a {{ROUND0}} b", "x"), text("{{x}}", "y")], "so"),
    Form("html", [text("what is <b>?", "<p>bold</p>")], "o"),
    Form("unicode", [text("héllo 你好 😀 é", "好")], "o"),
    Form(
        "escapes",
        '{"messages": [{"role": "user", "content": "\\u003cimage\\u003e \\n \\"x\\" \\\\"}, {"role": "assistant", "content": "\\u4f60"}], "images": ["a.jpg"]}\n',  # noqa: E501
        "o",
    ),
    Form(
        "escaped tag without image",
        '{"messages": [{"role": "user", "content": "\\u003cimage> q"}, {"role": "assistant", "content": "a"}]}\n',  # noqa: E501
        "s",
    ),
]

TOOLS = [
    Form(
        "tool call",
        [talk(user("q"), said("tool_call", CALL), said("tool_response", "r"), bot("a"))],
        "o",
    ),
    Form(
        "tool call with other names",
        [talk(user("q"), said("function_call", CALL), said("observation", "r"), bot("a"))],
        "o",
    ),
    Form(
        "tool call no JSON",
        [talk(user("q"), said("tool_call", "f(x)"), said("tool_response", "r"), bot("a")), text()],
        "ro",
    ),
    Form("tool first", [talk(said("tool", "r"), bot("a")), text()], "ro"),
    Form("tool last", [talk(user("q"), bot("a"), said("tool", "r"))], "o"),
    Form(
        "tools", [text(tools=[{"type": "function", "function": {"name": "f"}}])], "o", pixels=True
    ),
    Form("tools no JSON", [text(tools="none"), text()], "ro"),
    Form(
        "tool_calls",
        [
            talk(
                user("q"),
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "content": "r", "tool_call_id": "1"},
                bot("a"),
            )
        ],
        "o",
        pixels=True,
    ),
]

PAIRS = [
    Form("query and response", [pair(), pair(system="S")], "oo"),
    Form("nulls", [pair("q", None), pair(None, "a"), pair(None, None), pair()], "sodo"),
    Form("absent", [{"response": "a"}, {"query": "q"}, {}, pair()], "osdo"),
    Form("history", [pair(history=[["x", "y"]]), pair(history=[]), pair(history=None)], "ooo"),
    Form("history with null", [pair(history=[["x", None]])], "s"),
    Form("history text", [pair(history="[['x', 'y']]")], "o"),
    Form("history JSON text", [pair(history='[["x", null]]'), pair(history="")], "do"),
    Form("history flat", [pair(history=["x", "y"]), pair(history=[])], "do"),
    Form("history of messages", [pair(history=[user("x")]), pair(history=[])], "do"),
    Form("history of one", [pair(history=[["x"]]), pair(history=[])], "do"),
    Form("history of three", [pair(history=[["x", "y", "z"]])], "s"),
    Form("list of answers", [pair("q", ["a", "b"]), pair("q", []), pair("q", ["c"])], "odo"),
    Form("answer a number", [pair("q", 5)], "r"),
    Form("answers of two types", [pair("q", 5), pair()], "ro"),
    Form("answer an object", [pair("q", {"a": 1})], "r"),
    Form("answer a date", [pair("q", "2024-01-01 10:00:00")], "r"),
    Form("system a number", [pair(system=5)], "r"),
    Form(
        "alpaca",
        [
            {"instruction": "i", "input": "x", "output": "o"},
            {"instruction": "i", "input": "", "output": "o"},
        ],
        "oo",
    ),
    Form(
        "alpaca nulls",
        [
            {"instruction": None, "input": None, "output": "o"},
            {"instruction": "i", "input": "", "output": ""},
        ],
        "do",
    ),
    Form("alpaca without input", [{"instruction": "i", "output": "o"}], "o"),
    Form("Alpaca in capitals", [{"Instruction": "i", "Input": "x", "Output": "o"}], "s"),
    Form("capitals", [{"Query": "q", "Response": "a"}], "o"),
    Form("two answers", [{"query": "q", "answer": "a", "output": "b"}], "s"),
    Form("response and output", [pair(output="b")], "o"),
    Form("two questions", [{"instruction": "i", "question": "q", "response": "a"}], "s"),
    Form("misspelt question", [{"querry": "q", "response": "a"}], "s"),
    Form("misspelt answer", [{"query": "q", "respones": "a"}], "s"),
    Form("text", [{"text": "hello"}], "o"),
    Form("problem and solution", [{"problem": "q", "solution": "a"}], "o"),
    Form("inline image", [pair("<img>a.jpg</img>q")], "o"),
    Form("inline image not there", [pair("<img>no.jpg</img>q")], "s"),
    Form("inline image with column", [pair("<img>a.jpg</img>q", images=["b.png"])], "s"),
    Form("nothing of use", [{"a": 1}, {"a": 2}], "L"),
]

IMAGES = [
    Form("image a text", [seen(images="a.jpg")], "o"),
    Form("column image", [{**text("<image>q"), "image": "a.jpg"}], "o"),
    Form("image and images", [seen(image="b.png")], "s", pixels=True),
    Form("images null and empty", [text(images=None), text(images=[]), seen()], "ooo"),
    Form("text and list", [seen(images="a.jpg"), seen()], "oo"),
    Form("object with path", [seen(images=[{"path": "a.jpg"}])], "o"),
    Form("object with url", [seen(images=[{"url": "a.jpg"}])], "r"),
    Form("number", [seen(images=[1])], "r"),
    Form("number beside texts", [seen(), seen(images=[1])], "L"),
    Form("nested", [seen(images=[["a.jpg"]])], "r"),
    Form("true", [seen(images=True)], "r"),
    Form("null in the list", [seen("<image><image>q", images=["a.jpg", None])], "r"),
    Form("only null", [seen(images=[None])], "r"),
    Form("null first", [seen("<image><image>q", images=[None, "a.jpg"])], "L"),
    Form("empty path", [seen(images=[""]), seen()], "ro"),
    Form(
        "missing",
        [seen(images=["no.jpg"]), seen(images=["nope"]), seen(images=["/no/a.jpg"]), seen()],
        "rrro",
    ),
    Form("folder", [seen(images=["pictures"]), seen()], "ro"),
    Form("empty file", [seen(images=["empty.jpg"]), seen()], "ro"),
    Form("cut off", [seen(images=["cut.jpg"]), seen()], "ro"),
    Form("no picture", [seen(images=["note.txt"]), seen()], "ro"),
    Form("too wide", [seen(images=["wide.png"]), seen()], "ro"),
    Form(
        "in a folder",
        [seen(images=["pictures/c.jpg"]), seen(images=["./a.jpg"]), seen(images=[" a.jpg "])],
        "ooo",
    ),
    Form("turned", [seen(images=["turned.jpg"])], "o"),
    Form("transparent", [seen(images=["glass.png"])], "s", pixels=True),
    Form("16 bits", [seen(images=["deep.png"])], "s", pixels=True),
    Form(
        "turned with boxes",
        [boxed({"ref": [], "bbox": [[1, 2, 3, 4]]}) | {"images": ["turned.jpg"]}],
        "s",
        pixels=True,
    ),
    Form("no tag", [seen("q")], "o"),
    Form("no tag, two", [seen("q", images=["a.jpg", "b.png"])], "o"),
    Form("fewer tags", [seen("q <image> z", images=["a.jpg", "b.png"])], "s"),
    Form("more tags", [seen("<image><image>q")], "s"),
    Form("tag without image", [text("<image>q")], "s"),
    Form("tag of another case", [seen("<Image>q"), seen("<IMAGE>q")], "ss", pixels=True),
    Form("tag in the answer", [seen("q", "<image>")], "o"),
    Form(
        "tag in the system",
        [talk(said("system", "<image>"), user("q"), bot("a"), images=["a.jpg"])],
        "o",
    ),
    Form("video tag without video", [text("<video>q")], "s"),
    Form("video missing", [{**text("<video>q"), "videos": ["no.mp4"]}, text()], "ro"),
    Form("audio", [{**text("<audio>q"), "audios": ["a.wav"]}, text()], "ro"),
    Form("img column", [{**text("<image>q"), "img": "a.jpg"}], "s"),
    Form("data URI broken", [seen(images=["data:image/png;base64,AAAA"]), seen()], "ro"),
]

BOXES = [
    Form("box", [boxed({"ref": ["cat"], "bbox": [BOX]}, "<image>find <ref-object>")], "o"),
    Form("box and none", [boxed({"ref": [], "bbox": [BOX]}), seen()], "oo"),
    Form("point", [boxed({"ref": [], "bbox": [[64, 48]]})], "o"),
    Form("floats", [boxed({"ref": [], "bbox": [[1.5, 2.5, 30.25, 40.75]]})], "o"),
    Form("norm1", [boxed({"ref": [], "bbox": [[0.1, 0.2, 0.3, 0.4]], "bbox_type": "norm1"})], "o"),
    Form(
        "norm1000",
        [boxed({"ref": [], "bbox": [[100, 200, 300, 400]], "bbox_type": "norm1000"})],
        "s",
    ),
    Form(
        "norm1 beyond 1",
        [boxed({"ref": [], "bbox": [[10, 20, 30, 40]], "bbox_type": "norm1"})],
        "s",
        pixels=True,
    ),
    Form("outside", [boxed({"ref": [], "bbox": [[600, 400, 700, 500]]})], "s", pixels=True),
    Form("inverted", [boxed({"ref": [], "bbox": [[128, 96, 64, 48]]})], "o"),
    Form(
        "second image",
        [
            boxed({"ref": [], "bbox": [[10, 20, 30, 40]], "image_id": [1]}, "<image><image>q")
            | {"images": ["a.jpg", "b.png"]}
        ],
        "o",
    ),
    Form("no such image", [boxed({"ref": [], "bbox": [BOX], "image_id": [1]})], "r"),
    Form("image_id a number", [boxed({"ref": [], "bbox": [BOX], "image_id": 1})], "r"),
    Form("image_id a text", [boxed({"ref": [], "bbox": [BOX], "image_id": ["0"]})], "r"),
    Form(
        "image_id negative", [boxed({"ref": [], "bbox": [BOX], "image_id": [-1]})], "s", pixels=True
    ),
    Form("JSON text", [boxed(J({"ref": [], "bbox": [BOX]}))], "L"),
    Form(
        "JSON text and object",
        [boxed(J({"ref": [], "bbox": [BOX]})), boxed({"ref": [], "bbox": [BOX]})],
        "oo",
    ),
    Form(
        "v2 text",
        [boxed(J([{"caption": "x", "bbox": BOX, "bbox_type": "real", "image": 0}])), seen()],
        "do",
    ),
    Form("v2 list", [boxed([{"caption": "x", "bbox": BOX}]), seen()], "do"),
    Form("empty text", [boxed(""), seen()], "do"),
    Form("empty list", [boxed([]), seen()], "do"),
    Form("empty object", [boxed({}), boxed({"ref": [], "bbox": [BOX]})], "do"),
    Form("null", [seen(objects=None), boxed({"ref": [], "bbox": [BOX]})], "oo"),
    Form("no bbox", [boxed({"ref": ["x"]}), seen()], "do"),
    Form("bbox null", [boxed({"ref": [], "bbox": None}), seen()], "do"),
    Form("bbox flat", [boxed({"ref": [], "bbox": BOX}), seen()], "do"),
    Form("three numbers", [boxed({"ref": [], "bbox": [[1, 2, 3]]}), seen()], "do"),
    Form("polygon", [boxed({"ref": [], "bbox": [[1, 2, 3, 4, 5, 6, 7, 8]]}), seen()], "do"),
    Form("nested boxes", [boxed({"ref": [], "bbox": [[BOX, BOX]]}), seen()], "ro"),
    Form("texts for numbers", [boxed({"ref": [], "bbox": [["1", "2", "3", "4"]]}), seen()], "ro"),
    Form("fewer boxes", [boxed({"ref": [], "bbox": [BOX]}, answer="<bbox><bbox>")], "s"),
    Form("more boxes", [boxed({"ref": [], "bbox": [BOX, BOX]})], "s", pixels=True),
    Form("tag without boxes", [seen("<image>q", "<bbox>")], "s"),
    Form("fewer refs", [boxed({"ref": [], "bbox": [BOX]}, "<image><ref-object>")], "s"),
    Form(
        "ref a text",
        [boxed({"ref": "cat", "bbox": [BOX]}, "<image><ref-object>")],
        "s",
        pixels=True,
    ),
    Form(
        "ref a number",
        [boxed({"ref": [5], "bbox": [BOX]}, "<image><ref-object>")],
        "s",
        pixels=True,
    ),
    Form("no image", [text("where?", "<bbox>", objects={"ref": [], "bbox": [BOX]})], "s"),
]

DIALECTS = [
    Form("CRLF", J(text()) + "\r\n" + J(text("q")) + "\r\n", "oo"),
    Form("BOM", b"\xef\xbb\xbf" + J(text()).encode(), "o"),
    Form("blank lines", "\n" + J(text()) + "\n\n" + J(text("q")) + "\n", "oo"),
    Form("array", J([text(), text("q")]), "oo", "json"),
    Form("array over lines", J([text(), text("q")], indent=1), "oo"),
    Form("array of texts", J(["a", "b"]), "oo"),
    Form("array after a space", " " + J([text()]), "L"),
    Form("rows over lines", J(text(), indent=1) + "\n" + J(text("q"), indent=1), "oo"),
    Form("rows on one line", J(text()) + J(text("q")) + " " + J(text("r")), "ooo"),
    Form("NaN", J(text()) + "\n" + J(text("q", score=float("nan"))), "oo"),
    Form("null row", J(text()) + "\nnull\n", "od"),
    Form("other columns", [text(id=1, meta={"a": [1]}), text("q", id="x", meta=None)], "oo"),
    Form("broken line", J(text()) + "\n" + J(text())[:-3] + "\n", "L"),
    Form("comma", J(text()) + ",\n" + J(text()) + "\n", "L"),
    Form("single quotes", J(text()) + "\n" + str(text()) + "\n", "L"),
    Form("comment", J(text()) + " // x\n", "L"),
    Form("key twice", J(text()) + '\n{"messages": [], "messages": []}\n', "L"),
    Form(
        "key twice within",
        J(text())
        + '\n{"messages": [{"role": "user", "role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n',  # noqa: E501
        "L",
    ),
    Form(
        "surrogate", J(text()) + '\n{"messages": [{"role": "user", "content": "\\ud800"}]}\n', "L"
    ),
    Form(
        "not UTF-8",
        J(text()).encode() + b'\n{"messages": [{"role": "user", "content": "\xff"}]}\n',
        "L",
    ),
    Form(
        "control character",
        J(text()) + '\n{"messages": [{"role": "user", "content": "a\tb"}]}\n',
        "L",
    ),
    Form("number too big", J(text()) + '\n{"messages": [], "x": 1e999}\n', "L"),
    Form("number rows", "1\n2\n", "L"),
    Form("list rows", "[1]\n[2]\n", "L"),
    Form("empty", "", "L"),
    Form("only blanks", "\n\n", "L"),
    Form(
        "blank line and two types",
        J(text()) + "\n\n" + J(talk(user([part("text", "q")]), bot("a"))),
        "L",
    ),
    Form(
        "blank line and a lost key",
        J(text()) + "\n\n" + J(talk(user("q"), said("assistant", "a", loss=True))),
        "oo",
    ),
    Form("csv", 'query,response\nhi,yes\n"a, b",no\n', "oo", "csv"),
    Form("csv numbers", "query,response\nhi,1\nho,2\n", "rr", "csv"),
    Form("csv empty answer", "query,response\nhi,\nho,x\n", "oo", "csv"),
    Form("csv images", "query,response,images\n<image>hi,yes,a.jpg\n", "o", "csv"),
    Form("csv list of images", "query,response,images\n<image>hi,yes,\"['a.jpg']\"\n", "r", "csv"),
    Form("csv too many fields", "query,response\nhi,yes\na,b,c\n", "L", "csv"),
    Form("txt", "hello\nthere\n", "oo", "txt"),
    Form("ndjson", J(text()) + "\n", "L", "ndjson"),
    Form("capital ending", J(text()) + "\n", "L", "JSONL"),
    Form("too long", [text("word " * 60), text()], "ro", options={"max_length": 60}),
    Form(
        "too long, cut",
        [text("word " * 60), text()],
        "so",
        options={"max_length": 60, "truncation": "right"},
    ),
    Form(
        "columns",
        [{"frage": "q", "antwort": "a"}],
        "o",
        options={"columns": {"frage": "query", "antwort": "response"}},
    ),
]

LOST = [text(), text("q", None), seen(images=["no.jpg"])]
OPTIONS = [
    Form("encoded before", LOST, "odd", options={"lazy": False}),
    Form("encoded before, strict", LOST, "L", options={"lazy": False, "strict": True}),
    Form("strict, lost at load", LOST[:2], "L", options={"strict": True}),
    Form("strict, lost at its turn", [LOST[0], LOST[2]], "L", options={"strict": True}),
    Form("strict, wrong", [text("<image>q"), text("q", "")], "so", options={"strict": True}),
    Form("strict, good", [seen(), text()], "oo", options={"strict": True, "lazy": False}),
    Form("all lost before", [LOST[2], LOST[2]], "L", options={"lazy": False}),
    Form("all lost at their turn", [LOST[2], LOST[2]], "rr"),
    Form(
        "too long before",
        [text("word " * 60), text()],
        "do",
        options={"max_length": 60, "lazy": False},
    ),
    Form(
        "too long, strict",
        [text(), text("word " * 60)],
        "L",
        options={"max_length": 60, "strict": True},
    ),
    Form(
        "split, a text",
        [talk(bot("word " * 100))],
        "o",
        pixels=True,
        options={"max_length": 60, "truncation": "split", "chat": False},
    ),
    Form(
        "split, a picture",
        [talk(bot("<image>" + "word " * 30), images=["a.jpg"])],
        "s",
        pixels=True,
        options={"max_length": 60, "truncation": "split", "chat": False},
    ),
    Form("columns kept", [text(a=1, length="x")], "o", options={"remove_unused_columns": False}),
]

_DPO: dict[str, Any] = {"options": {"mode": "rlhf"}}
PREFERENCES = [
    Form("worse answer", [seen(rejected_response="no")], "o", **_DPO),
    Form("no worse answer", [text()], "r", **_DPO),
    Form("some without", [text(rejected_response="no"), text()], "od", **_DPO),
    Form(
        "the same answer",
        [text(rejected_response="no"), text(rejected_response="yes")],
        "od",
        **_DPO,
    ),
    Form("empty worse answer", [text(rejected_response="")], "o", **_DPO),
    Form("worse with a tag", [text(rejected_response="<image>")], "s", **_DPO),
    Form("worse messages", [text(rejected_messages=[user("hi"), bot("no")])], "o", **_DPO),
    Form(
        "worse messages lose the picture",
        [seen(rejected_messages=[user("<image>hi"), bot("no")])],
        "s",
        **_DPO,
    ),
    Form(
        "worse messages with their picture",
        [seen(rejected_messages=[user("<image>hi"), bot("no")], rejected_images=["b.png"])],
        "o",
        **_DPO,
    ),
    Form("worse answer in messages", [text(rejected_response=[bot("no")])], "o", **_DPO),
    Form("a question in it", [text(rejected_response=[user("r"), bot("no")])], "r", **_DPO),
    Form("the same in messages", [text(rejected_response=[bot("yes")])], "r", **_DPO),
    Form("worse a number", [text(rejected_response=5)], "r", **_DPO),
    Form(
        "several rounds",
        [talk(user("q"), bot("a"), user("r"), bot("b"), rejected_response="c")],
        "o",
        **_DPO,
    ),
    Form(
        "worse too long",
        [text(rejected_response="word " * 60), text(rejected_response="no")],
        "ro",
        options={"mode": "rlhf", "max_length": 60},
    ),
    Form("margin a text", [text(rejected_response="no", margin="0.5")], "o", **_DPO),
]

FORMS = [
    *(("preferences", form) for form in PREFERENCES),
    *(("messages", form) for form in MESSAGES),
    *(("contents", form) for form in CONTENTS),
    *(("tools", form) for form in TOOLS),
    *(("pairs", form) for form in PAIRS),
    *(("images", form) for form in IMAGES),
    *(("boxes", form) for form in BOXES),
    *(("dialects", form) for form in DIALECTS),
    *(("options", form) for form in OPTIONS),
]
