"""Secrets leave data, texts and documents, and nothing else does."""

from __future__ import annotations

import pytest
import yaml

from vlft.config.masking import mask_document, masked_lines
from vlft.security.masking import mask_data, mask_text, secret_values

DOCUMENT = """\
extends: base.yaml
env:
  HF_TOKEN: 'it''s s3cret'   # it's s3cret
  B_TOKEN: "s3\\x63ret"
  C_PASSWORD: >-
    s3cret
    folded
  D_KEY: |
    s3cret block

    of two
  E: http://me:s3cret@host/x
  OPENAI_KEY: {a: s3cret1, b: [s3cret2, s3cret3]}
kubernetes: {secrets: {HF_TOKEN: hub/token}, image_pull_secrets: [a]}
slurm: {setup: ["export X_TOKEN=s3cret"]}
swift:
  anchored: &name s3cret-anchored
  hub_token: *name
  system: "the key: keep it"
  use_auth_token: true
  api_key: null
"""


def test_plain_data() -> None:
    data = {
        "env": {"HF_TOKEN": "hf_abc", "A": "b", "URL": "http://me:pass@h"},
        "swift": {"hub_token": "t0p", "n": 1, "x_token": None, "use_auth_token": True, "y_key": 5},
        "kubernetes": {"secrets": {"HF_TOKEN": "hub/token"}},
        "credentials": {"user": "me", "list": ["a"]},
    }
    assert secret_values(data) == {"hf_abc", "pass", "t0p", "5", "me", "a"}
    assert mask_data(data) == {
        "env": {"HF_TOKEN": "***", "A": "b", "URL": "http://me:***@h"},
        "swift": {"hub_token": "***", "n": 1, "x_token": None, "use_auth_token": True,
                  "y_key": "***"},
        "kubernetes": {"secrets": {"HF_TOKEN": "hub/token"}},
        "credentials": {"user": "***", "list": ["***"]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("env: {HF_TOKEN: hf_abc}  # hf_abc again", "env: {HF_TOKEN: ***}  # *** again"),
        ("swift: {hub_token: 't0p'} # t0phat", "swift: {hub_token: '***'} # t0phat"),
        ("export HF_TOKEN=abc; run", "export HF_TOKEN=***; run"),
        ("PGPASSWORD='a b' psql", "PGPASSWORD='***' psql"),
        ("swift sft --hub_token abc --seed 1", "swift sft --hub_token *** --seed 1"),
        ("swift sft --api-key=abc", "swift sft --api-key=***"),
        ("token: abc def  # c", "token: ***  # c"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
        ("curl -H 'x: Bearer abcdefgh'", "curl -H 'x: Bearer ***'"),
        ("HF_TOKEN=$HF_TOKEN", "HF_TOKEN=$HF_TOKEN"),
        ("unexpected token: )", "unexpected token: )"),
        ("write `env: {HF_TOKEN: …}`", "write `env: {HF_TOKEN: …}`"),
        ("KeyError: 'model'", "KeyError: 'model'"),
        ("max_new_tokens=5 key=a", "max_new_tokens=5 key=a"),
    ],
)
def test_a_text(text: str, shown: str) -> None:
    assert mask_text(text, {"hf_abc", "t0p"}) == shown
    assert mask_text(shown) == shown


def test_a_document_stays_what_it_is_without_secrets() -> None:
    masked = mask_document(DOCUMENT)
    assert "s3cret" not in masked
    before, after = yaml.safe_load(DOCUMENT), yaml.safe_load(masked)
    assert after["env"] == {
        **dict.fromkeys(("HF_TOKEN", "B_TOKEN", "C_PASSWORD", "D_KEY"), "***"),
        "E": "http://me:***@host/x",
        "OPENAI_KEY": {"a": "***", "b": ["***", "***"]},
    }
    assert after["kubernetes"] == before["kubernetes"]
    assert after["slurm"] == {"setup": ["export X_TOKEN=***"]}
    assert after["swift"] == {
        **before["swift"],
        "anchored": "***",
        "hub_token": "***",
    }
    assert masked.startswith("extends: base.yaml\n")


def test_lines_that_are_shown_keep_their_numbers() -> None:
    lines = masked_lines(DOCUMENT)
    assert len(lines) == len(DOCUMENT.splitlines())
    assert "s3cret" not in "".join(lines)
    assert lines[0] == "extends: base.yaml"
    assert lines[-3] == '  system: "the key: keep it"'


@pytest.mark.parametrize(
    "document", ["a: [\nhub_token: s3cret two\n", "\t\nhub_token: s3cret", "\0"]
)
def test_a_broken_document_is_a_text(document: str) -> None:
    assert "s3cret" not in mask_document(document) + "".join(masked_lines(document))


@pytest.mark.parametrize(
    "noise", ["[" * 50_000, "{a: " * 20_000, "a_token: '" * 20_000, "x_key: *a\n" * 5_000]
)
def test_a_hostile_document_hides_its_secret_all_the_same(noise: str) -> None:
    document = f"hub_token: s3cret-1234\n{noise}"
    assert "s3cret" not in "".join(masked_lines(document))
    assert "s3cret" not in mask_document(document)
