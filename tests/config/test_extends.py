"""Files on disk: reading one, following extends, and every way either fails."""

import os
import socket

import pytest

from vlft.config.entry import Place
from vlft.config.source import load


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into a fresh working directory."""
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def read(file, overrides=()):
    source, findings = load(file, overrides)
    assert findings == []
    assert source is not None
    return source


def only(file):
    """The only finding, where the file can't be used."""
    source, findings = load(file)
    assert source is None
    assert len(findings) == 1
    assert findings[0].severity == "error"
    return findings[0]


def test_maps_merge_lists_and_scalars_replace(write):
    write(
        base="train: {learning_rate: 1e-4, seed: 1}\ndata: {train: [a, b]}\ntuner: full\n",
        c="extends: base.yaml\ntrain: {learning_rate: 2e-4}\ndata: {train: [c]}\ntuner: lora\n",
    )
    source = read("c.yaml")
    assert source.data == {
        "train": {"learning_rate": 2e-4, "seed": 1},
        "data": {"train": ["c"]},
        "tuner": "lora",
    }
    assert source.text(("train", "seed")) == "1"
    assert source.text(("train", "learning_rate")) == "2e-4"
    assert source.text(("data", "train", 1)) is None
    assert source.place(("train", "seed")) == Place("base.yaml", 1, 36)
    assert source.place(("train", "learning_rate")) == Place("c.yaml", 2, 24)
    assert source.place(("train",)) == Place("c.yaml", 2, 8)
    assert list(source.documents) == ["c.yaml", "base.yaml"]
    assert source.file == "c.yaml"
    assert source.entry(("extends",)) is None


def test_null_removes_an_inherited_key_and_stays_where_nothing_was_inherited(write):
    write(
        base="lora: {rank: 8, alpha: 32}\nquant: {bits: 4}\n",
        c="extends: base.yaml\nlora: null\nquant: {bits: ~, method: null}\npixels: null\n",
    )
    source = read("c.yaml")
    assert source.data == {"quant": {"method": None}, "pixels": None}
    assert source.entry(("lora",)) is None


def test_a_map_replaces_a_scalar_and_a_scalar_a_map(write):
    write(base="a: {b: 1}\nc: 2\n", c="extends: base.yaml\na: 1\nc: {d: 2}\n")
    source = read("c.yaml")
    assert source.data == {"a": 1, "c": {"d": 2}}
    assert source.text(("a", "b")) is None


def test_later_bases_win_over_earlier_and_the_file_over_all(write):
    write(
        one="a: 1\nb: 1\nc: 1\n",
        two="a: 2\nb: 2\nd: null\n",
        c="extends: [one.yaml, two.yaml]\na: 3\n",
    )
    source = read("c.yaml")
    assert source.data == {"a": 3, "b": 2, "c": 1, "d": None}
    assert source.place(("b",)) == Place("two.yaml", 2, 4)
    assert list(source.documents) == ["c.yaml", "one.yaml", "two.yaml"]


def test_bases_are_relative_to_the_file_that_names_them(write, tmp_path):
    write(
        conf__c="extends: ../shared/mid.yaml\nx: 1\n",
        shared__mid="extends: deep/base.yaml\ny: 2\n",
        shared__deep__base="model: {path: ./weights}\n",
    )
    source = read("conf/c.yaml")
    assert source.data == {"model": {"path": "./weights"}, "y": 2, "x": 1}
    assert source.place(("y",)).file == "shared/mid.yaml"
    assert source.place(("model", "path")).file == "shared/deep/base.yaml"
    assert source.base_dir(("model", "path")) == tmp_path / "shared/deep"
    assert source.base_dir(("x",)) == tmp_path / "conf"
    absolute = read(tmp_path / "conf/c.yaml")
    assert absolute.place(("y",)).file == str(tmp_path / "shared/mid.yaml")


def test_a_path_through_a_link_is_not_shortened_to_another_file(write, tmp_path):
    write(real__deep__x="a: 1\n", real__base="b: right\n", base="b: wrong\n")
    (tmp_path / "link").symlink_to(tmp_path / "real/deep")
    write(c="extends: link/../base.yaml\n")
    assert read("c.yaml").data == {"b": "right"}


