"""--set: what it changes, what it keeps, and what it refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from vlft.config import overrides as overrides_module
from vlft.config.entry import Place
from vlft.config.source import load, parse

TEXT = """\
model: {path: x}
lora: {rank: 8}
quant: null
data:
  train: [a.jsonl, b.jsonl]
"""


@pytest.fixture
def source():
    return parse(TEXT, "c.yaml")[0]


def apply(source, overrides):
    root, findings = overrides_module.apply(source.root, overrides)
    return replace(source, root=root), findings


def changed(source, *overrides):
    result, findings = apply(source, overrides)
    assert findings == []
    return result


def refused(source, override):
    """The finding for an override that changes nothing."""
    result, findings = apply(source, [override])
    assert result.root == source.root
    assert len(findings) == 1
    finding = findings[0]
    assert (finding.severity, finding.file, finding.line) == ("error", None, None)
    assert finding.path.startswith("--set")
    assert finding.hint
    return finding


def test_a_value_is_yaml_and_keeps_its_form(source):
    result = changed(
        source,
        "train.learning_rate=1e-4",
        "swift.report_to=[tensorboard, wandb]",
        "env.NCCL_DEBUG=INFO",
        "env.PATTERN=a=b",
        "lora={rank: 16, alpha: 32}",
        "swift.note='yes'",
    )
    assert result.data["train"] == {"learning_rate": 1e-4}
    assert result.text(("train", "learning_rate")) == "1e-4"
    assert result.data["swift"] == {"report_to": ["tensorboard", "wandb"], "note": "yes"}
    assert result.text(("swift", "report_to", 1)) == "wandb"
    assert result.data["env"] == {"NCCL_DEBUG": "INFO", "PATTERN": "a=b"}
    assert result.data["lora"] == {"rank": 16, "alpha": 32}


def test_the_source_is_left_as_it_was(source):
    changed(source, "data.train[0]=x", "model.hub=y", "lora=null")
    assert source == parse(TEXT, "c.yaml")[0]


def test_places_and_folders_of_an_override(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = changed(source, "train.learning_rate=1", "model.path=y")
    nowhere = Place(None, None, None)
    assert result.place(("train", "learning_rate")) == nowhere
    assert result.key_place(("train",)) == nowhere
    assert result.place(("model", "path")) == nowhere
    assert result.place(("model",)) == Place("c.yaml", 1, 8)
    assert result.base_dir(("model", "path")) == tmp_path
    finding = result.finding("x.y", "error", ("train", "learning_rate"), "Too high")
    assert (finding.path, finding.file) == ("--set train.learning_rate", None)


def test_list_items(source):
    result = changed(source, "data.train[0]=x", "data.train[2]=y", "new[0].a[0]=1")
    assert result.data["data"] == {"train": ["x", "b.jsonl", "y"]}
    assert result.data["new"] == [{"a": [1]}]
    assert result.text(("data", "train", 0)) == "x"
    assert result.place(("data", "train", 1)) == Place("c.yaml", 5, 20)


def test_the_later_wins(source):
    result = changed(source, "lora.rank=1", "lora.rank=2", "lora=null", "lora.alpha=3")
    assert result.data["lora"] == {"alpha": 3}


def test_null_removes_a_key_and_is_set_where_there_is_none(source):
    result = changed(source, "lora=null", "tuner=~", "data.train[1]=null")
    assert "lora" not in result.data
    assert result.entry(("lora", "rank")) is None
    assert result.data["tuner"] is None
    assert result.data["data"] == {"train": ["a.jsonl", None]}


def test_a_null_gives_way_to_a_map(source):
    result = changed(source, "quant.bits=4")
    assert result.data["quant"] == {"bits": 4}
    assert result.text(("quant",)) is None


def test_keys_with_dots_are_quoted(source):
    result = changed(source, 'env."a.b"=1', "env.'c=d'=2")
    assert result.data["env"] == {"a.b": 1, "c=d": 2}


def test_overrides_are_above_the_file_and_what_it_extends(tmp_path):
    (tmp_path / "base.yaml").write_text("a: 1\nb: {c: 1}\n")
    (tmp_path / "c.yaml").write_text("extends: base.yaml\na: 2\n")
    source, findings = load(tmp_path / "c.yaml", ["a=3", "b.c=null"])
    assert findings == []
    assert source.data == {"a": 3, "b": {}}


@pytest.mark.parametrize("override", ["", "a", "=1", "[0]=1", ".a=1", "a.=1", "a..b=1", "a b=1",
    'a."b=1', "a]=1", "a[x]=1", "a[-1]=1", f"{'a.' * 70}a=1"])  # fmt: skip
def test_a_malformed_key_shows_the_form(source, override):
    finding = refused(source, override)
    assert finding.rule == "config.override"
    assert "--set section.key=value" in finding.hint


@pytest.mark.parametrize("override", ["lora.rank=", "lora.rank=  "])
def test_an_empty_value_names_null(source, override):
    finding = refused(source, override)
    assert finding.path == "--set lora.rank"
    assert "lora.rank=null" in finding.hint


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.path.x=1", "model.path is not a map"),
        ("data.train.x=1", "data.train is not a map"),
        ("model[0]=1", "model is not a list"),
        ("data.train[3]=1", "past its end"),
        ("new[1]=1", "past its end"),
        ("new.a.b[1]=1", "past its end"),
        ("lora={}", "changes nothing"),
        ("extends=base.yaml", "extends can't be set"),
        ("a=[1", "`]` is missing"),
        ('a="x', "does not end"),
        ("a=*.jsonl", "alias"),
        ("a=b: c: d", "second `:`"),
        ("a=x #y", "read by YAML as `x`"),
        ("a=#y", "read by YAML as `null`"),
        ("a=---", "read by YAML as `null`"),
        ("a=x\ny", "read by YAML as `x y`"),
    ],
)
def test_a_value_that_can_not_be_set(source, override, said):
    finding = refused(source, override)
    assert finding.rule == "config.override"
    assert said in finding.message


@pytest.mark.parametrize(
    ("override", "rule"),
    [("a=\udce9", "control-character"), ("a=*x", "alias"), ("a=" + "[" * 999, "too-deep")],
)
def test_a_value_is_under_the_rules_of_a_file(source, override, rule):
    assert refused(source, override).rule == f"config.{rule}"


@pytest.mark.parametrize(
    ("override", "path", "rule"),
    [
        ("a=yes", "a", "ambiguous-scalar"),
        ("a.b=[1, 010]", "a.b[1]", "ambiguous-scalar"),
        ("a={b: 1, b: 2}", "a.b", "duplicate-key"),
        ("a=!!python/x 1", "a", "tag"),
    ],
)
def test_a_doubtful_value_is_an_error_at_its_key(source, override, path, rule):
    findings = apply(source, [override])[1]
    assert [(f.path, f.rule, f.file, f.line) for f in findings] == [
        (f"--set {path}", f"config.{rule}", None, None)
    ]


def test_all_mistakes_are_reported_and_the_rest_is_applied(source):
    result, findings = apply(source, ["a", "b=", "model.path=y", "lora.rank.x=1"])
    assert len(findings) == 3
    assert result.data["model"] == {"path": "y"}


def test_mistakes_are_reported_where_the_file_is_missing(tmp_path):
    findings = load(tmp_path / "nope.yaml", ["a"])[1]
    assert [f.rule for f in findings] == ["config.missing", "config.override"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"[a-c.\[\]0-2]{1,8}=[-x0_'\"\[{}:,#&*! ]{1,8}"))
def test_any_text_is_answered(text):
    source = parse(TEXT, "c.yaml")[0]
    result, findings = apply(source, [text])
    assert findings or "=" in text
    assert set(result.data) >= {"model"} or text.startswith("model")
