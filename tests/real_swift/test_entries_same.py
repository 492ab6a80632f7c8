"""Entries of data lists are split as ms-swift's own DatasetSyntax splits them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlft.probe.data_entries import parse_entry

pytestmark = pytest.mark.swift

FILES = ("train.jsonl", "a b.jsonl", "x:y.jsonl", "n#1.jsonl", "c::d.jsonl", "é.json", "plain")
NAMES = (*FILES, "gone.jsonl", "org/name", "folder")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("entries")
    for name in FILES:
        (folder / name).write_text("{}\n")
    (folder / "folder").mkdir()
    return folder


@st.composite
def entries(draw: st.DrawFn) -> str:
    hub = draw(st.sampled_from(["", "", "hf::", "MS::", "xx::"]))
    subset = draw(st.sampled_from(["", "", ":sub", ":a/b", ": a / b ", ":"]))
    sample = draw(st.sampled_from(["", "", "#1", "# 2", "#3 ", "#1_000", "#x", "#", "#1#2"]))
    return f"{hub}{draw(st.sampled_from(NAMES))}{subset}{sample}"


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@given(text=entries())
def test_an_entry_means_what_it_means_to_ms_swift(text: str, workplace: Path) -> None:
    from swift.dataset.dataset_syntax import DatasetSyntax

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        ours = parse_entry(text, workplace)
        try:
            real = DatasetSyntax.parse(text)
        except ValueError:  # a sample that is not a number
            assert ours.problem is not None
            return
        if ours.problem is not None:  # a path that can't be given to ms-swift with `#N`
            assert "::" in str(ours.path)
            return
        if ours.kind == "missing":
            assert not Path(real.dataset).exists()
            return
        given = DatasetSyntax.parse(ours.argument)
        assert (given.subsets, given.dataset_sample) == (real.subsets, real.dataset_sample)
        if ours.kind == "hub":
            assert (given.dataset, given.use_hf) == (real.dataset, real.use_hf)
            assert not Path(real.dataset).exists()
        else:
            assert Path(given.dataset) == ours.path
            assert Path(real.dataset).absolute() == ours.path
            assert (list(ours.subsets), ours.sample) == (real.subsets, real.dataset_sample)
