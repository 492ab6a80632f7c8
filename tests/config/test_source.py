"""One file: what its text means, where each part stands, and every way it can be wrong."""

import math
import random

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlft.config import document
from vlft.config.entry import Place
from vlft.config.reader import read_config
from vlft.config.source import load, parse
from vlft.findings import has_errors

VALID = """\
# a recipe
model: {path: ./Qwen2-VL, torch_dtype: bfloat16}
tuner: lora
data:
  train:
  - a.jsonl
  - "b c.jsonl"
pixels: {max: 1024*28*28}
train:
  learning_rate: 1e-4
env: {NCCL_DEBUG: WARN, NO: "no"}
"""


def read(text):
    source, findings = parse(text, "c.yaml")
    assert findings == []
    assert source is not None
    return source


def wrong(text):
    """The findings as (line, column, rule), all of them errors with a message."""
    findings = parse(text, "c.yaml")[1]
    assert all(f.severity == "error" and f.message and f.file == "c.yaml" for f in findings)
    return [(f.line, f.column, f.rule.removeprefix("config.")) for f in findings]


def test_data_places_and_texts_of_a_recipe():
    source = read(VALID)
    assert source.data["train"] == {"learning_rate": 1e-4}
    assert source.data["data"] == {"train": ["a.jsonl", "b c.jsonl"]}
    assert source.data["env"] == {"NCCL_DEBUG": "WARN", "NO": "no"}
    assert source.text(("train", "learning_rate")) == "1e-4"
    assert source.text(("data", "train", 1)) == "b c.jsonl"
    assert source.text(("data",)) is None
    assert source.place(("train", "learning_rate")) == Place("c.yaml", 10, 18)
    assert source.key_place(("train", "learning_rate")) == Place("c.yaml", 10, 3)
    assert source.place(("data", "train", 1)) == Place("c.yaml", 7, 5)
    assert source.key_place(("data", "train", 1)) == Place("c.yaml", 7, 5)
    assert source.documents == {"c.yaml": VALID}


def test_a_key_that_is_absent_is_placed_at_its_nearest_ancestor():
    source = read(VALID)
    assert source.place(("model", "hub")) == Place("c.yaml", 2, 8)
    assert source.place(("launch", "gpus")) == Place("c.yaml", 1, 1)


def test_findings_name_the_dotted_path():
    source = read("a:\n  b:\n  - {c: 1, 'd.e': 2}\n")
    finding = source.finding("x.y", "warning", ("a", "b", 0, "c"), "Odd", "Even")
    assert (finding.path, finding.line, finding.column) == ("a.b[0].c", 3, 9)
    at_key = source.finding("x.y", "info", ("a", "b", 0, "d.e"), "Odd", at_key=True)
    assert (at_key.path, at_key.line, at_key.column) == ('a.b[0]."d.e"', 3, 12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1e5", 1e5),
        ("1.5e-3", 1.5e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1.5", -1.5),
        ("01.5", 1.5),
        ("8", 8),
        ("-8", -8),
        ("+8", 8),
        ("0", 0),
        ("0x10", 16),
        ("0o10", 8),
        ("-0x10", "-0x10"),
        ("0b1", "0b1"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("y", "y"),
        ("n", "n"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("", None),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("1024*28*28", "1024*28*28"),
        ("'1e-4'", "1e-4"),
        ('"yes"', "yes"),
        ("'010'", "010"),
        ("!!str 5", "5"),
        ("!!str yes", "yes"),
        ("! 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!map {b: 1}", {"b": 1}),
        ("!!seq [1]", [1]),
        ("|\n  one\n  two", "one\ntwo\n"),
        ("x\\ny", "x\\ny"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text, value):
    got = read(f"a: {text}\n").data["a"]
    assert (type(got), got) == (type(value), value)


def test_nan_is_a_float():
    assert math.isnan(read("a: .nan\n").data["a"])


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("yes", 'write true, or "yes" in quotes'),
        ("NO", 'write false, or "NO" in quotes'),
        ("On", "write true"),
        ("oFF", "write false"),
        ("010", "write 10 or 8, whichever is meant"),
        ("-010", "write -10"),
        ("08", 'write 8, or "08" in quotes'),
        ("1_000", "write `1000`"),
        ("1_0.5", "write `10.5`"),
        ("!!bool yes", "write true"),
        ("!!int 010", "write 10 or 8"),
    ],
)
def test_an_ambiguous_scalar_is_refused_with_what_to_write(text, hint):
    source, findings = parse(f"a: {text}\n", "c.yaml")
    assert [f.rule for f in findings] == ["config.ambiguous-scalar"]
    assert hint in findings[0].hint
    assert findings[0].path == "a"
    assert source is not None


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e-999", "99999999999999999999", "9" * 9999])
def test_a_number_that_no_computer_holds_is_refused(text):
    assert wrong(f"a: {text}\n") == [(1, 4, "number")]


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [ls]", "!foo 1", "!!binary aGk=", "!!set {b}",
             "!!timestamp 2026-01-01", "!!int x", "!!float true", "!!str [1]", "!!omap [b: 1]"],
)  # fmt: skip
def test_other_tags_are_refused(text):
    assert wrong(f"a: {text}\n") == [(1, 4, "tag")]


