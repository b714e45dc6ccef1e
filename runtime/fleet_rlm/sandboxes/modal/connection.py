"""One driver in one Modal sandbox: started in the background, spoken to over its stdin and stdout."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import uuid
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.protocol import encode_frame
from fleet_rlm.sandboxes.modal.access import ask_modal
from fleet_rlm.sandboxes.modal.caller import call_apart
from fleet_rlm.sandboxes.modal.epitaph import why_ended
from fleet_rlm.sandboxes.modal.failures import as_sandbox_error, is_known
from fleet_rlm.sandboxes.modal.inbox import Inbox
from fleet_rlm.sandboxes.modal.launch import Driver, Launch, forget_found
from fleet_rlm.sandboxes.modal.stdin import DriverInput
from fleet_rlm.sandboxes.modal.upload import packed
from fleet_rlm.sandboxes.modal.volumes import upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from fleet_rlm.sandboxes.base import Content
    from fleet_rlm.sandboxes.modal.settings import ModalSettings

__all__ = ["ModalConnection"]

_CLOSE_SECONDS = 1.5  # Ctrl-C must end within two; what is not ended by then ends by its heartbeat
_HANG_UP_SECONDS = 1.0
_VERDICT_SECONDS = 1.0
_FULL_PAUSE = 0.05
_COPIES = 2  # a value stands in the sandbox as bytes and as what they are decoded to
_BEATS = 4  # heartbeats in the time after which the driver gives up
_HEARTBEAT = encode_frame({"type": "heartbeat"})


class ModalConnection:
    """A `Connection` whose sandbox is being created from the moment it is made.

    It lives on an event loop and a thread of its own, where all its calls of the SDK are made.
    Not a pool and not a session: it cannot be re-attached, and when it is broken it stays broken.
    """

    def __init__(self, settings: ModalSettings) -> None:
        self._settings = settings
        self._launch = Launch(settings)
        self._inbox = Inbox()
        self._input = DriverInput()
        self._checked: Future[None] = Future()
        self._started: Future[tuple[Driver, asyncio.AbstractEventLoop]] = Future()
        self._closed = threading.Event()
        self._life = call_apart(self._live())

    # What the interpreter uses

    def wait_checked(self) -> None:
        """Wait until the SDK and its credentials have been looked for.

        Raises:
            ConfigurationError: one of them is not there.
        """
        self._checked.result()

    def stream(self) -> None:
        """Nothing: what comes does so on the loop."""

    def send(self, data: bytes, before_waiting: Callable[[], None] | None = None) -> None:
        """Send whole frames in one round trip (one for each 8 MiB), once the driver is up."""
        if before_waiting is not None:
            before_waiting()
        driver, loop = self._up()
        try:
            asyncio.run_coroutine_threadsafe(self._input.write(driver.process.stdin, data), loop).result()
        except Exception as error:
            raise self._verdict(error) from error

    def send_value(self, header: dict[str, Any], content: Content) -> None:
        """Send a value: with the next frame if it is small, by a file in the sandbox if it is large."""
        self._refuse_oversize(content)
        value = packed(content)
        try:
            header = {**header, "codec": value.codec}
            if value.file is None:
                frame = encode_frame({**header, "via": "inline"}, value.data)
            else:
                frame = encode_frame({**header, "via": "file", "path": self._sent_file(value.path)})
        finally:
            value.close()
        if self._input.hold(frame):
            self.send(b"")

    def wait(self, timeout: float | None) -> bool:
        """Wait until something has come."""
        return self._inbox.wait(timeout)

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
        driver, _ = self._up()
        ask_modal(driver.sandbox.reload_volumes.aio, "reloading the volume in the sandbox")

    def close(self) -> None:
        """End the driver and its sandbox, within about a second; never raises.

        What cannot be ended in that time (no network) ends by itself when no heartbeat reaches it.
        """
        if self._closed.is_set():
            return
        self._closed.set()
        self._inbox.end()
        if self._launch.sandbox is not None:  # else it is being created, and ended as soon as it is there
            concurrent.futures.wait([call_apart(self._end())], timeout=_CLOSE_SECONDS)

    # Its life, on a thread and a loop of its own

    async def _live(self) -> None:
        try:
            self._launch.check()
        except BaseException as error:  # noqa: BLE001 - raised again by wait_checked
            self._fail(error)
            self._checked.set_exception(error)
        else:
            self._checked.set_result(None)
            await self._run()

    async def _run(self) -> None:
        try:
            driver = await self._start()
        except BaseException as error:  # noqa: BLE001 - raised again by receive and send
            forget_found()
            self._fail(error)
            return
        self._started.set_result((driver, asyncio.get_running_loop()))
        beating = asyncio.ensure_future(self._beat(driver))
        await self._read(driver)
        beating.cancel()

    async def _start(self) -> Driver:
        sandbox = await self._launch.create()
        if self._closed.is_set():
            await sandbox.terminate.aio()
            raise SandboxError("the session was closed before its sandbox was up.")
        return await self._launch.start()

    async def _read(self, driver: Driver) -> None:
        """Pass on what the driver writes until it ends, then say why it did."""
        try:
            async for piece in driver.process.stdout:
                self._inbox.put(piece)
                while self._inbox.full:  # noqa: ASYNC110 - it is emptied by a thread, and only a flood fills it
                    await asyncio.sleep(_FULL_PAUSE)
        except BaseException as error:  # noqa: BLE001 - raised again by receive
            self._inbox.end(_explained(error, "reading from the driver"))
            return
        self._inbox.end(None if self._closed.is_set() else await why_ended(driver, self._settings.timeout))

    async def _beat(self, driver: Driver) -> None:
        """Tell the driver regularly that its host is there."""
        with contextlib.suppress(Exception):  # the reader notices as well, and says why
            while True:
                await asyncio.sleep(self._settings.heartbeat / _BEATS)
                await self._input.write(driver.process.stdin, _HEARTBEAT)

    async def _end(self) -> None:
        """Let the driver end and a volume be written, then terminate the sandbox."""
        if self._settings.volume_name and self._started.done() and not self._life.done():
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._hang_up(*self._started.result()), _HANG_UP_SECONDS)
        with contextlib.suppress(Exception):  # nobody is left to tell; the heartbeat's end does the rest
            await self._launch.sandbox.terminate.aio()

    async def _hang_up(self, driver: Driver, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the driver to end; it does when its input ends."""
        asyncio.run_coroutine_threadsafe(self._input.hang_up(driver.process.stdin), loop)
        await asyncio.shield(asyncio.wrap_future(self._life))

    # Sending

    def _up(self) -> tuple[Driver, asyncio.AbstractEventLoop]:
        """Wait for the driver to be up; return it and the loop on which it is spoken to.

        Raises:
            SandboxError: it did not come up, or the session has ended.
        """
        if self._inbox.failure is not None:
            raise self._inbox.failure
        if self._closed.is_set() or self._life.done():
            raise SandboxError("the session has ended.")
        return self._started.result()

    def _sent_file(self, path: Any) -> str:
        """Copy a file into the sandbox and return its path there. Heartbeats go on meanwhile."""
        remote = f"/tmp/fleet-rlm-values/{uuid.uuid4().hex}"  # noqa: S108 - in the sandbox
        driver, _ = self._up()
        files = driver.sandbox.filesystem
        try:
            call_apart(files.copy_from_local.aio(path, remote)).result()
        except Exception as error:
            raise self._verdict(error) from error
        return remote

    def _refuse_oversize(self, content: Content) -> None:
        limit = self._settings.memory[1] << 20
        if content.size * _COPIES > limit:
            raise UsageError(
                f"a value of {content.size:,} bytes does not fit a sandbox with {limit:,} bytes of memory.",
                remedy="Raise the sandbox's memory limit, or put the document on a volume.",
            )

    # Explaining

    def _fail(self, error: BaseException) -> None:
        failure = _explained(error, self._launch.step)
        self._started.set_exception(failure)
        self._inbox.end(failure)

    def _verdict(self, error: BaseException) -> BaseException:
        """Return the reason why sending failed, which from now on is the session's.

        The driver's end, if it has ended, tells more than ``error``.
        """
        concurrent.futures.wait([self._life], timeout=_VERDICT_SECONDS)
        self._inbox.end(_explained(error, "sending to the driver"))
        return self._inbox.failure or SandboxError("the session has ended.")


def _explained(error: BaseException, doing: str) -> BaseException:
    """Return a failure of the way there as one of ours, anything else (ours, or a bug) as it is."""
    return as_sandbox_error(error, doing) if is_known(error) else error
