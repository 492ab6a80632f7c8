"""A secret is covered from where it is read to where a process gets it."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from vlft.engines.process import to_process
from vlft.environment import Environment
from vlft.plan import Command
from vlft.security.secrets import Secret, Variable, mask_met, plain

VALUE = "s3cret-value"


def test_a_secret_is_never_shown() -> None:
    secret = Secret(VALUE)
    assert not isinstance(secret, str)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>3}", f"{secret!r}", format(secret)]
    shown += [f"{[secret]} {(secret,)} { {'a': secret} }", "%s" % secret]  # noqa: UP031
    assert not [text for text in shown if VALUE in text]
    assert json.dumps({"a": secret}, default=plain) == '{"a": "***"}'
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        " ".join([*"ab", secret])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)
    assert secret.reveal() == VALUE


def test_a_secret_can_be_compared_and_copied() -> None:
    secret = Secret(VALUE)
    assert secret == Secret(VALUE) != Secret("another")
    assert secret != VALUE
    assert len({secret, Secret(VALUE)}) == 1
    assert copy.deepcopy(secret) is copy.copy(secret) is secret

    @dataclass(frozen=True)
    class Holder:
        env: dict[str, Secret]

    held = Holder({"A": secret})
    assert VALUE not in repr(held) + repr(asdict(held))


def test_what_a_process_has_met_is_masked_in_any_text() -> None:
    Secret("http://me:met-in-a-url@host", "http://me:***@host")
    Secret(VALUE)
    assert mask_met(f"({VALUE}) met-in-a-url {VALUE}s") == f"(***) *** {VALUE}s"


def test_a_command_shows_references_in_place_of_secrets() -> None:
    command = Command(
        ("swift", "sft", "--hub_token", "t0p", "--seed", "1", "--swanlab_token=-t1p"),
        {"WANDB_API_KEY": "w0p", "A": "b c"},
        (),
    )
    assert command.shell_line(Environment({})) == (
        'env WANDB_API_KEY="${WANDB_API_KEY}" A=\'b c\' swift sft --hub_token "${HUB_TOKEN}" '
        '--seed 1 --swanlab_token="${SWANLAB_TOKEN}"'
    )
    masked = command.masked()
    assert masked.argv == (
        *("swift", "sft", "--hub_token", "***", "--seed", "1"),
        "--swanlab_token=***",
    )
    assert masked.env == {"WANDB_API_KEY": "***", "A": "b c"}
    assert command.argv[3] == Variable("VLFT_HUB_TOKEN", secret=Secret("t0p"))
    assert not [value for value in ("t0p", "t1p", "w0p") if value in repr(command)]


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("http://me:pass@host/a", "http://me:***@host/a"),
        ('{"a_token": "abc"}', '{"a_token": "***"}'),
        ("hf_" + "a" * 34, "***"),
    ],
)
def test_a_word_is_covered_by_its_form(word: str, shown: str) -> None:
    for argv in (("swift", "--model_kwargs", word), ("swift", f"--model_kwargs={word}")):
        command = Command(argv, {"B": word}, ())
        assert command.masked().argv[-1].removeprefix("--model_kwargs=") == shown
        assert command.masked().env == {"B": shown}
        assert {value.reveal() for value in command.secrets.values()} == {word}
        process = to_process(command)
        assert word not in " ".join(process.argv)
        assert process.env["VLFT_MODEL_KWARGS"] == process.env["B"] == word