@pytest.mark.parametrize("key", ["1", "true", "null", "~", "1.5", "010", "[b, c]", "{b: c}", "?"])
def test_a_key_that_is_no_text_is_refused(key):
    rules = wrong(f"{key}\n: 1\n" if key == "?" else f"{key} : 1\nb: 2\n")
    assert [(line, rule) for line, _, rule in rules] == [(1, "key-type")]


def test_keys_that_yaml_1_1_reads_as_booleans_are_text():
    assert read("NO: 1\non: 2\ny: 3\n'4': 5\n").data == {"NO": 1, "on": 2, "y": 3, "4": 5}


def test_a_key_is_bounded():
    assert wrong(f"? {'k' * 300}\n: 1\n") == [(1, 3, "key-type")]


def test_merge_keys_keep_the_place_of_the_anchor_and_explicit_keys_win():
    source = read("a: &a {x: 1, y: 2}\nb: &b {y: 3, <<: *a}\nc: {<<: [*b, *a], z: 4}\n")
    assert source.data["b"] == {"x": 1, "y": 3}
    assert source.data["c"] == {"x": 1, "y": 3, "z": 4}
    assert source.place(("c", "x")) == Place("c.yaml", 1, 11)
    assert source.place(("c", "y")) == Place("c.yaml", 2, 11)
    assert source.text(("c", "x")) == "1"


def test_a_chain_of_merge_keys():
    source = read("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: [*b]}\n")
    assert source.data["c"] == {"x": 1, "y": 2}


def test_a_tag_on_a_key():
    assert read("!!str 1: 2\n").data == {"1": 2}
    assert wrong("!foo a: 1\n") == [(1, 1, "tag")]


def test_a_quoted_merge_key_is_a_key():
    assert read('"<<": 1\n').data == {"<<": 1}


@pytest.mark.parametrize("text", ["{<<: 1}", "{<<: [1]}", "{<<: [[]]}"])
def test_a_merge_key_takes_maps(text):
    assert [rule for *_, rule in wrong(f"a: {text}\n")] == ["merge"]


def test_aliases_repeat_a_value_without_sharing_it():
    source = read("a: &x [1]\nb: *x\n? &k key\n: 1\n")
    assert source.data == {"a": [1], "b": [1], "key": 1}
    assert source.data["a"] is not source.data["b"]
    assert source.place(("b", 0)) == Place("c.yaml", 1, 8)


def test_a_duplicate_key_is_placed_at_the_second_and_names_the_first():
    findings = parse("a: 1\nb: {c: yes, c: 2}\na: 3\n", "c.yaml")[1]
    assert [(f.line, f.column, f.rule) for f in findings] == [
        (2, 8, "config.ambiguous-scalar"),
        (2, 13, "config.duplicate-key"),
        (3, 1, "config.duplicate-key"),
    ]
    assert "line 1" in findings[2].message
    assert findings[1].path == "b.c"


def test_duplicates_are_found_in_what_a_merge_brings_and_under_an_aliased_key():
    assert wrong("a: {<<: {b: 1, b: 2}}\n") == [(1, 16, "duplicate-key")]
    assert wrong("? &k a\n: 1\n? *k\n: 2\n") == [(1, 3, "duplicate-key")]


def test_all_mistakes_of_a_file_are_reported_by_place():
    text = "a: {b: yes}\n1: 2\nc: !x 1\nd: *nowhere\ne: 010\na: 1\n"
    assert wrong(text) == [
        (1, 8, "ambiguous-scalar"),
        (2, 1, "key-type"),
        (3, 4, "tag"),
        (4, 4, "alias"),
        (5, 4, "ambiguous-scalar"),
        (6, 1, "duplicate-key"),
    ]


def test_a_mistake_under_an_anchor_is_reported_once():
    assert wrong("a: &x {b: yes}\nc: *x\nd: {<<: *x}\n") == [(1, 11, "ambiguous-scalar")]


