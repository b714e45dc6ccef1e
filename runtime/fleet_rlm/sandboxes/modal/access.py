"""The way to the SDK: import it, be sure that it is Modal's own, and that it has credentials and a server."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import socket
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fleet_rlm.errors import ConfigurationError, SandboxError
from fleet_rlm.sandboxes.modal.caller import call_apart, call_off_first
from fleet_rlm.sandboxes.modal.failures import as_sandbox_error, is_known, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import ModuleType

__all__ = ["ask_modal", "load_sdk", "require_credentials", "require_server"]

Result = TypeVar("Result")

_TOKEN_REMEDY = "Run `modal token new`, or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET."  # noqa: S105 - names, no secret
_CONNECT_SECONDS = 5.0
_trusted: list[ModuleType] = []  # the SDK, once it has been found to be Modal's own


def load_sdk() -> ModuleType:
    """Import and return the real ``modal`` package (about half a second the first time).

    Raises:
        ConfigurationError: another file hides it, it is not installed, or its settings cannot be read.
    """
    if (loaded := sys.modules.get("modal")) is not None and loaded in _trusted:
        return loaded
    _refuse_shadow()
    _refuse_unreadable_settings()
    modal = importlib.import_module("modal")
    _trusted.append(modal)
    call_off_first()
    return modal


def _refuse_unreadable_settings() -> None:
    """Read the SDK's settings file as it will: it prints a banner on stdout when it cannot."""
    path = Path(os.environ.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml")
    if not path.exists():
        return
    toml: Any = importlib.import_module("toml")  # the parser the SDK uses
    try:
        sections = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, IndexError) as error:
        reason = redacted(str(error)).partition("\n")[0]
        raise ConfigurationError(
            f"Modal's settings in {path} cannot be read: {reason}", remedy=_TOKEN_REMEDY
        ) from error
    if not all(isinstance(section, dict) for section in sections.values()):
        raise ConfigurationError(
            f"Modal's settings in {path} have values outside a section.", remedy=_TOKEN_REMEDY
        )


def _refuse_shadow() -> None:
    """Refuse a local file or folder called ``modal`` that Python would import instead of the package."""
    loaded = sys.modules.get("modal")
    spec = importlib.util.find_spec("modal") if loaded is None else loaded.__spec__
    try:
        genuine = Path(str(importlib.metadata.distribution("modal").locate_file("modal"))).resolve()
    except importlib.metadata.PackageNotFoundError:
        genuine = None
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    if origin is not None and (genuine is None or origin.parent != genuine):
        raise ConfigurationError(
            f"{origin} hides the Modal package.",
            remedy="Rename or delete it, and any modal.pyc or __pycache__/modal.*.pyc beside it.",
        )
    if genuine is None or origin is None:
        raise ConfigurationError("the Modal package is not installed.", remedy="pip install 'modal>=1.6,<2'")


def require_credentials() -> None:
    """Check that the SDK will find credentials; asks no server.

    Raises:
        ConfigurationError: there are none, only half of them, or the profile does not exist.
    """
    settings: Any = importlib.import_module("modal.config")
    if os.environ.get("MODAL_IS_REMOTE") == "1":
        return  # inside a Modal container, which has an identity of its own
    profile = os.environ.get("MODAL_PROFILE")
    if profile and profile not in settings.config_profiles():
        raise ConfigurationError(f"Modal has no profile {profile!r}.", remedy="Run `modal profile list`.")
    held = {
        name: bool(settings.config.get(name)) for name in ("token_id", "token_secret", "oauth_refresh_token")
    }
    if held["oauth_refresh_token"] or (held["token_id"] and held["token_secret"]):
        return
    missing = [name for name in ("token_id", "token_secret") if not held[name]]
    what = "there are no Modal credentials" if len(missing) > 1 else f"the Modal {missing[0]} is missing"
    raise ConfigurationError(f"{what}; nothing was sent.", remedy=_TOKEN_REMEDY)


def require_server() -> None:
    """Check that some server of Modal's takes a connection.

    The SDK tries for about a minute before it says anything, so this is asked when it has been silent.
    Behind a proxy nothing can be said and nothing is.

    Raises:
        SandboxError: none does.
    """
    settings: Any = importlib.import_module("modal.config")
    if urllib.request.getproxies():
        return
    said = []
    for url in str(settings.config.get("server_url")).split(","):
        parts = urllib.parse.urlsplit(url.strip())
        where = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        try:
            socket.create_connection(where, timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            said.append(f"{where[0]}:{where[1]}: {error.strerror or error}")
        else:
            return
    raise SandboxError(
        f"Modal cannot be reached ({'; '.join(said)}).",
        remedy="Check the network and MODAL_SERVER_URL; --sandbox local needs neither.",
    )


def ask_modal(work: Callable[[], Coroutine[Any, Any, Result]], doing: str) -> Result:
    """Have something done with the SDK on a thread of its own, and explain its failure.

    Args:
        work: what to do; the SDK has been imported and has credentials when it runs.
        doing: the step, as in "while listing sandboxes".

    Raises:
        ConfigurationError: the SDK is hidden or missing, or there are no credentials.
        SandboxError: Modal failed.
    """
    load_sdk()
    require_credentials()
    try:
        return call_apart(work()).result()
    except Exception as error:
        if not is_known(error):
            raise
        raise as_sandbox_error(error, doing) from error
