"""Forms of rows for other tasks than answering, and rows with tools.

As in `row_forms`; nothing that is wrong with them can be seen in one text.
"""

from __future__ import annotations

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

RES, CALLED = said("tool", "r"), said("tool_call", CALL)
P: dict[str, Any] = {"pixels": True}
K: dict[str, Any] = {"options": {"mode": "kto", "rlhf_type": "kto"}}
PT: dict[str, Any] = {**P, "options": {"chat": False, "loss_scale": "all"}}
U, B = user("q"), bot("a")
F = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object", "properties": {"x": {"type": "number"}}},
    },
}
CITY = {"type": "string", "enum": ["a", None], "default": None}
COUNT = {"type": "integer", "minimum": 1}
G = {
    "type": "function",
    "function": {
        "name": "g",
        "description": "d",
        "parameters": {"type": "object", "properties": {"city": CITY, "n": COUNT}},
    },
}
H = {"name": "h"}


def of_task(task: str, **options: Any) -> dict[str, Any]:
    return {**P, "options": {"task_type": task, **options}}


def near(**options: Any) -> dict[str, Any]:
    return of_task("embedding", **options)


def ranked(**options: Any) -> dict[str, Any]:
    return of_task("reranker", **options)


def classed(**options: Any) -> dict[str, Any]:
    return of_task("seq_cls", **options)


def steps(**options: Any) -> dict[str, Any]:
    return of_task("prm", loss_scale="all", **options)


T1 = "<image>hi"