def test_a_base_that_two_files_share_is_read_once(write):
    write(
        base="a: yes\n",
        one="extends: base.yaml\nb: 1\n",
        two="extends: base.yaml\nc: 2\n",
        c="extends: [one.yaml, two.yaml]\n",
    )
    source, findings = load("c.yaml")
    assert source.data["b"] == 1
    assert [(f.file, f.line, f.rule) for f in findings] == [
        ("base.yaml", 1, "config.ambiguous-scalar")
    ]


def test_of_many_ways_to_the_same_file_one_is_taken(write):
    write(f0="a: 1\n")
    for i in range(1, 16):
        write(**{f"f{i}": f"extends: [{', '.join([f'f{i - 1}.yaml'] * 8)}]\n"})
    assert read("f15.yaml").data == {"a": 1}  # 8**15 ways would take years


def test_mistakes_of_all_files_are_reported_at_once_the_root_first(write):
    write(
        base="a: 010\nb: yes\n",
        c="extends: base.yaml\nc: 1_0\n",
    )
    findings = load("c.yaml", ["d=", "e=off"])[1]
    assert [(f.file, f.line, f.path) for f in findings] == [
        ("c.yaml", 2, "c"),
        ("base.yaml", 1, "a"),
        ("base.yaml", 2, "b"),
        (None, None, "--set d"),
        (None, None, "--set e"),
    ]


@pytest.mark.parametrize("value", ["5", "true", "{a: b}", "''", "[[a]]", "[a.yaml, 5]"])
def test_extends_that_names_no_file(write, value):
    write(a="x: 1\n", c=f"y: 1\nextends: {value}\n")
    finding = only("c.yaml")
    assert (finding.rule, finding.line) == ("config.extends", 2)
    assert "extends: base.yaml" in finding.hint


@pytest.mark.parametrize("value", ["", "null", "[]"])
def test_extends_of_nothing(write, value):
    write(c=f"extends: {value}\nx: 1\n")
    assert read("c.yaml").data == {"x": 1}


def test_a_circle_is_refused_with_the_chain(write):
    write(a="extends: b.yaml\n", b="x: 1\nextends: [sub/c.yaml]\n", sub__c="extends: ../a.yaml\n")
    finding = only("a.yaml")
    assert (finding.rule, finding.file, finding.line) == ("config.extends", "sub/c.yaml", 1)
    assert "a.yaml → b.yaml → sub/c.yaml → a.yaml" in finding.message


def test_a_file_that_extends_itself(write):
    write(a="extends: ./a.yaml\n")
    assert "a.yaml → a.yaml" in only("a.yaml").message


def test_a_chain_of_16_files_is_read_and_one_more_is_not(write):
    write(f0="a: 1\n", **{f"f{i}": f"extends: f{i - 1}.yaml\n" for i in range(1, 17)})
    assert read("f15.yaml").data == {"a": 1}
    finding = only("f16.yaml")
    assert (finding.rule, finding.file) == ("config.extends", "f1.yaml")


def test_a_flood_of_bases_is_refused(write):
    write(c=f"extends: [{'x.yaml, ' * 1000}]\n")
    assert "1000 files" in only("c.yaml").message


def test_a_config_reads_64_files_at_most(write):
    write(**{f"f{i}": "a: 1\n" for i in range(64)})
    write(one=f"extends: [{', '.join(f'f{i}.yaml' for i in range(62))}]\n")
    write(two="extends: [one.yaml]\n", c="extends: [one.yaml, f62.yaml]\n")
    assert read("two.yaml").data == {"a": 1}
    finding = only("c.yaml")
    assert (finding.path, finding.line) == ("extends[1]", 1)
    assert "more than 64 files" in finding.message


