"""Rows of each source, and what they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.picture_files import encoded, noise, write

from vlft.data.convert.convert import convert_row, fix_row
from vlft.data.convert.draft import Change, RejectError
from vlft.data.convert.media import Places

HERE = Places(Path("/nowhere"), Path("/nowhere"), None)


def became(row: dict[str, Any], form: Any = "auto", places: Places = HERE) -> dict[str, Any]:
    return convert_row(row, form, places).row


def texts(row: dict[str, Any], form: Any = "auto") -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in became(row, form)["messages"]]


def refused(row: dict[str, Any], form: Any = "auto") -> str:
    with pytest.raises(RejectError) as caught:
        convert_row(row, form, HERE)
    return caught.value.reason


class TestSwiftV2:
    def test_question_answer_history_and_system(self) -> None:
        row = {
            "query": "q3",
            "response": "r3",
            "history": [["q1", "r1"], ["q2", "r2"]],
            "system": "be brief",
        }
        expected = [
            ("system", "be brief"),
            ("user", "q1"),
            ("assistant", "r1"),
            ("user", "q2"),
            ("assistant", "r2"),
            ("user", "q3"),
            ("assistant", "r3"),
        ]
        assert texts(row) == texts(row, "swift") == expected

    @pytest.mark.parametrize("history", ["[['a', 'b']]", '[["a", "b"]]', [["a", "b"]]])
    def test_history_as_text(self, history: Any) -> None:
        row = {"query": "q", "response": "r", "history": history}
        assert texts(row)[:2] == [("user", "a"), ("assistant", "b")]

    @pytest.mark.parametrize("history", [None, [], ""])
    def test_no_history(self, history: Any) -> None:
        assert len(texts({"query": "q", "response": "r", "history": history})) == 2

    def test_an_answer_that_is_missing_is_never_skipped(self) -> None:
        assert "no answer" in refused({"query": "q", "response": None})
        assert "pair 1" in refused({"query": "q", "response": "r", "history": [["a", None]]})
        assert "empty" in refused({"query": "q", "response": ""})

    @pytest.mark.parametrize(
        "images", ["a.jpg", ["a.jpg"], [["a.jpg"]], [{"path": "a.jpg", "bytes": None}]]
    )
    @pytest.mark.parametrize("name", ["images", "image", "Images"])
    def test_images_in_any_form(self, images: Any, name: str) -> None:
        row = became({"query": "<image>q", "response": "r", name: images})
        assert row["images"] == ["a.jpg"]

    def test_inline_images(self) -> None:
        row = became(
            {
                "query": "Picture 1: <img>a.jpg</img>\nPicture 2:<img>b.jpg</img>\nwhich?",
                "response": "none",
                "history": [["<img>c.jpg</img>what?", "a cat"]],
            }
        )
        assert row["images"] == ["c.jpg", "a.jpg", "b.jpg"]
        assert row["messages"][0]["content"] == "<image>what?"
        assert row["messages"][2]["content"] == "<image>\n<image>\nwhich?"

    def test_inline_images_beside_a_column(self) -> None:
        row = became(
            {"query": "<image><img>b.jpg</img><image>", "response": "r", "images": ["a", "c"]}
        )
        assert row["images"] == ["a", "b.jpg", "c"]
        assert "fewer" in refused({"query": "<img>b</img>", "response": "r", "images": ["a"]})

    def test_missing_tags_go_where_ms_swift_puts_them(self) -> None:
        row = {"query": "q", "response": "r", "system": "s", "images": ["a", "b"], "videos": ["c"]}
        assert texts(row)[1] == ("user", "<video><image><image>q")

    @pytest.mark.parametrize(
        ("query", "images"), [("<image>q", ["a", "b"]), ("<image><image>", ["a"]), ("<image>", [])]
    )
    def test_tags_that_fit_only_some_images_are_not_guessed(self, query: str, images: Any) -> None:
        assert "<image> tags" in refused({"query": query, "response": "r", "images": images})

    def test_tags_in_capitals(self) -> None:
        assert texts({"query": "<IMAGE>q", "response": "r", "images": ["a"]})[0][1] == "<image>q"

    def test_the_first_of_several_answers(self) -> None:
        assert texts({"query": "q", "response": ["r1", "r2"]})[-1][1] == "r1"

    def test_two_columns_for_one_name(self) -> None:
        assert "answer, output" in refused({"query": "q", "answer": "a", "output": "b"})
        assert texts({"query": "q", "answer": "a", "output": "a"})[-1][1] == "a"
        assert texts({"query": "q", "response": "r", "answer": "other"})[-1][1] == "r"

    def test_numbers_as_answers(self) -> None:
        assert texts({"question": "2+2", "answer": 4})[-1] == ("assistant", "4")

    def test_pretraining_text(self) -> None:
        assert texts({"text": "once upon"}) == [("assistant", "once upon")]

    def test_columns_that_ms_swift_reads_are_kept(self) -> None:
        row = became(
            {"query": "q", "response": "r", "rejected_response": "x", "channel": "c", "id": 7}
        )
        assert row["rejected_response"] == "x"
        assert row["channel"] == "c"
        assert "id" not in row


class TestObjects:
    def test_v2_text_form(self) -> None:
        objects = [
            {"caption": "cat", "bbox": [10, 20, 30, 40], "bbox_type": "real", "image": 0},
            {
                "caption": "dog",
                "bbox": [[1, 2, 3, 4], [5, 6, 7, 8]],
                "bbox_type": "real",
                "image": 0,
            },
        ]
        row = became(
            {
                "query": "<image>find <ref-object> and <ref-object>",
                "response": "<bbox>, <bbox>",
                "images": ["a.jpg"],
                "objects": json.dumps(objects),
            }
        )
        assert row["messages"][-1]["content"] == "<bbox>, <bbox><bbox>"
        assert row["objects"] == {
            "ref": ["cat", "dog"],
            "bbox": [[10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]],
            "bbox_type": "real",
            "image_id": [0, 0, 0],
        }

    @pytest.mark.parametrize(
        ("kind", "box"), [("norm_1000", [0, 0, 999, 499.5]), ("norm_1", [0, 0, 1, 0.5])]
    )
    def test_relative_scales(self, kind: str, box: list[float]) -> None:
        row = became(
            {
                "query": "<image>q",
                "response": "<bbox>",
                "images": ["a.jpg"],
                "objects": [{"caption": None, "bbox": box, "bbox_type": kind, "image": 0}],
            }
        )
        assert row["objects"]["bbox_type"] == "norm1"
        assert row["objects"]["bbox"] == [[0.0, 0.0, 1.0, 0.5]]

    def test_beyond_the_end_of_the_scale(self) -> None:
        objects = [{"caption": "x", "bbox": [0, 0, 1000, 1000], "bbox_type": "norm_1000"}]
        done = convert_row(
            {"query": "<image>q", "response": "<bbox>", "images": ["a"], "objects": objects},
            "auto",
            HERE,
        )
        assert done.row["objects"]["bbox"] == [[0.0, 0.0, 1.0, 1.0]]
        assert Change.BOX_CLIPPED in done.changes

    def test_scales_that_meet(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", encoded(noise(200, 100), "PNG"))
        objects = [
            {"caption": "x", "bbox": [1, 2, 3, 4], "bbox_type": "real", "image": 0},
            {"caption": "y", "bbox": [0.5, 0.5, 1, 1], "bbox_type": "norm_1", "image": 0},
        ]
        row = {
            "query": "<image>q",
            "response": "<bbox><bbox>",
            "images": ["a.png"],
            "objects": objects,
        }
        made = became(row, places=Places(tmp_path, tmp_path, None))
        assert made["objects"]["bbox"] == [[1.0, 2.0, 3.0, 4.0], [100.0, 50.0, 200.0, 100.0]]
        assert made["objects"]["bbox_type"] == "real"
        assert "can't be read" in refused(row)

    def test_several_images(self) -> None:
        objects = [{"caption": "x", "bbox": [1, 2, 3, 4], "image": n} for n in (1, 0)]
        row = {"query": "<image><image>q", "response": "<bbox><bbox>", "images": ["a", "b"]}
        assert became({**row, "objects": objects})["objects"]["image_id"] == [1, 0]
        assert "image 5" in refused({**row, "objects": [{**objects[0], "image": 5}, objects[1]]})

    @pytest.mark.parametrize("objects", ["", [], {}, "[]", None])
    def test_empty_objects_are_left_out(self, objects: Any) -> None:
        row = became({"query": "<image>q", "response": "r", "images": ["a"], "objects": objects})
        assert "objects" not in row

    def test_objects_without_a_tag(self) -> None:
        objects = [{"caption": "x", "bbox": [1, 2, 3, 4]}] * 3
        row = {"query": "<image>q", "response": "<bbox>", "images": ["a"], "objects": objects}
        done = convert_row(row, "auto", HERE)
        assert len(done.row["objects"]["bbox"]) == 1
        assert Change.UNUSED_OBJECTS in done.changes

    @pytest.mark.parametrize(
        ("objects", "reason"),
        [
            ([], "no objects"),
            ([{"caption": "x", "bbox": [1, 2, 3]}], "2 or 4"),
            ([{"caption": "x", "bbox": [1, 2, "3", 4]}], "numbers"),
            ([{"caption": "x", "bbox": [1, 2, 3, 4], "bbox_type": "pixel"}], "pixel"),
            ("no json", "neither JSON"),
            ([7], "a number"),
        ],
    )
    def test_what_is_no_object(self, objects: Any, reason: str) -> None:
        row = {"query": "<image>q", "response": "<bbox>", "images": ["a"], "objects": objects}
        assert reason in refused(row)

    def test_fewer_objects_than_tags(self) -> None:
        objects = [{"caption": "x", "bbox": [1, 2, 3, 4]}]
        row = {"query": "<image>q", "response": "<bbox><bbox>", "images": ["a"], "objects": objects}
        assert "2 <bbox> tags" in refused(row)

    def test_the_new_form_stays(self) -> None:
        objects = {
            "ref": ["x"],
            "bbox": [[1.0, 2.0, 3.0, 4.0]],
            "bbox_type": "real",
            "image_id": [0],
        }
        row = {
            "messages": [
                {"role": "user", "content": "<image><ref-object>?"},
                {"role": "assistant", "content": "<bbox>"},
            ],
            "images": ["a"],
            "objects": objects,
        }
        done = convert_row(row, "auto", HERE)
        assert done.row == row
        assert done.changes == []


class TestLlamaFactory:
    def test_alpaca(self) -> None:
        row = {
            "instruction": "Translate",
            "input": "bonjour",
            "output": "hello",
            "system": "s",
            "history": [["a", "b"]],
        }
        assert texts(row, "llamafactory") == [
            ("system", "s"),
            ("user", "a"),
            ("assistant", "b"),
            ("user", "Translate\nbonjour"),
            ("assistant", "hello"),
        ]
        assert texts({"instruction": "i", "input": "", "output": "o"})[0][1] == "i"

    def test_sharegpt(self) -> None:
        row = {
            "conversations": [
                {"from": "human", "value": "<image>what?"},
                {"from": "gpt", "value": "a cat"},
            ],
            "images": ["a.jpg"],
            "system": "s",
        }
        assert texts(row, "llamafactory") == [
            ("system", "s"),
            ("user", "<image>what?"),
            ("assistant", "a cat"),
        ]

    def test_tools(self) -> None:
        call = {"name": "f", "arguments": {"x": 1}}
        row = {
            "conversations": [
                {"from": "human", "value": "q"},
                {"from": "function_call", "value": json.dumps(call)},
                {"from": "observation", "value": "3"},
                {"from": "gpt", "value": "three"},
            ],
            "tools": json.dumps([{"name": "f", "description": "d", "parameters": {}}]),
        }
        made = became(row)
        assert [one["role"] for one in made["messages"]] == [
            "user",
            "tool_call",
            "tool_response",
            "assistant",
        ]
        assert json.loads(made["messages"][1]["content"]) == call
        assert made["tools"] == row["tools"]

    def test_preferences(self) -> None:
        sharegpt = {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        }
        alpaca = {"instruction": "q", "input": "", "chosen": "good", "rejected": "bad"}
        for row in (sharegpt, alpaca):
            made = became(row)
            assert made["messages"][-1] == {"role": "assistant", "content": "good"}
            assert made["rejected_response"] == "bad"
        kto = became(
            {
                **sharegpt,
                "chosen": None,
                "rejected": None,
                "kto_tag": False,
                "conversations": [*sharegpt["conversations"], {"from": "gpt", "value": "a"}],
            }
        )  # type: ignore[misc]
        assert kto["label"] is False

    def test_pairs(self) -> None:
        row = {"conversation": [{"human": "a", "assistant": "b"}, {"human": "c", "assistant": "d"}]}
        assert [text for _, text in texts(row)] == ["a", "b", "c", "d"]


class TestOpenAi:
    def test_parts(self) -> None:
        uri = "data:image/png;base64,iVBORw0KGgo="
        row = {
            "messages": [
                {"role": "developer", "content": "s"},
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": uri, "detail": "low"}},
                        {"type": "text", "text": "and "},
                        {"type": "image_url", "image_url": "http://example.com/a.jpg"},
                        {"type": "image", "image": "b.jpg"},
                        {"type": "video_url", "video_url": {"url": "c.mp4"}},
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    ],
                },
                {"role": "assistant", "content": [{"type": "text", "text": "yes"}]},
            ]
        }
        made = became(row, "openai")
        assert made["messages"][1]["content"] == "<image>and <image><image><video><audio>"
        assert made["images"] == [uri, "http://example.com/a.jpg", "b.jpg"]
        assert made["videos"] == ["c.mp4"]
        assert made["audios"] == ["data:audio/wav;base64,AAAA"]
        assert [one["role"] for one in made["messages"]] == ["system", "user", "assistant"]

    def test_tool_calls(self) -> None:
        calls = [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
            {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ]
        row = {
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "1", "content": "one"},
                {"role": "tool", "tool_call_id": "2", "content": "two"},
                {"role": "assistant", "content": "done"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
        }
        made = became(row)
        assert [one["role"] for one in made["messages"]] == [
            "user",
            "tool_call",
            "tool_call",
            "tool_response",
            "tool_response",
            "assistant",
        ]
        assert json.loads(made["messages"][1]["content"]) == {"name": "f", "arguments": {"x": 1}}
        assert json.loads(made["tools"])[0]["function"]["name"] == "f"

    def test_results_of_tools_in_another_order_follow_their_calls(self) -> None:
        calls = [{"id": n, "function": {"name": n, "arguments": "{}"}} for n in ("a", "b")]
        row = {
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "b", "content": "of b"},
                {"role": "tool", "tool_call_id": "a", "content": "of a"},
                {"role": "assistant", "content": "done"},
            ]
        }
        assert [text for role, text in texts(row) if role == "tool_response"] == ["of a", "of b"]

    def test_weights(self) -> None:
        row = {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b", "weight": 0},
                {"role": "user", "content": "c"},
                {"role": "assistant", "content": "d", "weight": 1},
            ]
        }
        assert [one.get("loss") for one in became(row)["messages"]] == [None, False, None, True]

    def test_turns_in_a_row(self) -> None:
        row = {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "user", "content": "b"},
                {"role": "assistant", "content": "c"},
            ]
        }
        assert texts(row) == [("user", "a\nb"), ("assistant", "c")]

    def test_a_tag_that_is_text(self) -> None:
        parts = [{"type": "text", "text": "write <image>"}, {"type": "image_url", "image_url": "a"}]
        row = {
            "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "x"}]
        }
        assert "plain text" in refused(row)

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"messages": []}, "empty"),
            ({"messages": [7]}, "a number"),
            ({"messages": [{"role": "user", "content": "q"}]}, "no answer"),
            ({"messages": [{"role": "narrator", "content": "q"}]}, "narrator"),
            ({"messages": [{"role": "user", "content": None}]}, "null"),
            ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "type file"),
            ({"query": "q", "response": "r"}, "no messages column"),
        ],
    )
    def test_what_can_not_be_converted(self, row: dict[str, Any], reason: str) -> None:
        assert reason in refused(row, "openai")


class TestFix:
    def test_only_rows_of_messages(self) -> None:
        with pytest.raises(RejectError, match="without --fix"):
            fix_row({"query": "q", "response": "r"}, HERE)

    def test_what_is_not_certain_stays_as_it_is(self) -> None:
        row = {
            "messages": [
                {"role": "user", "content": "<image>q"},
                {"role": "assistant", "content": "a"},
            ],
            "images": ["a", "b"],
            "note": "kept",
        }
        done = fix_row(row, HERE)
        assert done.row == row
        assert done.left is not None
        assert "1 <image> tags" in done.left

    def test_what_does_not_load_is_refused(self) -> None:
        row = {"messages": [{"role": "user", "content": None}]}
        with pytest.raises(RejectError):
            fix_row(row, HERE)

    def test_the_scale_of_a_thousand(self) -> None:
        row = {
            "messages": [
                {"role": "user", "content": "<image>q"},
                {"role": "assistant", "content": "<bbox>"},
            ],
            "images": ["a"],
            "objects": {"ref": [], "bbox": [[0, 0, 500, 1000]], "bbox_type": "norm1000"},
        }
        objects = fix_row(row, HERE).row["objects"]
        assert objects["bbox"] == [[0.0, 0.0, 0.5, 1.0]]
        assert objects["bbox_type"] == "norm1"


def test_paths_that_only_the_data_files_folder_has(tmp_path: Path) -> None:
    data, work, root = tmp_path / "data", tmp_path / "work", tmp_path / "root"
    for folder in (data, work, root):
        folder.mkdir()
    for folder, name in ((data, "d"), (data, "w"), (work, "w"), (data, "r"), (root, "r")):
        write(folder, f"{name}.jpg", b"x")
    images = ["d.jpg", "w.jpg", "r.jpg", "none.jpg", "http://x/d.jpg"]
    row = {"query": "<image>" * 5, "response": "r", "images": images}
    made = became(row, places=Places(data, work, root))
    assert made["images"] == [str(data / "d.jpg"), *images[1:]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "url", "bbox"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
columns = st.sampled_from(
    [
        *("messages", "conversations", "query", "response", "history", "system", "images", "image"),
        *("videos", "objects", "tools", "instruction", "input", "output", "chosen", "rejected"),
        *("kto_tag", "text", "Query", "label"),
    ]
)


@given(st.dictionaries(columns, json_values, max_size=6))
def test_no_row_breaks_it(row: dict[str, Any]) -> None:
    """Any row is converted or refused with a reason, and is not changed itself."""
    before = json.dumps(row)
    try:
        made = convert_row(row, "auto", HERE).row
    except RejectError as refusal:
        reason = refusal.reason
        assert reason
        assert not reason.endswith(".")
    else:
        assert all(isinstance(one["content"], str) for one in made["messages"])
        again = convert_row(made, "auto", HERE)
        assert again.row == made
    assert json.dumps(row) == before
