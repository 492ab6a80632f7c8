"""Names are judged by their words, values by their form."""

from __future__ import annotations

import pytest

from vlft.rules.env import READ
from vlft.security.secrets import Secret, cover, is_secret_name, mask, mask_value
from vlft.swift.probe import read_shipped

SECRET = [
    "HF_TOKEN", "HF_TOKENS", "HF_TOKEN_2", "HF_TOKEN_READ", "HFTOKEN", "hfToken", "token",
    "hub_token", "hub-token", "INPUT_TOKEN", "push_to_hub_token", "use_auth_token",
    "MODELSCOPE_API_TOKEN", "WANDB_API_KEY", "OPENAI_KEY", "AZURE_OPENAI_KEY",
    "OPENAI_API_KEY_BACKUP", "KEY_1", "API_KEY", "apiKey", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_CONNECTION_STRING", "secret",
    "swanlab_secret", "MY_SECRETS", "password", "SWIFT_PASSWORD", "SWIFT_PASSWD",
    "HF_HUB_PASSWD", "PGPASSWORD", "MYSQL_PWD", "DB_PASS", "SSH_PASSPHRASE", "GITHUB_PAT",
    "MODELSCOPE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "NPM_AUTH", "BASIC_AUTH",
    "HTTP_AUTHORIZATION", "SESSION_COOKIE", "SENTRY_DSN", "swanlab_webhook_url",
    "swanlab_lark_webhook_url",
]  # fmt: skip
PLAIN = [
    "MAX_TOKEN_NUM", "IMAGE_MAX_TOKEN_NUM", "VIDEO_MAX_TOKEN_NUM", "max_new_tokens", "tokens",
    "pad_token", "image_token", "new_special_tokens", "include_num_input_tokens_seen",
    "include_tokens_per_second", "tokenizer", "tiktoken", "TOKENIZERS_PARALLELISM",
    "lazy_tokenize", "token_mask", "token_truncate", "sequence_token", "use_mask_token",
    "moe_token_dispatcher_type", "HF_TOKEN_PATH", "key", "keye_vl", "seed_key",
    "num_key_value_heads", "reft_layer_key", "teacher_tag_key", "vera_projection_prng_key",
    "PUBLIC_KEY", "KEYBOARD", "MONKEY", "vllm_server_pass_dataset", "passive", "model_author",
    "SSH_AUTH_SOCK", "XAUTHORITY", "PWD", "OLDPWD", "PATH", "PYTHONPATH", "lora_rank",
    "secrets", "image_pull_secrets",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_a_name_of_a_secret(name: str) -> None:
    assert is_secret_name(name)
    assert mask_value(name, "abc") == "***"
    assert mask_value(name, "") == ""


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_only_looks_like_it(name: str) -> None:
    assert not is_secret_name(name)


def test_arguments_of_ms_swift() -> None:
    """All arguments of the release that is described here; a new one has to be looked at."""
    described = read_shipped("4.6.0")
    assert described is not None
    names = {name for arguments in described.arguments.values() for name in arguments}
    assert len(names) > 300
    assert {name for name in names if is_secret_name(name)} == {
        "hub_token",
        "swanlab_secret",
        "swanlab_token",
        "swanlab_webhook_url",
    }


def test_variables_of_ms_swift() -> None:
    assert {name for name in READ if is_secret_name(name)} == {"MODELSCOPE_API_TOKEN"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://me:secret@host/x", "http://me:***@host/x"),
        ("see http://me:p@ss@host:1/x.", "see http://me:***@host:1/x."),
        ("https://t0ken@host/x", "https://***@host/x"),
        ("postgres://me:secret@db", "postgres://me:***@db"),
        ("https://h/x?a=1&access_token=abc#b", "https://h/x?a=1&access_token=***#b"),
        ("https://h/x?se=1&sig=abc%3D", "https://h/x?se=1&sig=***"),
        ("https://h/x?X-Amz-Signature=abc&b=c", "https://h/x?X-Amz-Signature=***&b=c"),
        ("hf_" + "a" * 34, "***"),
        ("use ghp_" + "A1" * 18 + " there", "use *** there"),
        ("sk-" + "ant-A1" * 8, "***"),
        ("AKIA" + "A1" * 8, "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "***"),
        ('{"hub_token": "a\\"b", "n": 1}', '{"hub_token": "***", "n": 1}'),
        ("{'api_key': 'abc'}", "{'api_key': '***'}"),
    ],
)
def test_a_value_that_gives_itself_away(value: str, shown: str) -> None:
    assert mask(value) == shown
    assert isinstance(cover("HF_ENDPOINT", value), Secret)
    assert mask(shown) == shown


@pytest.mark.parametrize(
    "value",
    [
        "http://host/x@y",
        "ssh://git@github.com/x",
        "git+ssh://git@github.com/x",
        "https://h/x?max_token_num=5",
        "me@host",
        "hf_transfer",
        "sk-learn-with-a-long-name-and-more",
        '{"max_pixels": 5, "hub_token": null}',
        '{"key": "value"}',
    ],
)
def test_a_value_that_is_no_secret(value: str) -> None:
    assert mask(value) == value
    assert cover("A", value) == value