TASKS = [
    Form("kto ok", [text("q", "a", label=True), text("r", "b", label=False)], "oo", **K),
    Form("kto nolabel", [text("q", "a", label=True), text("r", "b")], "L", **K),
    Form("kto null label all", [text("q", "a", label=None), text("r", "b", label=None)], "L", **K),
    Form("kto no col", [text("q", "a"), text("r", "b")], "L", **K),
    Form("kto str", [text("q", "a", label="true"), text("r", "b", label="false")], "L", **K),
    Form("kto ints", [text("q", "a", label=1), text("r", "b", label=0)], "oo", **K),
    Form("kto floats", [text("q", "a", label=1.0), text("r", "b", label=0.5)], "oo", **K),
    Form("kto no answer", [talk(user("q"), label=True), text("r", "b", label=False)], "L", **K),
    Form(
        "kto dropped no label",
        [text(None, "a"), text("r", "b", label=False), text("r", "c", label=True)],
        "doo",
        **K,
    ),
    Form(
        "kto rejected",
        [
            text("q", "a", label=True, rejected_response="x"),
            text("r", "b", label=False, rejected_response="y"),
        ],
        "oo",
        **K,
    ),
    Form("kto tool", [talk(user("q"), CALLED, label=True), text("r", "b", label=False)], "L", **K),
    Form("kto image", [seen(label=True), text("r", "b", label=False)], "oo", **K),
    Form(
        "kto missing image",
        [seen(label=True, images=["no.jpg"]), text("r", "b", label=False)],
        "ro",
        **K,
    ),
    Form(
        "kto long",
        [text("q " * 90, "a", label=True), text("r", "b", label=False)],
        "ro",
        options={"mode": "kto", "rlhf_type": "kto", "max_length": 60},
    ),
    Form("kto label list", [text("q", "a", label=[1]), text("r", "b", label=[0])], "L", **K),
    Form("kto csv", "query,response,label\nq,a,True\nr,b,False\n", "oo", ending="csv", **K),
    Form(
        "dpo images",
        [seen(rejected_response="no", rejected_images=["b.png"])],
        "o",
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo tools",
        [text(tools=[F], rejected_response="no")],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rejected tool call",
        [text(tools=[F], rejected_response=[CALLED])],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rej null msgs",
        [text(rejected_messages=None), text(rejected_messages=[user("hi"), bot("no")])],
        "so",
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rej empty msgs",
        [text(rejected_messages=[]), text(rejected_messages=[user("hi"), bot("no")])],
        "so",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo both",
        [text(rejected_messages=[user("hi"), bot("no")], rejected_response="x")],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rej no answer", [text(rejected_messages=[user("hi")])], "s", options={"mode": "rlhf"}
    ),
    Form(
        "dpo rej other role",
        [
            text(rejected_messages=[said("human", "hi"), said("gpt", "no")]),
            text(rejected_messages=[user("hi"), bot("no")]),
        ],
        "oo",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rej from/value",
        [
            {
                "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
                "rejected_response": "b",
            }
        ],
        "o",
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo chosen/rejected",
        [{"messages": [user("q")], "chosen": bot("a"), "rejected": bot("b")}],
        "r",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rej image in parts",
        [
            {
                "messages": [
                    user([part("image", "a.jpg"), part("text", "q")]),
                    bot([part("text", "a")]),
                ],
                "rejected_response": "no",
            }
        ],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo rej list parts",
        [text(rejected_response=[bot([part("text", "z")])])],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo margin bad",
        [text(rejected_response="no", margin="x"), text(rejected_response="no", margin="1")],
        "ro",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo margin none",
        [text(rejected_response="no", margin=None), text(rejected_response="no", margin=2)],
        "oo",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo multi rejected",
        [talk(user("q"), CALLED, RES, bot("a"), rejected_response="b")],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo objects",
        [{**boxed({"ref": [], "bbox": [[1, 2, 3, 4]]}), "rejected_response": "none"}],
        "o",
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo objects both",
        [{**boxed({"ref": [], "bbox": [[1, 2, 3, 4]]}), "rejected_response": "x<bbox>"}],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo sys",
        [talk(said("system", "S"), user("q"), bot("a"), rejected_response="b")],
        "o",
        options={"mode": "rlhf"},
    ),
    Form(
        "dpo only sys+bot",
        [talk(bot("a"), rejected_response="b")],
        "o",
        pixels=True,
        options={"mode": "rlhf"},
    ),
    Form("pt bot", [talk(bot("long text"))], "o", **PT),
    Form("pt user only", [talk(user("long text"))], "o", **PT),
    Form("pt both", [text("q", "a")], "o", **PT),
    Form("pt system", [talk(said("system", "S"), bot("a"))], "s", **PT),
    Form("pt text col", [{"text": "hello"}], "o", **PT),
    Form("pt image", [talk(bot("<image>x"), images=["a.jpg"])], "o", **PT),
    Form("pt tools", [text(tools=[F])], "r", **PT),
    Form("pt tool talk", [talk(user("q"), CALLED, RES, bot("a")), text()], "ro", **PT),
    Form("pt standalone", [talk(user("q"), RES, bot("a")), text()], "ro", **PT),
    Form("pt empty", [talk(bot("")), text()], "oo", **PT),
    Form("pt two turns", [talk(user("q"), bot("a"), user("r"), bot("b"))], "o", **PT),
    Form("pt empty q", [talk(user("")), text()], "ro", **PT),
    Form(
        "pt endoftext",
        [talk(bot("x<|endoftext|>")), text()],
        "so",
        pixels=True,
        options={"chat": False, "loss_scale": "all"},
    ),
    Form(
        "pt loss false", [talk(user("q"), said("assistant", "a", loss=False)), text()], "oo", **PT
    ),
    Form("pt boxes", [boxed({"ref": [], "bbox": [[1, 2, 3, 4]]})], "o", **PT),
    Form(
        "pt long",
        [talk(bot("word " * 80)), text()],
        "ro",
        pixels=True,
        options={"chat": False, "loss_scale": "all", "max_length": 60},
    ),
    Form(
        "emb ok",
        [
            {
                "messages": [user("q")],
                "positive_messages": [[user("p")]],
                "negative_messages": [[user("n")], [user("m")]],
            }
        ],
        "o",
        **near(),
    ),
    Form(
        "emb no pos",
        [{"messages": [user("q")]}, {"messages": [user("q")], "positive_messages": [[user("p")]]}],
        "ro",
        **near(),
    ),
    Form(
        "emb label",
        [{"messages": [user("q")], "positive_messages": [[user("p")]], "label": 0.5}],
        "o",
        **near(),
    ),
    Form(
        "emb label str",
        [
            {"messages": [user("q")], "positive_messages": [[user("p")]], "label": "x"},
            {"messages": [user("q")], "positive_messages": [[user("p")]], "label": "0.5"},
        ],
        "ro",
        **near(),
    ),
    Form(
        "emb flat pos", [{"messages": [user("q")], "positive_messages": [user("p")]}], "r", **near()
    ),
    Form(
        "emb images",
        [
            {
                "messages": [user("<image>q")],
                "images": ["a.jpg"],
                "positive_messages": [[user("<image>p")]],
                "positive_images": [["b.png"]],
                "negative_messages": [[user("n")]],
            }
        ],
        "o",
        **near(),
    ),
    Form(
        "emb images neg",
        [
            {
                "messages": [user("<image>q")],
                "images": ["a.jpg"],
                "positive_messages": [[user("p")]],
                "negative_messages": [[user("<image>n")]],
                "negative_images": [["no.jpg"]],
            },
            {"messages": [user("q")], "positive_messages": [[user("p")]]},
        ],
        "rr",
        **near(),
    ),
    Form("emb no anchor", [{"positive_messages": [[user("p")]]}], "L", **near()),
    Form("emb query", [{"query": "q", "response": "a"}], "r", **near()),
    Form(
        "emb with answer",
        [{"messages": [user("q"), bot("a")], "positive_messages": [[user("p"), bot("x")]]}],
        "o",
        **near(),
    ),
    Form(
        "emb long",
        [
            {"messages": [user("q")], "positive_messages": [[user("p " * 90)]]},
            {"messages": [user("q")], "positive_messages": [[user("p")]]},
        ],
        "ro",
        **near(max_length=60),
    ),
    Form(
        "emb empty pos",
        [
            {"messages": [user("q")], "positive_messages": []},
            {"messages": [user("q")], "positive_messages": [[user("p")]]},
        ],
        "ro",
        **near(),
    ),
    Form(
        "emb tags",
        [{"messages": [user("<image>q")], "positive_messages": [[user("p")]]}],
        "s",
        **near(),
    ),
    Form(
        "rr ok",
        [
            {
                "messages": [user("q")],
                "positive_messages": [[bot("p")]],
                "negative_messages": [[bot("n")], [bot("m")]],
            }
        ],
        "o",
        **ranked(),
    ),
    Form(
        "rr only pos",
        [{"messages": [user("q")], "positive_messages": [[bot("p")]]}],
        "o",
        **ranked(),
    ),
    Form(
        "rr only neg",
        [{"messages": [user("q")], "negative_messages": [[bot("p")]]}],
        "o",
        **ranked(),
    ),
    Form(
        "rr none",
        [{"messages": [user("q")]}, {"messages": [user("q")], "positive_messages": [[bot("p")]]}],
        "ro",
        **ranked(),
    ),
    Form(
        "rr user docs",
        [{"messages": [user("q")], "positive_messages": [[user("p")]]}],
        "s",
        **ranked(),
    ),
    Form(
        "rr system",
        [{"messages": [said("system", "S"), user("q")], "positive_messages": [[bot("p")]]}],
        "o",
        **ranked(),
    ),
    Form(
        "rr images",
        [
            {
                "messages": [user("<image>q")],
                "images": ["a.jpg"],
                "positive_messages": [[bot("p")]],
                "negative_messages": [[bot("n")]],
            }
        ],
        "o",
        **ranked(),
    ),
    Form(
        "rr gen",
        [
            {
                "messages": [user("q")],
                "positive_messages": [[bot("p")]],
                "negative_messages": [[bot("n")]],
            }
        ],
        "o",
        pixels=True,
        options={"task_type": "generative_reranker"},
    ),
    Form(
        "cls ok",
        [{"messages": [user("q")], "label": 1}, {"messages": [user("r")], "label": 0}],
        "oo",
        **classed(),
    ),
    Form(
        "cls no label",
        [{"messages": [user("q")]}, {"messages": [user("r")], "label": 0}],
        "oo",
        **classed(),
    ),
    Form(
        "cls str label",
        [{"messages": [user("q")], "label": "a"}, {"messages": [user("r")], "label": "b"}],
        "oo",
        **classed(),
    ),
    Form("cls answer", [text("q", "a", label=1)], "o", **classed()),
    Form("prm ok", [talk(user("q"), bot("step<cot-process> two<cot-process>"))], "r", **steps()),
]