def test_a_flood_of_mistakes_is_cut_and_said_to_be():
    rules = [rule for *_, rule in wrong("a: [" + "yes," * 5000 + "]\n")]
    assert len(rules) == 201
    assert rules[-1] == "too-many-mistakes"


@pytest.mark.parametrize("text", ["", "\n", "# only\n", "---\n", "---\n# x\n...\n", "\ufeff"])
def test_an_empty_file(text):
    assert wrong(text) == [(1, 1, "empty")]


@pytest.mark.parametrize("text", ["- a\n- b\n", "hello\n", "5\n", "a:1\nb:2\n", "~\n", "''\n"])
def test_a_root_that_is_no_map(text):
    assert wrong(text) == [(1, 1, "root")]


@pytest.mark.parametrize(("text", "line"), [("a: 1\n---\nb: 2\n", 2), ("a: 1\n---\n", 2)])
def test_several_documents(text, line):
    assert wrong(text) == [(line, 1, "documents")]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a:\n\tb: 1", (2, 1), "tab"),
        ("a: 1\n\tb: 2", (2, 1), "tab"),
        ("a: b: c", (1, 5), "second `:`"),
        ("model\n  path: x", (2, 7), "`path` can't stand here"),
        ("a: 1\nlearning_rate\nb: 2\n", (2, 1), "`learning_rate` is no `key: value`"),
        ('a: 1\nb: "x\nc: 1', (2, 4), "quoted text starts here and does not end"),
        ("a: [1, 2\nb: 1", (1, 4), "`]` is missing"),
        ("a: {b: 1\nc: 2", (1, 4), "`}` is missing"),
        ("a: - b", (1, 4), "line of its key"),
        ("a: *.jsonl", (1, 5), "`*` is a YAML alias"),
        ("a: &", (1, 5), "`&` is a YAML anchor"),
        ("a: @x", (1, 4), "can't start with `@`"),
        ("%x: 1", (1, 3), "directive"),
        ('a: "C:\\dir"', (1, 7), "`\\d` is no escape"),
        ('a: "b" c', (1, 8), "`c`"),
        ("a:\n  b: 1\n c: 2", (3, 2), "indented differently"),
        ("a: 1\n- b", (2, 1), "list item stands where a key"),
        ("- a\nb: 1", (2, 1), "no list item"),
        ("a: | text\n  x", (1, 6), "starts on the next line"),
        ("a: !x!y z", (1, 4), "tag"),
        ("{a: 1}\nb: 2", (2, 1), "has ended"),
        ("a: [1,,2]", (1, 7), "value is expected before `,`"),
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", (2, 1), "merge conflict"),
        ("a: *x *y", (1, 7), "can't follow here"),
    ],
)
def test_a_syntax_error_says_what_it_likely_is(text, place, said):
    source, findings = parse(text, "c.yaml")
    assert source is None
    finding = findings[-1]
    assert finding.rule == "config.syntax"
    assert (finding.line, finding.column) == place
    assert said in finding.message
    assert finding.hint


def test_a_lone_alias_says_how_to_write_the_text():
    finding = parse("a: *x\n", "c.yaml")[1][0]
    assert finding.rule == "config.alias"
    assert '"*x"' in finding.hint


def test_windows_line_ends_and_a_byte_order_mark_change_nothing():
    source = read("\ufeff" + VALID.replace("\n", "\r\n"))
    assert source.data == read(VALID).data
    assert source.place(("train", "learning_rate")) == Place("c.yaml", 10, 18)


@pytest.mark.parametrize(
    ("text", "place"), [("a: x\0y\n", (1, 5)), ("a: 1\nb: \x1b[31m\n", (2, 4)), ("\ud800", (1, 1))]
)
def test_control_characters_are_refused(text, place):
    assert wrong(text) == [(*place, "control-character")]


