"""Turns what the Modal SDK raises into one sentence and one remedy."""

from __future__ import annotations

import os
from typing import NamedTuple

from fleet_rlm.config.redact import Redactor
from fleet_rlm.errors import SandboxError

__all__ = ["as_sandbox_error", "is_known", "redacted"]


class _Reading(NamedTuple):
    what: str
    remedy: str


_AGAIN = "Try again; --sandbox local needs no network."
_UNREACHABLE = _Reading("Modal cannot be reached", f"Check the network and MODAL_SERVER_URL. {_AGAIN}")
_TROUBLE = _Reading("Modal's servers failed", f"See https://status.modal.com. {_AGAIN}")
_REFUSED = _Reading(
    "Modal refused the request", "Check the app, image, volume and limits that were asked for."
)
_ENDED = _Reading(
    "the Modal sandbox has ended", "Run again; raise --timeout if it lived as long as it was given."
)

_READINGS = {
    "modal.exception.AuthError": _Reading(
        "Modal refused the credentials",
        "Run `modal token new`, or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET.",
    ),
    "modal.exception.PermissionDeniedError": _Reading(
        "Modal does not allow this account to do that",
        "Ask the workspace's owner, or use another environment.",
    ),
    "modal.exception.NotFoundError": _Reading(
        "Modal does not know what was asked for, or it has ended",
        "Check the names of the secret, the volume and the app (`modal secret list`, `modal volume list`).",
    ),
    "modal.exception.ImageBuildError": _Reading(
        "the Modal image could not be built", "Check image_pip_packages and image_python_version."
    ),
    "modal.exception.ResourceExhaustedError": _Reading(
        "Modal's limits for this account are used up", "Wait, or end sandboxes: `fleet-rlm doctor --modal`."
    ),
    "modal.exception.RequestSizeError": _Reading(
        "a message is larger than Modal takes", "Send less at once: cut what tools return."
    ),
    "modal.exception.SandboxTimeoutError": _Reading(
        "the Modal sandbox reached its time limit", "Raise --timeout (seconds, at most 86400)."
    ),
    "modal.exception.SandboxTerminatedError": _Reading("the Modal sandbox was terminated", "Run again."),
    "modal.exception.SandboxFilesystemError": _Reading(
        "a file could not be written in the Modal sandbox",
        "Check free memory and disk of the sandbox; run again.",
    ),
    "modal.exception.VolumeUploadTimeoutError": _Reading(
        "the upload to the Modal volume was too slow", _AGAIN
    ),
    "modal.exception.VersionError": _Reading(
        "Modal no longer takes this version of its SDK", "Upgrade it: pip install --upgrade 'modal<2'."
    ),
    "modal.exception.TimeoutError": _Reading("Modal did not answer in time", _AGAIN),
    "modal.exception.ConnectionError": _UNREACHABLE,
    "modal.exception.ServiceError": _TROUBLE,
    "modal.exception.InternalError": _TROUBLE,
    "modal.exception.ConflictError": _ENDED,
    "modal.exception.ClientClosed": _Reading("the connection to Modal was closed", "Run again."),
    "modal.exception.InvalidError": _REFUSED,
    "modal.exception.Error": _TROUBLE,
    "grpclib.exceptions.GRPCError": _TROUBLE,
    "grpclib.exceptions.StreamTerminatedError": _UNREACHABLE,
    "h2.exceptions.ProtocolError": _UNREACHABLE,
    "asyncio.exceptions.TimeoutError": _Reading("Modal did not answer in time", _AGAIN),
    "builtins.TimeoutError": _Reading("Modal did not answer in time", _AGAIN),
    "builtins.FileNotFoundError": _Reading("a file to upload was not found", "Check the path."),
    "builtins.FileExistsError": _Reading("the file is already there", "Choose another remote path."),
    "builtins.ConnectionError": _UNREACHABLE,
    "builtins.OSError": _UNREACHABLE,
    "builtins.BufferError": _REFUSED,
    "builtins.ValueError": _REFUSED,
    "builtins.RuntimeError": _REFUSED,
    "aiohttp.client_exceptions.ClientError": _UNREACHABLE,
}
"""By qualified name, so that nothing of Modal is imported to have the table; the nearest base counts."""

_LONGEST_DETAIL = 300


def _reading(error: BaseException) -> _Reading | None:
    names = (f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__)
    return next((_READINGS[name] for name in names if name in _READINGS), None)


def is_known(error: BaseException) -> bool:
    """Whether ``error`` is a failure of the way there, not a bug of ours."""
    return _reading(error) is not None


def redacted(text: str) -> str:
    """Return ``text`` without credentials."""
    return Redactor.of((), os.environ).text(text)


def as_sandbox_error(error: BaseException, doing: str) -> SandboxError:
    """Say in one line what went wrong while ``doing`` something, and what to do about it.

    Args:
        error: what the SDK raised.
        doing: the step, as in "while creating the sandbox".
    """
    reading = _reading(error) or _TROUBLE
    kind = type(error).__name__
    first = next(iter(str(error).strip().splitlines()), "")
    detail = redacted(f"{kind}: {first}" if first else kind)[:_LONGEST_DETAIL]
    return SandboxError(f"{reading.what}, while {doing} ({detail}).", remedy=reading.remedy)