TOOL_COLUMNS = [
    Form("t list", [text(tools=[F])], "o", **P),
    Form("t two", [text(tools=[F, G])], "o", **P),
    Form("t uneven rows", [text(tools=[F]), text(tools=[G, H]), text()], "ooo", **P),
    Form("t bare", [text(tools=[H])], "o", **P),
    Form("t json", [text(tools=J([F, G]))], "o", **P),
    Form("t json one", [text(tools=J(G))], "o", **P),
    Form("t py", [text(tools=str([F])), text()], "ro", **P),
    Form("t py one", [text(tools=str(F)), text()], "oo", **P),
    Form("t empty str", [text(tools=""), text()], "ro", **P),
    Form("t zero", [text(tools=0), text()], "ro", **P),
    Form("t {}", [text(tools={}), text()], "oo", **P),
    Form("t list of json", [text(tools=[J(F), J(G)])], "o", **P),
    Form("t nulls", [text(tools=[F, None]), text()], "ro", **P),
    Form("t sys", [talk(said("system", "S"), user("q"), bot("a"), tools=[F])], "o", **P),
    Form("t sys empty", [talk(said("system", ""), user("q"), bot("a"), tools=[F])], "o", **P),
    Form("t image", [seen(tools=[F])], "o", **P),
    Form("t image tag in tool", [seen(tools=[{"name": "<image>"}])], "o", **P),
    Form("t call", [talk(user("q"), CALLED, RES, bot("a"), tools=[F])], "o", **P),
    Form(
        "t floats",
        [text(tools=[{"name": "f", "minimum": 1}]), text(tools=[{"name": "f", "minimum": 2.5}])],
        "oo",
        **P,
    ),
    Form("t floats2", [text(tools=[{"name": "f", "minimum": 0.1234567890123}])], "o", **P),
    Form("t date", [text(tools=[{"name": "f", "default": "2024-01-01"}])], "o", **P),
    Form("t blank line", J(text(tools=[F])) + "\n\n" + J(text(tools=[G])) + "\n", "oo", **P),
    Form(
        "t reactlike",
        [talk(user("q"), bot("Action: f\nAction Input: {}"), RES, bot("a"))],
        "o",
        **P,
    ),
    Form(
        "t reactlike2",
        [
            talk(
                user("q"),
                bot("Action: f\nAction Input: {}\nObservation:"),
                RES,
                said("tool", "s\n"),
                bot("a"),
            )
        ],
        "o",
        **P,
    ),
    Form(
        "t reactlike3",
        [talk(user("q"), bot("x"), bot("Action: f\nAction Input: {}"), RES, bot("a"))],
        "s",
        **P,
    ),
    Form("t action only", [talk(user("q"), bot("Action: f"), RES, bot("a"))], "o", **P),
    Form(
        "t loss 2nd call",
        [talk(user("q"), CALLED, said("tool_call", CALL, loss=False), RES, bot("a"))],
        "o",
        **P,
    ),
    Form(
        "t marks",
        [
            talk(user("q"), CALLED, said("tool", "{{SYSTEM}} x"), bot("a")),
            talk(user("q"), CALLED, said("tool", "{{QUERY}}"), bot("a")),
            talk(user("q"), said("tool", "{{SYSTEM}}"), bot("a")),
            talk(user("q"), CALLED, said("tool", "{{ROUND0}}"), bot("a")),
        ],
        "ssos",
    ),
    Form(
        "t obs x call args str",
        [
            talk(
                user("q"),
                said("tool_call", J({"name": "f", "arguments": '{"a": 1}'})),
                RES,
                bot("a"),
            ),
            talk(
                user("q"),
                said("tool_call", J({"name": "f", "parameters": {"é": [1, 2.5, None, True]}})),
                RES,
                bot("a"),
            ),
        ],
        "oo",
        **P,
    ),
    Form(
        "t names",
        [talk(user("q"), said("tool_call", J({"name": 5, "arguments": []})), RES, bot("a"))],
        "o",
        **P,
    ),
    Form("t max", [text(tools=[F]), text()], "ro", options={"max_length": 60}),
    Form("t type only", [text(tools=[{"type": "function"}])], "o", **P),
    Form("t function text", [text(tools=[{"type": "function", "function": "x"}])], "o", **P),
    Form(
        "t role answers",
        [talk(user("q"), CALLED, CALLED, RES, RES, bot("a"), user("r"), bot("b"))],
        "o",
        **P,
    ),
    Form(
        "t turn order", [talk(user("q"), CALLED, RES, CALLED, RES, bot("b"), tools=[F])], "o", **P
    ),
    Form("t history", [pair(tools=J([F]))], "o", **P),
]

