"""More forms of rows and files, odder ones: what was tried against the real ms-swift at some time.

As in `row_forms`; their pictures beyond those that are named there are made by `odd_pictures`.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from support.ms_swift.row_forms import (
    CALL,
    Form,
    J,
    bot,
    boxed,
    pair,
    part,
    said,
    seen,
    talk,
    text,
    user,
)

ASKED, TOLD = user("q"), bot("a")
RESULT, CALLED = said("tool", "r"), said("tool_call", CALL)
ODD_SIZES = {
    **dict.fromkeys(("one.png", "pal.png", "la.png", "opaque.png", "anim.gif"), (64, 64)),
    "dot.png": (1, 1),
    "small.png": (27, 5),
    "r200.png": (200, 1),
    "r201.png": (201, 1),
    "png.jpg": (320, 320),
}


def odd_pictures(folder: Path) -> None:
    """Writes the files that the forms name.

    Args:
        folder: Holds a.jpg and b.png.
    """
    from PIL import Image

    picture = Image.open(folder / "a.jpg")
    picture.load()
    for mode, name in (
        ("1", "one.png"),
        ("P", "pal.png"),
        ("LA", "la.png"),
        ("RGBA", "opaque.png"),
    ):
        Image.new("RGB", (64, 64), (3, 4, 5)).convert(mode).save(folder / name)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    for ending in ("gif", "bmp", "webp", "tiff"):
        picture.save(folder / f"a.{ending}")
    for name, size in (("dot", (1, 1)), ("small", (27, 5)), ("r201", (201, 1)), ("r200", (200, 1))):
        Image.new("RGB", size).save(folder / f"{name}.png")
    whole = (folder / "a.jpg").read_bytes()
    for name in ("with space.jpg", "ü.jpg", "noext"):
        (folder / name).write_bytes(whole)
    (folder / "png.jpg").write_bytes((folder / "b.png").read_bytes())
    (folder / "tail.jpg").write_bytes(whole[:-2])
    (folder / "junk.jpg").write_bytes(whole + b"junk" * 10)
    frames = [Image.new("RGB", (64, 64), color) for color in ("red", "blue")]
    frames[0].save(folder / "anim.gif", save_all=True, append_images=frames[1:])


def im(*names: Any, q: str | None = None, **more: Any) -> dict[str, Any]:
    return {**text(q or "<image>" * len(names) + "hi", "yes"), "images": list(names), **more}


def b(objects: Any, q: str = "<image>w", a: str = "<bbox>", **more: Any) -> dict[str, Any]:
    return {**boxed(objects, q, a), **more}


def objects_of(*boxes: Any, **more: Any) -> dict[str, Any]:
    return {"ref": [], "bbox": list(boxes), **more}


PICTURES = [
    Form("bilevel", [im("one.png")], "o"),
    Form("palette", [im("pal.png")], "o"),
    Form("la", [im("la.png")], "o"),
    Form("opaque", [im("opaque.png")], "o"),
    Form("cmyk", [im("cmyk.jpg")], "o"),
    Form("gif bmp webp tiff", [im("a.gif"), im("a.bmp"), im("a.webp"), im("a.tiff")], "oooo"),
    Form("dot", [im("dot.png"), im("small.png"), im("r200.png"), im("r201.png"), text()], "oooro"),
    Form("names", [im("with space.jpg"), im("ü.jpg"), im("noext"), im("png.jpg")], "oooo"),
    Form("anim", [im("anim.gif")], "o"),
    Form("tail junk", [im("tail.jpg"), im("junk.jpg"), text()], "roo"),
    Form("tilde", [im("~/a.jpg"), text()], "ro"),
    Form("backslash", [im("pictures\\c.jpg"), text()], "ro"),
    Form("newline in path", [im("a.jpg\n"), text()], "oo"),
    Form("path None bytes None", [im({"path": None, "bytes": None}), text()], "ro"),
    Form("dict image path", [{**text("<image>q"), "image": {"path": "a.jpg"}}], "o"),
    Form("dict extra", [im({"path": "a.jpg", "w": 3}), text()], "ro"),
    Form("dict path and url", [im({"path": "a.jpg", "url": "x"}), text()], "ro"),
    Form("images and image differ in case", [{**text("<image>q"), "Images": ["a.jpg"]}], "o"),
    Form("IMAGE", [{**text("<image>q"), "IMAGE": "a.jpg"}], "o"),
    Form("dup image", [im("a.jpg", "a.jpg")], "o"),
    Form("comma list", [im("a.jpg,b.png"), text()], "ro"),
    Form("json list string", [{**text("<image>q"), "images": '["a.jpg"]'}, text()], "ro"),
    Form("images empty string", [{**text("q"), "images": ""}, text()], "ro"),
    Form("images empty string tag", [{**text("<image>q"), "images": ""}, text()], "ro"),
    Form(
        "images dict of lists", [{**text("<image>q"), "images": {"path": ["a.jpg"]}}, text()], "ro"
    ),
    Form("images false", [{**text("q"), "images": False}, text()], "oo"),
    Form("images 0", [{**text("q"), "images": 0}, text()], "oo"),
    Form("tag spaces", [im("a.jpg", q="< image >q")], "o"),
    Form("tag closing", [im("a.jpg", q="<image></image>q")], "o"),
    Form("tag self", [im("a.jpg", q="<image/>q")], "o"),
    Form("Picture N", [im("a.jpg", q="Picture 1: <image>\nq")], "o"),
    Form("tag glued", [im("a.jpg", q="q<image>r")], "o"),
    Form("tag entity", [im("a.jpg", q="&lt;image&gt;q")], "o"),
    Form("<img> tag with images", [im("a.jpg", q="<img>q")], "o"),
    Form("<|image|>", [im("a.jpg", q="<|image|>q")], "o"),
    Form("<image_placeholder>", [im("a.jpg", q="<image_placeholder>q")], "o"),
    Form("[IMG]", [im("a.jpg", q="<image 1>q")], "o"),
    Form("qwen literal", [im("a.jpg", q="<|vision_start|><|image_pad|><|vision_end|>q")], "s"),
    Form(
        "tags split over turns",
        [talk(user("<image>q"), bot("a"), user("<image>r"), bot("b"), images=["a.jpg", "b.png"])],
        "o",
    ),
    Form(
        "few tags 2nd turn",
        [talk(user("q"), bot("a"), user("<image>r"), bot("b"), images=["a.jpg", "b.png"])],
        "s",
    ),
    Form("no tags assistant first", [talk(bot("a"), user("q"), bot("b"), images=["a.jpg"])], "s"),
    Form("no tags system", [talk(said("system", "S"), user("q"), bot("b"), images=["a.jpg"])], "o"),
    Form(
        "no tag tool first",
        [
            talk(
                user("q"),
                said("tool_call", CALL),
                said("tool", "<image>r"),
                bot("b"),
                images=["a.jpg"],
            )
        ],
        "o",
    ),
    Form(
        "tag in tool_call",
        [
            talk(
                user("q"),
                said("tool_call", '{"name":"<image>","arguments":{}}'),
                said("tool", "r"),
                bot("b"),
                images=["a.jpg"],
            )
        ],
        "o",
    ),
    Form("pt style", [talk(bot("<image>long text"), images=["a.jpg"])], "o"),
    Form(
        "content empty list",
        [talk(user([]), bot("a")), talk(user([part("text", "q")]), bot("a"))],
        "oo",
    ),
    Form("content list of str", [talk(user(["q"]), bot("a"))], "L"),
    Form("content list of int", [talk(user([1, 2]), bot("a"))], "L"),
    Form("content nested parts", [talk(user([[part("text", "q")]]), bot("a"))], "L"),
    Form(
        "parts image no tag",
        [talk(user([part("text", "q"), part("image", "a.jpg")]), bot([part("text", "a")]))],
        "o",
    ),
    Form(
        "parts tag in text",
        [talk(user([part("text", "<image>q"), part("image", "a.jpg")]), bot([part("text", "a")]))],
        "s",
    ),
    Form(
        "parts image null + col",
        [
            talk(
                user([part("image", None), part("text", "q")]),
                bot([part("text", "a")]),
                images=["a.jpg"],
            )
        ],
        "o",
    ),
    Form(
        "parts image bare + col",
        [
            talk(
                user([{"type": "image"}, part("text", "q")]),
                bot([part("text", "a")]),
                images=["a.jpg"],
            )
        ],
        "o",
    ),
    Form(
        "parts video",
        [
            talk(user([part("video", "no.mp4"), part("text", "q")]), bot([part("text", "a")])),
            text(),
        ],
        "ro",
    ),
    Form(
        "parts image_url str",
        [talk(user([part("image_url", "a.jpg"), part("text", "q")]), bot([part("text", "a")]))],
        "o",
    ),
    Form(
        "parts input_image",
        [
            talk(user([part("input_image", "a.jpg"), part("text", "q")]), bot([part("text", "a")])),
            text(),
        ],
        "ro",
    ),
    Form(
        "parts image url key",
        [
            talk(
                user([{"type": "image", "url": "a.jpg"}, part("text", "q")]),
                bot([part("text", "a")]),
            ),
            text(),
        ],
        "so",
    ),
    Form(
        "parts image path key",
        [
            talk(
                user([{"type": "image", "path": "a.jpg"}, part("text", "q")]),
                bot([part("text", "a")]),
            ),
            text(),
        ],
        "so",
    ),
    Form(
        "anthropic url",
        [
            talk(
                user(
                    [
                        {"type": "image", "source": {"type": "url", "url": "a.jpg"}},
                        part("text", "q"),
                    ]
                ),
                bot([part("text", "a")]),
            )
        ],
        "o",
    ),
    Form("role upper", [talk(said("USER", "q"), said("ASSISTANT", "a")), text()], "do"),
    Form("role space", [talk(said("user ", "q"), bot("a")), text()], "do"),
    Form("human+assistant", [talk(said("human", "q"), bot("a"))], "o"),
    Form("role chatgpt", [talk(user("q"), said("chatgpt", "a")), text()], "do"),
    Form("tool role name", [talk(user("q"), bot("a"), said("tool", "r", name="f"), bot("z"))], "o"),
    Form("function role", [talk(user("q"), said("function", "r"), bot("z")), text()], "do"),
    Form(
        "function-call role",
        [talk(user("q"), said("function-call", CALL), said("function-response", "r"), bot("z"))],
        "o",
    ),
    Form("from+role", [talk({"from": "human", "role": "user", "content": "q"}, bot("a"))], "o"),
    Form("value+content", [talk({"role": "user", "content": "q", "value": "z"}, bot("a"))], "s"),
    Form("from/value mixed role/content", [talk({"from": "human", "value": "q"}, bot("a"))], "o"),
    Form(
        "content missing via value null",
        [talk({"role": "user", "value": None}, bot("a")), text()],
        "do",
    ),
]

PAIRS_AND_TOOLS = [
    Form("query list", [pair(["q", "r"], "a"), pair()], "ro"),
    Form("query number", [pair(5, "a")], "r"),
    Form("query dict", [pair({"x": 1}, "a")], "r"),
    Form("query empty", [pair("", "a")], "o"),
    Form("response bool", [pair("q", True)], "r"),
    Form("response empty", [pair("q", "")], "o"),
    Form("list w null", [pair("q", [None]), pair()], "so"),
    Form("list of numbers", [pair("q", [5])], "r"),
    Form("list of lists", [pair("q", [["a"]])], "r"),
    Form("system empty col", [pair(system="")], "o"),
    Form("system null", [pair(system=None)], "o"),
    Form("system in history", [pair(history=[["x", "y"]], system="S")], "o"),
    Form("history 2", [pair(history=[["x", "y"], ["z", "w"]])], "o"),
    Form("history null q", [pair(history=[[None, "y"]])], "L"),
    Form("history numbers", [pair(history=[[1, 2]])], "r"),
    Form("history tuple str", [pair(history="[('x','y')]")], "o"),
    Form("history dict str", [pair(history="{'a':1}"), pair(history="")], "do"),
    Form("prompt completion", [{"prompt": "q", "completion": "a"}], "o"),
    Form("question answer image", [{"question": "<image>q", "answer": "a", "image": "a.jpg"}], "o"),
    Form("question answers list", [{"question": "q", "answers": ["a", "b"]}], "o"),
    Form("input output", [{"input": "q", "output": "a"}], "o"),
    Form("text only image", [{"text": "<image>cap", "image": "a.jpg"}], "o"),
    Form("image text", [{"image": "a.jpg", "text": "cap"}], "s"),
    Form("caption", [{"image": "a.jpg", "caption": "cap"}], "L"),
    Form("prompt+query", [{"prompt": "p", "query": "q", "response": "a"}], "o"),
    Form("content", [{"content": "doc"}], "o"),
    Form("title text", [{"title": "t", "text": "x"}], "o"),
    Form(
        "alpaca + history",
        [{"instruction": "i", "input": "x", "output": "o", "history": [["a", "b"]]}],
        "o",
    ),
    Form(
        "alpaca + system", [{"instruction": "i", "input": "x", "output": "o", "system": "S"}], "o"
    ),
    Form("alpaca list out", [{"instruction": "i", "input": "x", "output": ["o"]}], "o"),
    Form(
        "alpaca images",
        [{"instruction": "<image>i", "input": "", "output": "o", "images": ["a.jpg"]}],
        "o",
    ),
    Form(
        "alpaca number input", [{"instruction": "i", "input": 5, "output": "o"}], "o", pixels=True
    ),
    Form(
        "alpaca + query",
        [{"instruction": "i", "input": "x", "output": "o", "query": "z"}],
        "o",
        pixels=True,
    ),
    Form(
        "alpaca + response",
        [{"instruction": "i", "input": "x", "output": "o", "response": "z"}],
        "o",
        pixels=True,
    ),
    Form(
        "alpaca null output",
        [
            {"instruction": "i", "input": "x", "output": None},
            {"instruction": "i", "input": "x", "output": "o"},
        ],
        "so",
    ),
    Form(
        "alpaca prompt",
        [{"instruction": "i", "input": "x", "output": "o", "prompt": "p"}],
        "o",
        pixels=True,
    ),
    Form("label str", [text(label="x")], "o"),
    Form("label float", [text(label=0.5)], "o"),
    Form("label bool", [text(label=True), text(label=False)], "oo"),
    Form("label mixed", [text(label=1), text(label="a")], "oo"),
    Form("channel", [text(channel="x")], "o"),
    Form("channel num", [text(channel=3)], "o"),
    Form("margin", [text(margin=0.3)], "o"),
    Form("margin str", [text(margin="0.3")], "o"),
    Form("kwargs", [seen(chat_template_kwargs={"max_pixels": 100352})], "o"),
    Form("kwargs text", [seen(chat_template_kwargs="{}"), text()], "oo"),
    Form("kwargs bad", [seen(chat_template_kwargs={"max_pixels": "x"}), text()], "ro"),
    Form(
        "kwargs min>max",
        [seen(chat_template_kwargs={"max_pixels": 1000, "min_pixels": 100000}), text()],
        "ro",
    ),
    Form("kwargs unknown", [text(chat_template_kwargs={"enable_thinking": False})], "o"),
    Form(
        "tools str",
        [text(tools=J([{"type": "function", "function": {"name": "f", "parameters": {}}}]))],
        "o",
        pixels=True,
    ),
    Form("tools empty", [text(tools=[])], "o"),
    Form(
        "tools dict",
        [text(tools={"type": "function", "function": {"name": "f"}})],
        "o",
        pixels=True,
    ),
    Form("tools list str", [text(tools=["x"]), text()], "ro"),
    Form("tools null", [text(tools=None)], "o"),
    Form(
        "tool_calls no content",
        [
            talk(
                user("q"),
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a":1}'},
                        }
                    ],
                },
                {"role": "tool", "content": "r"},
                bot("a"),
            )
        ],
        "o",
        pixels=True,
    ),
    Form(
        "tool_calls null content",
        [
            talk(
                user("q"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a":1}'},
                        }
                    ],
                },
                {"role": "tool", "content": "r"},
                bot("a"),
            )
        ],
        "o",
        pixels=True,
    ),
    Form(
        "tool_calls bad args",
        [
            talk(
                user("q"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "nope"}}],
                },
                {"role": "tool", "content": "r"},
                bot("a"),
            ),
            text(),
        ],
        "ro",
    ),
    Form(
        "tool_calls no name",
        [
            talk(
                user("q"),
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "1", "function": {"arguments": "{}"}}],
                },
                bot("a"),
            ),
            text(),
        ],
        "do",
    ),
    Form(
        "tool call list",
        [
            talk(
                user("q"),
                said("tool_call", J([{"name": "f", "arguments": {}}])),
                said("tool", "r"),
                bot("a"),
            ),
            text(),
        ],
        "ro",
    ),
    Form(
        "tool call object",
        [
            talk(
                user("q"),
                said("tool_call", {"name": "f", "arguments": {}}),
                said("tool", "r"),
                bot("a"),
            )
        ],
        "o",
        pixels=True,
    ),
    Form(
        "two tool calls",
        [
            talk(
                user("q"),
                said("tool_call", CALL),
                said("tool_call", CALL),
                said("tool", "r"),
                said("tool", "s"),
                bot("a"),
            )
        ],
        "o",
        pixels=True,
    ),
    Form("tool_call last", [talk(user("q"), said("tool_call", CALL))], "o"),
    Form(
        "tool_call first",
        [talk(said("tool_call", CALL), said("tool", "r"), bot("a")), text()],
        "oo",
    ),
    Form(
        "assistant+tool_call",
        [talk(user("q"), bot("let me"), said("tool_call", CALL), said("tool", "r"), bot("a"))],
        "o",
        pixels=True,
    ),
    Form(
        "tool then user",
        [talk(user("q"), said("tool_call", CALL), said("tool", "r"), user("more"), bot("a"))],
        "r",
    ),
    Form("think", [text("q", "<think>\nhm\n</think>\na")], "o"),
    Form("loss str", [talk(user("q"), said("assistant", "a", loss="true"))], "o"),
    Form("loss num", [talk(user("q"), said("assistant", "a", loss=0))], "o"),
    Form("loss null", [talk(user("q"), said("assistant", "a", loss=None))], "o"),
    Form("loss false only", [talk(user("q"), said("assistant", "a", loss=False))], "o"),
    Form("loss scale 0", [talk(user("q"), said("assistant", "a", loss_scale=0.0))], "o"),
    Form("loss scale 2", [talk(user("q"), said("assistant", "a", loss_scale=2.0))], "o"),
    Form("loss scale list", [talk(user("q"), said("assistant", "a", loss_scale=[1.0]))], "o"),
    Form("loss user true", [talk(said("user", "q", loss=True), bot("a"))], "o"),
    Form("empty all", [text("", "")], "o"),
    Form("whitespace both", [text(" ", " ")], "o"),
    Form("newline end", [text("q\n", "a\n")], "o"),
    Form("zero width", [text("q\u200b", "a\ufeff")], "o"),
    Form("nul char", [text("q\u0000", "a")], "o"),
    Form("long line sep", [text("q\u2028r\u0085", "a")], "o"),
    Form("video string", [{**text("<video>q"), "video": "no.mp4"}, text()], "ro"),
    Form("video null", [{**text("q"), "videos": None}], "o"),
    Form("video empty", [{**text("q"), "videos": []}], "o"),
    Form("video frames", [{**text("<video>q"), "videos": [["a.jpg", "a.jpg"]]}], "o", pixels=True),
    Form("video frames 1", [{**text("<video>q"), "videos": [["a.jpg"]]}], "o", pixels=True),
    Form(
        "video frames missing",
        [{**text("<video>q"), "videos": [["a.jpg", "no.jpg"]]}, text()],
        "ro",
    ),
    Form("video empty file", [{**text("<video>q"), "videos": ["empty.jpg"]}, text()], "ro"),
    Form("video without tag", [{**text("q"), "videos": [["a.jpg", "a.jpg"]]}], "o", pixels=True),
    Form(
        "video and image",
        [{**text("<video><image>q"), "videos": [["a.jpg", "a.jpg"]], "images": ["b.png"]}],
        "o",
        pixels=True,
    ),
    Form("audio no tag", [{**text("q"), "audios": ["a.wav"]}, text()], "ro"),
    Form("audio empty", [{**text("q"), "audios": []}], "o"),
]

OBJECTS_AND_FILES = [
    Form("edge box", [b(objects_of([0, 0, 640, 480]))], "o"),
    Form("neg box", [b(objects_of([-1, 0, 64, 48]))], "s"),
    Form("zero area", [b(objects_of([5, 5, 5, 5]))], "o"),
    Form("tuple point+box", [b(objects_of([5, 5], [1, 2, 3, 4]), a="<bbox><bbox>")], "o"),
    Form("bool box", [b(objects_of([True, False, True, True])), text()], "oo"),
    Form(
        "nan box",
        '{"messages":[{"role":"user","content":"<image>w"},{"role":"assistant","content":"<bbox>"}],"images":["a.jpg"],"objects":{"ref":[],"bbox":[[NaN,1,2,3]]}}\n',
        "r",
    ),
    Form("norm1 edges", [b(objects_of([0, 0, 1, 1], bbox_type="norm1"))], "o"),
    Form("norm1 ints mixed", [b(objects_of([0, 0.5, 1, 1], bbox_type="norm1"))], "o"),
    Form("bbox_type null", [b(objects_of([1, 2, 3, 4], bbox_type=None))], "o"),
    Form("bbox_type empty", [b(objects_of([1, 2, 3, 4], bbox_type=""))], "o"),
    Form("bbox_type Real", [b(objects_of([64, 48, 128, 96], bbox_type="Real"))], "o"),
    Form("bbox_type xywh", [b(objects_of([64, 48, 128, 96], bbox_type="xywh"))], "s", pixels=True),
    Form(
        "bbox_type list", [b(objects_of([64, 48, 128, 96], bbox_type=["real"]))], "s", pixels=True
    ),
    Form("norm1 caps", [b(objects_of([0.1, 0.2, 0.3, 0.4], bbox_type="Norm1"))], "s", pixels=True),
    Form("only bbox", [b({"bbox": [[1, 2, 3, 4]]})], "o"),
    Form("extra keys", [b(objects_of([1, 2, 3, 4], label=["x"], score=[0.1]))], "o"),
    Form("ref null", [b({"ref": None, "bbox": [[1, 2, 3, 4]]})], "o"),
    Form(
        "ref with null", [b({"ref": [None], "bbox": [[1, 2, 3, 4]]}, q="<image><ref-object>")], "s"
    ),
    Form(
        "ref more", [b({"ref": ["a", "b"], "bbox": [[1, 2, 3, 4]]}, q="<image><ref-object>")], "o"
    ),
    Form("ref empty str", [b({"ref": [""], "bbox": [[1, 2, 3, 4]]}, q="<image><ref-object>")], "o"),
    Form("image_id null", [b(objects_of([1, 2, 3, 4], image_id=None))], "o"),
    Form("image_id []", [b(objects_of([1, 2, 3, 4], image_id=[]))], "o"),
    Form(
        "image_id short",
        [b(objects_of([1, 2, 3, 4], [1, 2, 3, 4], image_id=[0]), a="<bbox><bbox>")],
        "o",
    ),
    Form(
        "image_id null in",
        [b(objects_of([1, 2, 3, 4], [1, 2, 3, 4], image_id=[0, None]), a="<bbox><bbox>")],
        "r",
    ),
    Form("image_id float", [b(objects_of([64, 48, 128, 96], image_id=[0.0])), text()], "ro"),
    Form("bbox empty", [b(objects_of(), a="x")], "o"),
    Form("bbox empty + tag", [b(objects_of())], "s"),
    Form("bbox null inside", [b(objects_of([1, 2, 3, 4], None), a="<bbox><bbox>"), text()], "do"),
    Form("bbox dict", [b({"ref": [], "bbox": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}}), text()], "ro"),
    Form("box dict", [b(objects_of({"x1": 1, "y1": 2, "x2": 3, "y2": 4})), text()], "do"),
    Form(
        "two imgs box 2nd no id",
        [{**b(objects_of([64, 48, 128, 96]), q="<image><image>w"), "images": ["b.png", "a.jpg"]}],
        "o",
    ),
    Form("objects literal", [b(objects_of([1, 2, 3, 4]), a="(1,2),(3,4)")], "s"),
    Form("BBOX case", [b(objects_of([1, 2, 3, 4]), a="<BBOX>")], "s"),
    Form(
        "ref obj underscore",
        [b({"ref": ["x"], "bbox": [[1, 2, 3, 4]]}, q="<image><ref_object>")],
        "o",
    ),
    Form(
        "box in user", [b(objects_of([64, 48, 128, 96]), q="<image>what in <bbox>?", a="cat")], "o"
    ),
    Form(
        "box in sys",
        [
            talk(
                said("system", "<bbox>"),
                user("<image>q"),
                bot("a"),
                images=["a.jpg"],
                objects=objects_of([64, 48, 128, 96]),
            )
        ],
        "o",
    ),
    Form(
        "bbox missing img",
        [{**b(objects_of([64, 48, 128, 96])), "images": ["no.jpg"]}, text()],
        "ro",
    ),
    Form("huge ints", [b(objects_of([10**12, 1, 10**13, 2]))], "s"),
    Form(
        "sci",
        '{"messages":[{"role":"user","content":"<image>w"},{"role":"assistant","content":"<bbox>"}],"images":["a.jpg"],"objects":{"ref":[],"bbox":[[1e1,2e1,3.0e1,4e1]]}}\n',
        "o",
    ),
    Form("nested objects list", [b([objects_of([1, 2, 3, 4])]), text()], "do"),
    Form("json arr ws", J([text()]) + "\n\n", "o", "json"),
    Form("json obj", J({"data": [text()]}), "L", "json"),
    Form("json obj pretty", J(text(), indent=2), "o", "json"),
    Form("json lines .json", J(text()) + "\n" + J(text("q")) + "\n", "oo", "json"),
    Form("array empty", "[]", "L", "json"),
    Form("array mixed null", J([text(), None]), "od", "json"),
    Form("array diff keys", J([text(), seen()]), "oo", "json"),
    Form("array trailing comma", "[" + J(text()) + ",]", "L", "json"),
    Form("array in jsonl", J([text(), text("r")]) + "\n", "oo", "jsonl"),
    Form("bom array", b"\xef\xbb\xbf" + J([text()]).encode(), "L", "json"),
    Form("array BOM utf16", J([text()]).encode("utf-16"), "L", "json"),
    Form("CR only", J(text()) + "\r" + J(text("q")) + "\r", "oo"),
    Form("ctrl-z", J(text()) + "\n\x1a", "L"),
    Form("nul line", J(text()) + "\n\0\n", "L"),
    Form("ws line", J(text()) + "\n   \n" + J(text("q")) + "\n", "oo"),
    Form("tab indent", "\t" + J(text()) + "\n", "o"),
    Form("no final nl", J(text()), "o"),
    Form("Infinity", J(text()) + "\n" + J(text("q", s=float("inf"))) + "\n", "oo"),
    Form("big int", J(text(x=10**30)) + "\n", "o"),
    Form("neg zero", J(text(x=-0.0)), "o"),
    Form("leading zero", J(text()) + '\n{"messages":[],"x":007}\n', "L"),
    Form("hex", J(text()) + '\n{"messages":[],"x":0x1}\n', "L"),
    Form("True", J(text()) + '\n{"messages":[],"x":True}\n', "L"),
    Form("unquoted", "{messages:[]}\n", "L"),
    Form(
        "escape slash",
        '{"messages":[{"role":"user","content":"a\\/b"},{"role":"assistant","content":"c"}]}\n',
        "o",
    ),
    Form(
        "bad escape",
        '{"messages":[{"role":"user","content":"a\\xb"},{"role":"assistant","content":"c"}]}\n',
        "L",
    ),
    Form(
        "surrogate pair",
        '{"messages":[{"role":"user","content":"\\ud83d\\ude00"},{"role":"assistant","content":"c"}]}\n',
        "o",
    ),
    Form("empty obj line", J(text()) + "\n{}\n", "od"),
    Form("empty str line", J(text()) + '\n""\n', "L"),
    Form("latin1", J(text("é"), ensure_ascii=False).encode("latin1"), "L"),
    Form("utf16", J(text()).encode("utf-16"), "L"),
    Form("gz name", gzip.compress((J(text()) + "\n").encode()), "L", "jsonl.gz"),
    Form("csv bom", b"\xef\xbb\xbfquery,response\nq,a\n", "o", "csv"),
    Form("csv semi", "query;response\nq;a\n", "L", "csv"),
    Form("csv crlf", "query,response\r\nq,a\r\n", "o", "csv"),
    Form("csv quotes nl", 'query,response\n"q\nr",a\n', "o", "csv"),
    Form("csv one col", "text\nhello\n", "o", "csv"),
    Form("csv header only", "query,response\n", "L", "csv"),
    Form("csv NA", "query,response\nNA,a\nq,null\nq,NaN\nq,None\n", "oooo", "csv"),
    Form("csv bool", "query,response\nq,true\nr,false\n", "rr", "csv"),
    Form("csv mixed num", "query,response\nq,1\nr,x\n", "oo", "csv"),
    Form("csv date", "query,response\nq,2024-01-01\n", "o", "csv"),
    Form("csv dup header", "query,query,response\nq,z,a\n", "o", "csv"),
    Form("csv few fields", "query,response,system\nq,a\n", "o", "csv"),
    Form(
        "csv messages",
        'messages\n"[{""role"":""user"",""content"":""q""},{""role"":""assistant"",""content"":""a""}]"\n',
        "o",
        "csv",
    ),
    Form("csv index", ",query,response\n0,q,a\n", "o", "csv"),
    Form("csv blank line", "query,response\n\nq,a\n", "o", "csv"),
    Form("csv latin1", "query,response\né,a\n".encode("latin1"), "L", "csv"),
    Form("csv system num", "system,query,response\n1,q,a\n", "r", "csv"),
    Form("csv image missing", "query,response,image\n<image>q,a,no.jpg\nq,a,\n", "rr", "csv"),
    Form("tsv", "query\tresponse\nq\ta\n", "L", "tsv"),
    Form("txt blank", "a\n\nb\n", "ooo", "txt"),
    Form("txt crlf", "a\r\nb", "oo", "txt"),
    Form("txt empty", "", "L", "txt"),
    Form("txt img", "<image>a\n", "s", "txt"),
    Form("txt utf8 bad", b"a\xff\n", "L", "txt"),
]

NULLS = [
    Form("history null q many", [pair(history=[["a", "b"]]), pair(history=[[None, "y"]])], "oo"),
    Form("history null q many2", [pair(history=[[None, "y"]]), pair(history=[["a", "b"]])], "L"),
    Form("arr null", J([None, text()]), "L", "json"),
    Form("arr mixed", J([text(), "x"]), "L", "json"),
    Form("arr nums", J([1, 2]), "rr", "json"),
    Form("arr lists2", J([["a", "b"]]), "o", "json"),
    Form("arr strs+num", J(["a", 1]), "or", "json"),
    Form("arr null only", J([None]), "L", "json"),
    Form("arr strs null", J(["a", None]), "od", "json"),
    Form(
        "inf box",
        '{"messages":[{"role":"user","content":"<image>w"},{"role":"assistant","content":"<bbox>"}],"images":["a.jpg"],"objects":{"ref":[],"bbox":[[0,1,Infinity,3]]}}\n',
        "r",
    ),
    Form(
        "nan box later",
        '{"messages":[{"role":"user","content":"<image>w"},{"role":"assistant","content":"<bbox>"}],"images":["a.jpg"],"objects":{"ref":[],"bbox":[[1,2,NaN,3]]}}\n',
        "r",
    ),
    Form(
        "nan content",
        '{"messages":[{"role":"user","content":NaN},{"role":"assistant","content":"a"}]}\n'
        + J(text())
        + "\n",
        "do",
    ),
    Form("box str4", [boxed({"ref": [], "bbox": ["abcd"]}), seen()], "ro"),
    Form("box str4 swapped", [boxed({"ref": [], "bbox": ["dcba"]}), seen()], "do"),
    Form("box str2", [boxed({"ref": [], "bbox": ["ab"]}), seen()], "ro"),
    Form("box dict2", [boxed({"ref": [], "bbox": [{"x": 1, "y": 2}]}), seen()], "ro"),
    Form("bbox str", [boxed({"ref": [], "bbox": "ab"}), seen()], "do"),
    Form("box swapped strs", [boxed({"ref": [], "bbox": [["9", "9", "1", "1"]]}), seen()], "ro"),
    Form("box null last", [boxed({"ref": [], "bbox": [[1, 2, 3, None]]}), seen()], "do"),
    Form("point null", [boxed({"ref": [], "bbox": [[1, None]]}), seen()], "ro"),
]

NULLS_LATER = [
    Form("messages null first", [talk(None, user("q"), bot("a")), text()], "L"),
    Form(
        "messages null first2",
        [talk(None, user("q"), said("assistant", "a", loss=True)), text()],
        "do",
    ),
    Form("row null first", "null\n" + J(text()) + "\n", "L"),
    Form("images null first late", [seen(), seen("<image><image>", images=[None, "a.jpg"])], "L"),
    Form("unused null first", [text(tags=[None, "x"]), text(tags=["a"])], "L"),
    Form("unused null in struct", [text(meta={"t": [None, "x"]}), text(meta={"t": ["a"]})], "L"),
]

TURNS = [
    Form("turns b t u t", [talk(TOLD, RESULT, ASKED, RESULT), text()], "ro"),
    Form("turns b t u b", [talk(TOLD, RESULT, ASKED, TOLD), text()], "ro"),
    Form("turns u c t u b", [talk(ASKED, CALLED, RESULT, ASKED, TOLD), text()], "ro"),
    Form("turns b t u", [talk(TOLD, RESULT, ASKED), text()], "ro"),
    Form("turns u t b", [talk(ASKED, RESULT, TOLD), text()], "oo"),
    Form("turns u t u b", [talk(ASKED, RESULT, ASKED, TOLD), text()], "so"),
    Form("turns u b t u t b", [talk(ASKED, TOLD, RESULT, ASKED, RESULT, TOLD), text()], "ro"),
    Form("turns u c t c t b", [talk(ASKED, CALLED, RESULT, CALLED, RESULT, TOLD), text()], "oo"),
    Form(
        "turns u c c t t b",
        [talk(ASKED, CALLED, CALLED, RESULT, RESULT, TOLD), text()],
        "oo",
        pixels=True,
    ),
    Form("turns u c b", [talk(ASKED, CALLED, TOLD), text()], "oo", pixels=True),
    Form("turns u b c", [talk(ASKED, TOLD, CALLED), text()], "oo", pixels=True),
    Form("turns u t c b", [talk(ASKED, RESULT, CALLED, TOLD), text()], "oo", pixels=True),
    Form("turns u c t b t", [talk(ASKED, CALLED, RESULT, TOLD, RESULT), text()], "oo"),
    Form("turns t u b", [talk(RESULT, ASKED, TOLD), text()], "ro"),
    Form("turns u b t t", [talk(ASKED, TOLD, RESULT, RESULT), text()], "oo", pixels=True),
    Form("turns u u t b", [talk(ASKED, ASKED, RESULT, TOLD), text()], "so"),
    Form("turns u t t b", [talk(ASKED, RESULT, RESULT, TOLD), text()], "oo", pixels=True),
    Form("turns u t u t b", [talk(ASKED, RESULT, ASKED, RESULT, TOLD), text()], "so"),
    Form("turns c u b", [talk(CALLED, ASKED, TOLD), text()], "oo"),
]

OTHERS = [
    Form("packed", gzip.compress((J(text()) + "\n" + J(text("q")) + "\n").encode()), "oo"),
    Form("packed CSV", gzip.compress(b"query,response\nq,a\n"), "o", "csv"),
    Form("packed text", gzip.compress(b"hello\n"), "o", "txt"),
    Form(
        "column clash",
        [{"a": "x", "query": "q", "response": "r"}],
        "L",
        options={"columns": {"a": "query"}},
    ),
    Form(
        "unknown block",
        [talk(user([{"type": "tool_use", "name": "f"}, {"type": "x"}])), text()],
        "do",
    ),
    Form(
        "rejected",
        [text(rejected_response="z"), text(rejected_response="yes"), text()],
        "odd",
    ),
]

ODD_FORMS = [
    *(("others", form) for form in OTHERS),
    *(("pictures", form) for form in PICTURES),
    *(("pairs and tools", form) for form in PAIRS_AND_TOOLS),
    *(("objects and files", form) for form in OBJECTS_AND_FILES),
    *(("nulls", form) for form in [*NULLS, *NULLS_LATER]),
    *(("turns", form) for form in TURNS),
]
