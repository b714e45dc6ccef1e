"""One driver in one Modal sandbox: started in the background, spoken to over its stdin and stdout."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import uuid
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import FleetError, SandboxError, UsageError
from fleet_rlm.protocol import encode_frame
from fleet_rlm.sandboxes.modal.caller import Caller, call_apart
from fleet_rlm.sandboxes.modal.failures import as_sandbox_error, is_known, redacted
from fleet_rlm.sandboxes.modal.inbox import Inbox
from fleet_rlm.sandboxes.modal.launch import Driver, Launch, forget_found
from fleet_rlm.sandboxes.modal.upload import packed
from fleet_rlm.sandboxes.modal.volumes import upload

if TYPE_CHECKING:
    from os import PathLike

    from fleet_rlm.sandboxes.base import Content
    from fleet_rlm.sandboxes.modal.settings import ModalSettings

__all__ = ["ModalConnection"]

_WRITE_MOST = 8 << 20  # the SDK refuses 16 MiB in one write; 8 MiB was the fastest (modal.md)
_HELD_MOST = 4 << 20  # small values wait for the frame that needs them, and share its round trip
_CLOSE_SECONDS = 1.5  # Ctrl-C must end within two; what is not ended by then ends by its heartbeat
_ASK_SECONDS = 5.0
_BEATS = 4  # heartbeats in the time after which the driver gives up
_HEARTBEAT = encode_frame({"type": "heartbeat"})


class ModalConnection:
    """A `Connection` whose sandbox is being created from the moment it is made.

    Not a pool and not a session: it cannot be re-attached, and when it is broken it stays broken.
    """

    def __init__(self, settings: ModalSettings) -> None:
        self._settings = settings
        self._launch = Launch(settings)
        self._inbox = Inbox()
        self._checked: Future[None] = Future()
        self._started: Future[Driver] = Future()
        self._writer = Caller("fleet-rlm-modal-writer")
        self._held: list[bytes] = []
        self._holding = threading.Lock()
        self._closed = threading.Event()
        self._finished = threading.Event()
        threading.Thread(target=self._live, name="fleet-rlm-modal-reader", daemon=True).start()

    # What the interpreter uses

    def wait_checked(self) -> None:
        """Wait until the SDK and its credentials have been looked for.

        Raises:
            ConfigurationError: one of them is not there.
        """
        self._checked.result()

    def send(self, data: bytes) -> None:
        """Send whole frames in one round trip (one for each 8 MiB), waiting for a driver that is not up yet."""
        self._driver()
        self._do(lambda: self._write(data), "sending to the driver")

    def send_value(self, header: dict[str, Any], content: Content) -> None:
        """Send a value: with the next frame if it is small, by a file in the sandbox if it is large."""
        self._refuse_oversize(content)
        value = packed(content)
        try:
            header = {**header, "codec": value.codec}
            if value.file is None:
                self._hold(encode_frame({**header, "via": "inline"}, value.data))
            else:
                self._send_file(header, value.path)
        finally:
            value.close()

    def receive(self, timeout: float | None) -> bytes:
        """Return the next bytes from the driver; the first ones come when the sandbox is up."""
        return self._inbox.take(timeout)

    def upload_to_volume(self, local: str | PathLike[str], remote: str) -> None:
        """Put a file or a folder into the mounted volume and let the running sandbox see it.

        Raises:
            UsageError: there is no volume, or nothing at ``local``.
            SandboxError: Modal failed.
        """
        upload(self._settings.volume_name, local, remote)
        driver = self._driver()
        self._apart(driver.sandbox.reload_volumes, "reloading the volume")

    def close(self) -> None:
        """End the driver and its sandbox, within about a second; never raises.

        What cannot be ended in that time (no network) ends by itself when no heartbeat reaches it.
        """
        if self._closed.is_set():
            return
        self._closed.set()
        self._inbox.end()
        concurrent.futures.wait([call_apart(self._end)], timeout=_CLOSE_SECONDS)
        self._writer.stop()

    # Its life, on a thread of its own

    def _live(self) -> None:
        try:
            self._launch.check()
        except BaseException as error:  # noqa: BLE001 - raised again by wait_checked
            self._fail(error)
            self._checked.set_exception(error)
            return
        self._checked.set_result(None)
        try:
            driver = self._start()
        except BaseException as error:  # noqa: BLE001 - raised again by receive and send
            forget_found()
            self._fail(error)
        else:
            self._read(driver)
        finally:
            self._finished.set()

    def _start(self) -> Driver:
        self._launch.create()
        if self._closed.is_set():
            raise SandboxError("the session was closed before its sandbox was up.")
        driver = self._launch.start()
        self._started.set_result(driver)
        threading.Thread(target=self._beat, name="fleet-rlm-modal-heartbeat", daemon=True).start()
        return driver

    def _read(self, driver: Driver) -> None:
        """Pass on what the driver writes until it ends, then say why it did."""
        try:
            with contextlib.closing(iter(driver.process.stdout)) as pieces:  # an abandoned iterator stalls the SDK
                for piece in pieces:
                    if not self._inbox.put(piece):
                        return
        except BaseException as error:  # noqa: BLE001 - raised again by receive
            self._inbox.end(self._explained(error, "reading from the driver"))
        else:
            self._inbox.end(None if self._closed.is_set() else self._epitaph(driver))

    def _beat(self) -> None:
        """Tell the driver regularly that its host is there."""
        while not self._finished.wait(self._settings.heartbeat / _BEATS) and not self._closed.is_set():
            future = self._writer.submit(lambda: self._write(_HEARTBEAT))
            concurrent.futures.wait([future])
            if future.exception() is not None:
                return  # the reader notices as well, and says why

    def _end(self) -> None:
        """Let the driver end and a volume be written, then terminate the sandbox."""
        sandbox = self._launch.sandbox
        if sandbox is None:
            self._finished.wait()  # being created: ended as soon as it is there
            sandbox = self._launch.sandbox
        if sandbox is None:
            return
        if self._settings.volume_name and self._started.done() and not self._finished.is_set():
            self._hang_up(self._started.result().process)
        with contextlib.suppress(BaseException):  # nobody is left to tell; the heartbeat's end does the rest
            sandbox.terminate()

    def _hang_up(self, process: Any) -> None:
        """End the driver's input; it then ends, and what it wrote to the volume is committed."""
        with contextlib.suppress(BaseException):
            process.stdin.write_eof()
            process.stdin.drain()
            self._finished.wait(_CLOSE_SECONDS)

    # Sending

    def _driver(self) -> Driver:
        """Wait for the driver; the failure of its start is what ended the inbox."""
        while not self._started.done():
            if self._finished.is_set() or self._closed.is_set() or not self._alive():
                break
            concurrent.futures.wait([self._started], timeout=0.5)
        if self._closed.is_set():
            raise SandboxError("the session has ended.")
        return self._started.result(timeout=0)

    def _alive(self) -> bool:
        return not self._started.cancelled()

    def _do(self, call: Any, doing: str) -> None:
        """Make a call on the writer's thread and wait for it."""
        try:
            self._writer.submit(call).result()
        except Exception as error:
            raise self._explained(error, doing) from error

    @staticmethod
    def _apart(call: Any, doing: str) -> None:
        """Make a long call on a thread of its own, so that heartbeats go on."""
        try:
            call_apart(call).result()
        except Exception as error:
            if not is_known(error):
                raise
            raise as_sandbox_error(error, doing) from error

    def _write(self, data: bytes) -> None:
        """Write what is held back and ``data``. Only on the writer's thread."""
        stdin = self._started.result(timeout=0).process.stdin
        with self._holding:
            whole = b"".join([*self._held, data])
            self._held.clear()
        for start in range(0, len(whole), _WRITE_MOST):
            stdin.write(whole[start : start + _WRITE_MOST])
            stdin.drain()

    def _hold(self, frame: bytes) -> None:
        with self._holding:
            self._held.append(frame)
            full = sum(map(len, self._held)) > _HELD_MOST
        if full:
            self.send(b"")

    def _send_file(self, header: dict[str, Any], path: Any) -> None:
        remote = f"/tmp/fleet-rlm-values/{uuid.uuid4().hex}"  # noqa: S108 - in the sandbox
        files = self._driver().sandbox.filesystem
        self._apart(lambda: files.copy_from_local(path, remote), "sending a large value")
        self._hold(encode_frame({**header, "via": "file", "path": remote}))

    def _refuse_oversize(self, content: Content) -> None:
        limit = self._settings.memory[1] << 20
        if content.size > limit:
            raise UsageError(
                f"a value of {content.size:,} bytes does not fit a sandbox with {limit:,} bytes of memory.",
                remedy="Raise the sandbox's memory limit, or put the document on a volume.",
            )

    # Explaining

    def _fail(self, error: BaseException) -> None:
        failure = self._explained(error, self._launch.step)
        self._started.set_exception(failure)
        self._inbox.end(failure)

    def _explained(self, error: BaseException, doing: str) -> BaseException:
        """A failure of the way there as one of ours; a bug as itself."""
        if isinstance(error, FleetError) or not is_known(error):
            return error
        return as_sandbox_error(error, doing)

    def _epitaph(self, driver: Driver) -> SandboxError | None:
        """Say why the driver ended; None if it did so as it should."""
        code = _asked(driver.sandbox.poll)
        if code == 124:
            return SandboxError(
                f"the Modal sandbox reached its time limit of {self._settings.timeout} s.",
                remedy="Raise --timeout (seconds, at most 86400).",
            )
        if code == 137:
            return SandboxError("the Modal sandbox was terminated from outside.", remedy="Run again.")
        exited = _asked(driver.process.wait)
        if not exited:
            return None
        said = _asked(driver.process.stderr.read) or b""
        last = redacted(said.decode("utf-8", "replace").strip().rpartition("\n")[2])[:300]
        return SandboxError(
            f"the driver in the Modal sandbox ended with exit code {exited}{': ' + last if last else ''}.",
            remedy="Memory may have run out: raise the sandbox's memory. An own image needs python3 3.9 or newer."
            if exited in {126, 127, 137}
            else "Run again.",
        )


def _asked(call: Any) -> Any:
    """Ask Modal something that is only for an explanation: no answer in time is None."""
    future = call_apart(call)
    concurrent.futures.wait([future], timeout=_ASK_SECONDS)
    return future.result() if future.done() and future.exception() is None else None