NESTED = [
    Form("aa talk", J([[U, B]]), "L", "json", **P),
    Form("aa talk2", J([[U, B], [U, B]]), "L", "json", **P),
    Form("aa one", J([[{"a": 1}]]), "r", "json", **P),
    Form("aa one text", J([[U], [B]]), "rr", "json", **P),
    Form("aa rows", J([[text()], [text("r")]]), "rr", "json", **P),
    Form("aa rows2", J([[text(), text("r")]]), "L", "json", **P),
    Form("aa mixed", J([text(), [text()]]), "L", "json", **P),
    Form("aa mixed2", J([[text()], text()]), "L", "json", **P),
    Form("aa str", J([["a"], ["b"]]), "oo", "json", **P),
    Form("aa deep", J([[[{"a": 1}]]]), "r", "json", **P),
    Form("aa jsonl", J([[U, B]]) + "\n", "L", "jsonl", **P),
    Form("aa empty first", J([[], [{"a": 1}]]), "dr", "json", **P),
    Form("aa uneven", J([[U, B], [U]]), "L", "json", **P),
    Form("aa pair", J([[{"query": "q", "response": "a"}]]), "r", "json", **P),
    Form("aa num", J([[1], [2]]), "rr", "json", **P),
    Form("aa null", J([[None], [{"a": 1}]]), "dr", "json", **P),
    Form("aa one obj + text", J([[{"a": 1}], ["x"]]), "L", "json", **P),
    Form("aa later lines", J(text()) + "\n" + J([U, B]) + "\n", "L", "json", **P),
    Form("aa later lines 1", J(text()) + "\n" + J([U]) + "\n", "L", "jsonl", **P),
    Form("l lists", J([U]) + "\n" + J([U]) + "\n", "L", "jsonl", **P),
    Form("aa null item", J([[{"a": 1}], None]), "L", "json", **P),
    Form("aa num+obj", J([[{"a": 1}], [2]]), "L", "json", **P),
    Form("l lists 2", J(["x"]) + "\n" + J(["y"]) + "\n", "L", "jsonl", **P),
]