def test_an_escaped_nul_is_refused_and_never_printed_raw():
    finding = parse('a: "x\\0"\n"k\\e[31m": yes\n', "c.yaml")[1]
    assert [f.rule for f in finding] == ["config.control-character", "config.ambiguous-scalar"]
    assert all(f.path.isprintable() and f.message.isprintable() for f in finding)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[" * 10_000, "too-deep"),
        ("a: " + "[" * 100_000 + "]" * 100_000, "too-deep"),
        ("{a: " * 100_000, "too-deep"),
        ("- " * 100_000, "too-deep"),
        ("? " * 100_000, "too-deep"),
        ("a0: &a0 x\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 100)), "too-deep"),
        ("a0: &a0 [x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n"
                                     for i in range(1, 30)), "too-many-nodes"),
        ("a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}]}}\n"
                                      for i in range(1, 30)), "too-many-nodes"),
        ("a: [" + "x," * 400_000 + "]", "too-many-nodes"),
        ("x" * ((1 << 20) + 1), "too-large"),
        ("".join(f"%TAG !a{i}! a\n" for i in range(60_000)) + "---\na: 1\n", "tag"),
        ("a: &a [*a]\n", "alias"),
        ("a: &a {b: {c: *a}}\n", "alias"),
        ("a: " + "1_" * 500_000, "ambiguous-scalar"),
        ('a: "b"' + '" ' * 500_000 + "c", "syntax"),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)  # fmt: skip
def test_a_hostile_file_is_one_error(text, rule):
    rules = [f.rule for f in parse(text, "c.yaml")[1]]
    assert rules == [f"config.{rule}"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 64, (2, 1, "syntax")),
        ("[" * 65, (1, 65, "too-deep")),
        ("[" * 10_000, (1, 65, "too-deep")),
        ("[\n" * 10_000, (65, 1, "too-deep")),
        ("é: 1\r\nb: " + "{b: " * 10_000, (2, 256, "too-deep")),
        ("- " * 10_000, (1, 129, "too-deep")),
        ("a: 1\n" + "[" * 10_000, (2, 1, "syntax")),
        ("a: [1, }\nb: " + "[" * 10_000, (1, 8, "syntax")),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_the_level_that_is_too_deep_has_its_place_with_every_libyaml(text, place):
    assert wrong(text) == [place]


def test_the_parser_without_libyaml_reads_the_same(monkeypatch):
    monkeypatch.setattr(document, "LOADER", yaml.SafeLoader)
    source = read(VALID)
    assert source.place(("train", "learning_rate")) == Place("c.yaml", 10, 18)
    assert wrong("a: [1, 2\nb: 1")[0][2] == "syntax"
    assert wrong("[" * 1000)[0][2] == "too-deep"
    assert wrong("a: {b: 1\nc: 2\n")[0][2] == "syntax"


KEYS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=20)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def quoted(value):
    """The value as YAML text that no reader can take for another."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"? {quoted(k)} : {quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(quoted, value)) + "]"
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    if isinstance(value, str):
        return yaml.safe_dump(value, default_style='"', width=10**9).strip()
    return "null" if value is None else str(value).lower()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_any_data_is_read_back(data):
    source = read(quoted(data))
    assert source.data == data
    assert parse(yaml.safe_dump({"a": list(data)}, default_style='"'), "c")[1] == []


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_what_a_yaml_1_1_writer_writes_is_read_back_or_doubted(data):
    # It leaves texts such as `1e5` unquoted, which only the other version of YAML reads as text.
    text = yaml.safe_dump(data, allow_unicode=True)
    assume(yaml.safe_load(text) == data)  # its own way of writing U+0085 is one that it loses
    source, findings = parse(text, "c.yaml")
    same = source is not None and source.data == data
    leaves = [e for e in yaml.parse(text) if isinstance(e, yaml.ScalarEvent) and not e.style]
    plain_numbers = any(e.value[:1] in tuple("+-.0123456789") and e.value for e in leaves)
    assert same or has_errors(findings) or plain_numbers


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.text("ab:-[]{},&*!|>'\"%@#?~<.0_\n\t ", max_size=60))
def test_any_text_is_answered(text):
    source, findings = parse(text, "c.yaml")
    assert source is not None or has_errors(findings)


def test_any_mutation_of_a_file_is_answered(tmp_path):
    file, rng = tmp_path / "c.yaml", random.Random(0)  # noqa: S311
    for _ in range(300):
        raw = bytearray(VALID.encode())
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(raw))
            raw[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        file.write_bytes(raw)
        source, findings = load(file, ["train.learning_rate=1e-5"])
        assert source is not None or has_errors(findings)


def test_base_dir_is_the_folder_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source, _ = parse("a: 1\n", "sub/c.yaml")
    assert source.base_dir(("a",)) == tmp_path / "sub"


def test_a_map_where_one_of_several_kinds_is_expected_is_named_by_its_key(tmp_path):
    """Pydantic names the kinds too, and they are no part of the file."""
    file = tmp_path / "c.yaml"
    file.write_text("model: {path: x}\ndata: {train: [a], val: {b: 1}}\n")
    (found,) = read_config(file)[2]
    assert found.path == "data.val"
    assert found.message == "`data.val` is a mapping; it must be a number or a list"
