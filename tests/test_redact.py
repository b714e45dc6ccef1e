"""Secrets leave no text, and ordinary text is left alone."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm.config.redact import REDACTED, Redactor

SECRET = 'pä ss+/"word\\1'

# Built from pieces, so that no scanner of repositories takes them for real keys.
SHAPED = [
    "sk-" + "proj-abc123DEF456ghi789",
    "sk-" + "ant-api03-AbC_123-xyz",
    "sk-" + "ab12****wxyz",
    "AI" + "zaSyA1234567890abcdefghijklmnopqrstu",
    "gh" + "p_0123456789abcdefghijABCDEFGHIJ012345",
    "github" + "_pat_11ABCDEFG0123456789_abcdefghijklm",
    "AK" + "IAIOSFODNN7EXAMPLE",
    "xo" + "xb-123456789012-abcdefghij",
    "hf" + "_aBcDeFgHiJkLmNoPqRsTuVwXyZ123456",
    "gsk" + "_abc123DEF456ghi789jkl",
    "as" + "-0123456789abcdefABCDEF",
    "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
]


@pytest.mark.parametrize("key", SHAPED)
def test_keys_are_known_by_their_shape(key):
    """A key that nobody told us about is recognised wherever it stands."""
    for text in (f"key {key} refused", f'{{"key": "{key}"}}', f"({key})", key):
        assert Redactor().text(text) == text.replace(key, REDACTED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc123def456", f"Authorization: Bearer {REDACTED}"),
        ("'Authorization': 'Basic dXNlcjpwYXNzMQ=='", f"'Authorization': 'Basic {REDACTED}'"),
        ("https://user:pa55word@host/x", f"https://{REDACTED}@host/x"),
        ("postgres://u:p@db:5432/x", f"postgres://{REDACTED}@db:5432/x"),
        ('api_key="abcd1234efgh"', f'api_key="{REDACTED}"'),
        ("X-Api-Key: abcd1234efgh", f"X-Api-Key: {REDACTED}"),
        ('{"api_key": "abcd1234efgh"}', f'{{"api_key": "{REDACTED}"}}'),
        ("?api-key=abcd1234efgh&x=1", f"?api-key={REDACTED}&x=1"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
            f"a\n{REDACTED}\nb",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", REDACTED),
    ],
)
def test_credentials_in_context(text, expected):
    """Headers, addresses and assignments lose the credential and keep the rest."""
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "risk-averse task-management sk-learn ask-me-anything-now",
        "a basic understanding, the bearer instrument",
        "password: str = field(default=None)",
        "api_key=settings.api_key, token=self.token",
        "https://host:8080/path@version and mailto:a@b.example",
        "def hf_model_name_or_path_default(): as-usual ak-tion",
        "commit d672fe3aa01b44f6c2e8d7aa10f4c5b6a7d8e9f0",
        "akiaiosfodnn7example",
    ],
)
def test_ordinary_text_stays(text):
    """Words, source code and addresses that hold no secret are not touched."""
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_known_values_in_every_encoding(form):
    """A known secret is taken out as it is, in JSON, in a URL and in base64."""
    assert Redactor(frozenset([SECRET])).text(f"<{form.rstrip('=')}>") == f"<{REDACTED}>"


def test_longest_first():
    """A secret that begins with another one goes as a whole."""
    assert Redactor(frozenset(["abcdefgh", "abcdefgh-rest"])).text("abcdefgh-rest") == REDACTED


def test_short_values_are_kept():
    """A value below eight characters would match ordinary words."""
    assert Redactor(frozenset(["test"])).text("a test") == "a test"


def test_variables_that_say_that_they_are_secret():
    """Values of the environment count as secret by their variables' names."""
    environ = {
        "DSPY_LLM_API_KEY": "value-one",
        "MODAL_TOKEN_ID": "value-two",
        "DB_PASSWORD": "value-three",
        "AWS_SECRET_ACCESS_KEY": "value-four",
        "KEYBOARD_LAYOUT": "value-five",
        "TOKENIZERS_PARALLELISM": "value-six",
    }
    text = Redactor.of(["value-zero"], environ).text(" ".join(["value-zero", *environ.values()]))
    assert text == " ".join([REDACTED] * 5 + ["value-five", "value-six"])


def test_data():
    """Secrets leave nested data, keys included; numbers and None stay."""
    redactor = Redactor(frozenset(["hunter22hunter22"]))
    data = {"a": ["x hunter22hunter22", 1, None, True], "hunter22hunter22": ("b", 2.5)}
    assert redactor.data(data) == {"a": [f"x {REDACTED}", 1, None, True], REDACTED: ["b", 2.5]}


@given(st.text(min_size=8), st.text(), st.text())
def test_no_secret_survives(secret, before, after):
    """Whatever surrounds it, a known secret is gone, and redacting again changes nothing."""
    redactor = Redactor(frozenset([secret]))
    text = redactor.text(before + secret + after)
    assert secret not in text or secret in REDACTED * 2
    assert Redactor(frozenset()).text(text) == text