def test_missing_bases_are_reported_where_they_are_named(write):
    write(c="a: 1\nextends:\n- nope.yaml\n- also/nope.yaml\n", d="extends: ~/base.yaml\n")
    source, findings = load("c.yaml")
    assert source is None
    assert [(f.rule, f.file, f.line, f.column, f.path) for f in findings] == [
        ("config.missing", "c.yaml", 3, 3, "extends[0]"),
        ("config.missing", "c.yaml", 4, 3, "extends[1]"),
    ]
    assert "`also/nope.yaml`" in findings[1].message
    assert "home folder" in only("d.yaml").hint


def test_a_base_that_is_no_yaml_is_reported_in_its_file(write, tmp_path):
    write(c="extends: base.yaml\n", base="a: [1\n", d="extends: raw.yaml\n")
    assert only("c.yaml").file == "base.yaml"
    (tmp_path / "raw.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    assert (only("d.yaml").file, only("d.yaml").line) == ("raw.yaml", 2)


def test_a_missing_file(write):
    write(c="a: 1\n")
    assert only("nope.yaml").rule == "config.missing"
    assert "`c.yaml`" in only("c.yml").hint
    assert "standard input" in only("-").hint
    assert only("").rule == "config.missing"


def test_a_dangling_link_names_its_target(write, tmp_path):
    write()
    (tmp_path / "c.yaml").symlink_to("gone.yaml")
    assert "`gone.yaml`" in only("c.yaml").hint


def test_only_regular_files_are_read(write, tmp_path):
    write(c="extends: pipe\n")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        said = {name: only(name).message for name in ("pipe", ".", "/dev/zero", "socket")}
    assert [message.split(" is ")[1].split(";")[0] for message in said.values()] == [
        "a pipe", "a folder", "a device", "a socket",
    ]  # fmt: skip
    assert (only("c.yaml").rule, only("c.yaml").line) == ("config.not-a-file", 1)


def test_a_name_that_no_file_can_have(write):
    write(c='extends: "a\\0b"\n')
    assert only("a\0b").rule == "config.unreadable"
    assert only("x" * 5000).rule == "config.unreadable"
    assert {f.rule for f in load("c.yaml")[1]} == {"config.control-character", "config.unreadable"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission(write, tmp_path):
    write(c="a: 1\n")
    (tmp_path / "c.yaml").chmod(0)
    assert only("c.yaml").rule == "config.unreadable"


def test_a_loop_of_links_can_not_be_read(write, tmp_path):
    write()
    (tmp_path / "c.yaml").symlink_to("c.yaml")
    assert only("c.yaml").rule == "config.unreadable"


def test_a_large_file_is_refused_unread(write, tmp_path):
    write()
    with (tmp_path / "c.yaml").open("wb") as file:
        file.truncate(1 << 40)  # more than the memory: all of it can't be read
    assert only("c.yaml").rule == "config.too-large"


@pytest.mark.parametrize(
    ("raw", "place", "said"),
    [
        (b"a: 1\nb: caf\xe9\n", (2, 7), "0xE9"),
        ("a: é\n".encode() + b"# \xff", (2, 3), "0xFF"),
        (b"\xef\xbb\xbfa: \xe9", (1, 4), "0xE9"),
        ("a: 1\n".encode("utf-16"), (1, 1), "UTF-16"),
        ("a: 1\n".encode("utf-32"), (1, 1), "UTF-32"),
    ],
)
def test_other_encodings_are_refused(write, tmp_path, raw, place, said):
    write()
    (tmp_path / "c.yaml").write_bytes(raw)
    finding = only("c.yaml")
    assert (finding.rule, finding.line, finding.column) == ("config.encoding", *place)
    assert said in finding.message


def test_utf_16_without_a_mark_is_guessed(write, tmp_path):
    write()
    (tmp_path / "c.yaml").write_bytes("a: 1\n".encode("utf-16-le"))
    assert "UTF-16" in only("c.yaml").hint


def test_a_byte_order_mark_is_accepted(write, tmp_path):
    write()
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    source = read("c.yaml")
    assert source.data == {"a": 1, "b": 2}
    assert source.place(("b",)) == Place("c.yaml", 2, 4)