_NAMES = ("react_en", "react_zh", "qwen_en", "qwen_zh", "qwen_en_parallel", "qwen_zh_parallel")
_TALK = talk(U, CALLED, CALLED, RES, said("tool", "s\n"), B, user("r"), B, tools=[F, G])
_ALONE = talk(U, RES, said("tool", "s"), B)
AGENTS = [
    *(
        Form(
            f"agent {name}",
            [_TALK, text(tools=[H]), text()],
            "oro",
            options={"agent_template": name},
            **P,
        )
        for name in _NAMES
    ),
    Form("agent alone", [_ALONE, text()], "oo", options={"agent_template": "react_en"}, **P),
    Form("agent not alone", [_ALONE, text()], "ro", options={"agent_template": "qwen_en"}, **P),
    Form(
        "agent says more",
        [talk(U, bot("x"), CALLED, RES, B)],
        "o",
        options={"agent_template": "react_zh"},
        **P,
    ),
    Form(
        "agent no call",
        [talk(U, bot("x"), RES, said("tool", "s"), B)],
        "o",
        options={"agent_template": "qwen_zh"},
        **P,
    ),
    Form(
        "agent mistral",
        [talk(U, CALLED, RES, B, tools=[F])],
        "o",
        options={"agent_template": "mistral"},
        **P,
    ),
    Form(
        "agent and no chat",
        [text(tools=[F])],
        "o",
        options={"chat": False, "loss_scale": "all", "agent_template": "hermes"},
        **P,
    ),
    Form(
        "tool call without a chat",
        [talk(U, CALLED, RES, B), text()],
        "ro",
        options={"chat": False, "loss_scale": "all", "agent_template": "hermes"},
        **P,
    ),
]


