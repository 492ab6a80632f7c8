"""Secrets are recognised by name and never shown."""

from __future__ import annotations

import pytest

from vlft.environment import Environment
from vlft.plan.command import Command
from vlft.security.masking import mask_data, mask_text, secret_values
from vlft.security.secrets import Secret, Variable, is_secret_name, mask


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "hub_token", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "swanlab_secret", "token"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["IMAGE_MAX_TOKEN_NUM", "max_new_tokens", "tokenizer", "pad_token", "lora_rank", "seed_key"],
)
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_secret_name(name)


def test_a_secret_leaves_plain_data_and_text() -> None:
    data = {"env": {"HF_TOKEN": "hf_abc", "A": "b"}, "swift": {"hub_token": "t0p", "n": 1}}
    assert secret_values(data) == {"hf_abc", "t0p"}
    assert mask_data(data) == {
        "env": {"HF_TOKEN": "***", "A": "b"},
        "swift": {"hub_token": "***", "n": 1},
    }
    text = "env: {HF_TOKEN: hf_abc}  # hf_abc again\nswift: {hub_token: 't0p'} # t0phat"
    assert mask_text(text, {"hf_abc", "t0p"}) == (
        "env: {HF_TOKEN: ***}  # *** again\nswift: {hub_token: '***'} # t0phat"
    )


def test_a_password_leaves_a_url() -> None:
    assert mask("http://me:secret@host/x") == "http://me:***@host/x"
    assert mask("http://host/x@y") == "http://host/x@y"


def test_a_command_shows_references_in_place_of_secrets() -> None:
    command = Command(
        ("swift", "sft", "--hub_token", "t0p", "--seed", "1", "--swanlab_token=-t1p"),
        {"WANDB_API_KEY": "w0p", "A": "b c"},
        (),
    )
    line = command.shell_line(Environment({}))
    assert line == (
        'env WANDB_API_KEY="${WANDB_API_KEY}" A=\'b c\' swift sft --hub_token "${HUB_TOKEN}" '
        '--seed 1 --swanlab_token="${SWANLAB_TOKEN}"'
    )
    masked = command.masked()
    assert not {"t0p", "w0p"} & {*masked.argv, *masked.env.values()}
    assert "-t1p" not in " ".join(masked.argv)
    assert command.argv[3] == Variable("VLFT_HUB_TOKEN", secret=Secret("t0p"))
