"""Counting rows: what needs no ms-swift to be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tokenizers")

from hypothesis import given
from hypothesis import strategies as st
from support.small_tokenizer import MERGES, SPECIALS, tokenizer

from vlft.data.statistics import Measured
from vlft.data.tokens import tokenizer as tokenizers
from vlft.data.tokens.render import CountedRow, Turn
from vlft.data.tokens.rows import RowTokens, find_model, open_row_tokens
from vlft.data.tokens.tokenizer import Encoder, tokenizer_document
from vlft.errors import VlftError


def model_folder(folder: Path, document: dict[str, Any] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_vl"}))
    (folder / "tokenizer.json").write_text(json.dumps(document or tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    return folder


def opened(folder: Path, template: str | None = None, task: str = "sft", **swift: Any) -> RowTokens:
    model = find_model(str(folder))
    return open_row_tokens(model, folder, template, task, swift)


def one_round(question: str, answer: str) -> CountedRow:
    return CountedRow([Turn("user", question), Turn("assistant", answer)])


def test_a_round_token_by_token(tmp_path: Path) -> None:
    counter = opened(model_folder(tmp_path / "m"), system="")
    # <|im_start|> user \n a b <|im_end|> \n <|im_start|> as s i s t a n t \n c <|im_end|> \n
    assert counter.count(one_round("ab", "c")) == 20
    assert counter.count(one_round("ab", "c<|im_end|>")) == 19, "no suffix after a stop word"
    # The new line of the template and that of the question are one text, and one token.
    assert counter.count(one_round("\nab", "c")) == 20
    # Before an answer there are two texts.
    assert counter.count(one_round("ab", "\nc")) == 21


def test_the_default_system_is_in_every_row(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    plain, without = opened(folder), opened(folder, system="")
    row = one_round("a", "b")
    assert (plain.count(row) or 0) > (without.count(row) or 0)
    own = CountedRow([Turn("system", "be brief"), *row.turns])
    assert plain.count(own) == without.count(own)


def test_images_are_their_placeholders_and_two_more(tmp_path: Path) -> None:
    counter = opened(model_folder(tmp_path / "m"))
    with_tag = CountedRow([Turn("user", "<image>a"), Turn("assistant", "b")], [216])
    assert counter.count(with_tag) == (counter.count(one_round("a", "b")) or 0) + 218
    without_tag = CountedRow(one_round("a", "b").turns, [216])
    assert counter.count(without_tag) == counter.count(with_tag), "the tag is put first"


def test_rows_that_cannot_be_told(tmp_path: Path) -> None:
    counter = opened(model_folder(tmp_path / "m"))
    for turns in (
        [Turn("user", "a"), Turn("tool", "b"), Turn("assistant", "c")],
        [Turn("user", "a"), Turn("system", "b")],
        [Turn("user", "<img>a.png</img>"), Turn("assistant", "c")],
        [Turn("user", "draw<start-image>")],
        [Turn("user", "half a pair: \ud83d"), Turn("assistant", "c")],
        [],
    ):
        assert counter.count(CountedRow(turns)) is None


def test_many_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    counter = opened(model_folder(tmp_path / "m"))
    rows = [one_round("the " * n, "\n" * n) for n in range(20)]
    rows.insert(7, CountedRow([Turn("tool", "x")]))
    assert counter.count_many(rows) == [counter.count(row) for row in rows]


TEXTS = st.text(max_size=60) | st.sampled_from(["\ufb2c" * 5, "\u0344", "\U0001d160", *SPECIALS])


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3), st.lists(st.integers(1, 99)))
def test_the_bound_is_one(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[str, str]], images: list[int]
) -> None:
    global _COUNTER  # noqa: PLW0603 - made once for all examples
    if _COUNTER is None:
        _COUNTER = opened(model_folder(tmp_path_factory.mktemp("bound")))
    turns = [
        turn
        for question, answer in rounds
        for turn in (Turn("user", question), Turn("assistant", answer))
    ]
    found = _COUNTER.count(CountedRow(turns, images))
    if found is None:
        return
    row = Measured(turns, ["a.png"] * len(images), (), 0, None, None, plain=True)
    assert found <= row.text_bound + sum(images)


_COUNTER: RowTokens | None = None


def test_fastokens_counts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastokens")
    document = json.dumps(tokenizer()).encode()
    texts = [
        "the user is in\n\n\nthere  ",
        "e\u0301<|im_end|>é",
        "\U0001f600 12 3",
        "it's I'LL",
        "",
    ]
    texts += [f"{text} {number}" for number in range(50) for text in texts]
    slow = Encoder(document, "t").count(texts)
    monkeypatch.setattr(tokenizers, "SLOW_TEXTS", 10)
    fast = Encoder(document, "t")
    assert fast.count(texts) == slow
    assert fast._encode.__name__ == "encode_batch"


def test_a_tokenizer_of_another_form_stays_with_hf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "SLOW_TEXTS", 0)
    other = tokenizer(normalizer=None)
    encoder = Encoder(json.dumps(other).encode(), "t")
    assert encoder.count(["the", "the"]) == [2, 2]
    assert encoder._encode.func.__name__ == "encode_batch_fast"


def test_older_files_make_the_same_tokenizer(tmp_path: Path) -> None:
    folder, document = model_folder(tmp_path / "m"), tokenizer()
    (folder / "tokenizer.json").unlink()
    specials = {token["content"] for token in document["added_tokens"]}
    vocabulary = document["model"]["vocab"]
    plain = {piece: number for piece, number in vocabulary.items() if piece not in specials}
    (folder / "vocab.json").write_text(json.dumps(plain))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    decoder = {
        str(token["id"]): {key: value for key, value in token.items() if key != "id"}
        for token in document["added_tokens"]
    }
    config = {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": decoder}
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "eos_token": "<|im_end|>"}))
    texts = ["the user\n\n", "<|im_start|>a<|im_end|>", "e\u0301 12"]
    old = Encoder(tokenizer_document(folder), "old")
    assert old.count(texts) == Encoder(json.dumps(document).encode(), "new").count(texts)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Other"}))
    with pytest.raises(VlftError, match="its tokenizer is a Other"):
        tokenizer_document(folder)


def test_why_rows_cannot_be_counted(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    for swift, reason in (
        ({"loss_scale": "hermes"}, "loss_scale 'hermes'"),
        ({"template_backend": "jinja"}, "template_backend 'jinja'"),
        ({"new_special_tokens": ["<x>"]}, "new_special_tokens"),
        ({"system": "prompt.txt"}, "prompt.txt"),
        ({"enable_thinking": True, "loss_scale": "last_round"}, "enable_thinking"),
    ):
        with pytest.raises(VlftError, match=reason):
            opened(folder, **swift)
    with pytest.raises(VlftError, match="template 'llama3' is not known"):
        opened(folder, "llama3")
    with pytest.raises(VlftError, match="rows of task rlhf are not known"):
        opened(folder, task="rlhf")
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(VlftError, match="names no eos_token"):
        opened(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(VlftError, match=r"has no tokenizer\.json"):
        opened(folder)


@pytest.mark.parametrize(
    "document",
    [b"{", b"[]", b"{}", json.dumps(tokenizer(normalizer={"type": "NFKC"})).encode()],
)
def test_what_is_no_tokenizer(document: bytes) -> None:
    with pytest.raises(VlftError, match="is no byte-level tokenizer"):
        Encoder(document, "t")


def test_a_broken_tokenizer() -> None:
    broken = tokenizer()
    broken["model"]["merges"] = ["not there"]
    with pytest.raises(VlftError, match="is no tokenizer"):
        Encoder(json.dumps(broken).encode(), "t")