def im(*images: Any) -> dict[str, Any]:
    return {**text("<image>" * len(images) + "q"), "images": list(images)}


# datasets writes the lines of a mixed file anew, with ujson: what that reads is no mistake there.
_PLAIN, _MIXED = J(text()) + "\n", J(talk(user([part("text", "q")]), bot("a"))) + "\n"
_LOOSE = {
    "key twice": ',"x":1,"x":2}',
    "half a pair": ',"x":"\\ud800"}',
    "leading zero": ',"x":01}',
    "minus and zero": ',"x":-01}',
    "bare point": ',"x":1.}',
    "bare power": ',"x":1e}',
    "too big": ',"x":1e999}',
    "comma last": ',"x":{"a":1 , } }',
    "tab": ',"x":"\t"}',
    "control": ',"x":"\x01"}',
}
_REFUSED = {
    "second half": ',"x":"\\udc00a"}',
    "no zero": ',"x":.5}',
    "two commas": ',"x":1,,}',
    "comma in a list": ',"x":[1,]}',
    "beyond 64 bits": ',"x":18446744073709551616}',
}


def ends(line: str) -> str:
    return J(text("r"))[:-1] + line


ATTACKED = [
    *(
        Form(f"mixed, {name}", f"{_MIXED}{_PLAIN}{ends(line)}\n", "ooo", **P)
        for name, line in _LOOSE.items()
    ),
    *(
        Form(f"array, {name}", f"[{_PLAIN},{ends(_LOOSE[name])}]", "oo", "json", **P)
        for name in ("leading zero", "bare point", "comma last", "control")
    ),
    *(
        Form(f"array, {name}", f"[{_PLAIN},{ends(line)}]", "L", "json")
        for name, line in _REFUSED.items()
    ),
    Form("images 5 and a text", [text(), im(5, "a.jpg"), text("r")], "L"),
    Form("images a text and 5", [text(), im("a.jpg", 5), text("r")], "L"),
    Form("images an object and a text", [text(), im({"path": "a.jpg"}, "a.jpg")], "L"),
    Form("images a text and an object", [text(), im("a.jpg", {"path": "a.jpg"})], "L"),
    Form("images a list and a text", [text(), im(["a.jpg"], "b.png")], "L"),
    Form("images null and a text", [text(), im(None, "a.jpg"), text("r")], "L"),
    Form("images numbers", [text(), im(5, 5.5), text("r")], "oro"),
    Form("images a number, and texts", [{**text(), "images": 5}, im("a.jpg")], "L"),
    Form("content without parts", [talk(user({}), bot([part("text", "a")])), text("q")], "oo", **P),
    Form(
        "image part with a path",
        [talk(user([part("image", {"bytes": None, "path": "a.jpg"})]), bot("a")), text()],
        "ro",
    ),
    Form("tokens for a question", [talk(user({"token_ids": [1, 2]}), bot("a")), text()], "ro"),
    Form(
        "block of null",
        [
            talk(user([{"type": "tool_use", "name": "f", "input": {}}]), bot([part("text", None)])),
            text(),
        ],
        "do",
    ),
    Form("inline, and the answer", [talk(user("<img>a.jpg</img>q"), bot("a"))], "o", **P),
]

TASK_FORMS = [
    *(("attacked", form) for form in ATTACKED),
    *(("tasks", form) for form in TASKS),
    *(("tools in rows", form) for form in [*TOOL_COLUMNS, *AGENTS]),
    *(("nested arrays", form) for form in NESTED),
]
