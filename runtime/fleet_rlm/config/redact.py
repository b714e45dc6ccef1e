"""Taking secrets out of text before anyone reads it: errors, logs, run files.

Two nets: the values known to be secret, in whatever common encoding they appear, and the shapes that keys
usually have. The second is for keys nobody told us about, such as one that a provider repeats in a refusal.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["REDACTED", "Redactor"]

REDACTED = "[redacted]"

SHORTEST = 8
"""Values below this many characters are not taken out: they would match ordinary words."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|TOKEN_ID|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)(?:$|_)",
    re.IGNORECASE,
)

# The whole match is replaced, except for the label that a group `keep_…` holds. The shapes are those that
# vendors publish; most must hold a digit, so that hyphenated words and identifiers in source code stay.
_SHAPES = re.compile(
    r"""
    -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
  | (?P<keep_url>\b[a-z][a-z0-9+.-]*://)[^\s/@:'"]*:[^\s/@'"]+(?=@)                     # user:password@host
  | (?P<keep_auth>\bbearer\s+|\bauthorization\b["']?\s*[:=]\s*["']?basic\s+)
      (?=[^\s'"]*[0-9=])[A-Za-z0-9+/=_.~-]{8,}                  # HTTP credentials
  | (?P<keep_field>["']?\b(?:x-)?(?:api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|password)
      ["']?\s*[:=]\s*["']?)(?!\[redacted\])(?=[^\s"',;&}\]]*\d)[^\s"',;&}\]]{8,}
  | \bsk-(?=[A-Za-z0-9_-]*[0-9*])[A-Za-z0-9_*-]{8,}             # OpenAI, Anthropic, OpenRouter, ...
  | \b(?:gsk|hf|xai|pplx|r8|nvapi|fw|csk|glpat|tvly)[-_](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}
  | \bAIza[A-Za-z0-9_-]{20,}                                    # Google
  | \b(?-i:AKIA|ASIA)(?-i:[A-Z0-9]{16})\b                       # AWS access key ids
  | \b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,}
  | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                            # Slack
  | \b(?:ak|as)-(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}                 # Modal token id and secret
  | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*   # JSON web tokens
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Redactor:
    """Replaces secrets by ``[redacted]``. Pure and idempotent; safe to share between threads.

    Attributes:
        secrets: values to take out wherever they occur, also as JSON, in a URL or in base64.
    """

    secrets: frozenset[str] = frozenset()
    _known: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the known values, the longest first, so that none hides in another."""
        forms = {form for secret in self.secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        object.__setattr__(self, "_known", pattern)

    @classmethod
    def of(cls, secrets: Iterable[str], environ: Mapping[str, str]) -> Redactor:
        """Return a redactor for ``secrets`` and for every variable whose name says that it holds one."""
        named = (value for name, value in environ.items() if _SECRET_NAME.search(name))
        return cls(frozenset((*secrets, *named)))

    def text(self, text: str) -> str:
        """Return ``text`` without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _SHAPES.sub(_keep_label, text)

    def data(self, value: Any) -> Any:
        """Return JSON-like data with secrets taken out of every string, mapping keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.data(key): self.data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        return value


def _keep_label(found: re.Match[str]) -> str:
    label = found["keep_url"] or found["keep_auth"] or found["keep_field"] or ""
    return label + REDACTED


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(raw).decode().rstrip("=")
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(raw, safe=""),
        quote_plus(raw),
        encoded,
        encoded.translate(str.maketrans("+/", "-_")),
    }
