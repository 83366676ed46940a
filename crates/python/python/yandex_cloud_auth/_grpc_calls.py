"""The calls of `grpc.Replay`: each is made once more if the server refuses the token before the first message."""

from __future__ import annotations

import contextvars
import functools
import threading
import time
import weakref

import grpc

from ._adapter import Header
from ._credentials import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Attempt:
    """What the second call is made of, and the time that is left for it."""

    def __init__(self, credentials: Credentials, continuation: Any, details: Any, request: Any) -> None:
        self._credentials = credentials
        self._continuation = continuation
        self._details = details
        self._request = request
        timeout = getattr(details, "timeout", None)
        self._until = None if timeout is None else time.monotonic() + timeout
        # No wait: without a token at hand the channel fetches one for the call, on a thread of gRPC's.
        self._sent = self._at_hand()

    def first(self) -> Any:
        """The first call."""
        return self._continuation(self._details, self._request)

    def second(self) -> Any:
        """The call with a new token; None if there is no new token, or no time."""
        if not self._is_renewed():
            return None
        left = self.left()
        if left is None:
            return self._continuation(self._details, self._request)
        return self._continuation(_within(left, self._details), self._request) if left > 0 else None

    def left(self) -> float | None:
        """The seconds until the deadline of the call."""
        return None if self._until is None else max(self._until - time.monotonic(), 0.0)

    def _is_renewed(self) -> bool:
        sent = self._sent or self._at_hand()
        return sent is not None and sent.renewed(timeout=self.left()) is not None

    def _at_hand(self) -> Header | None:
        return Header.of(self._credentials, self._credentials._ready_header() or None)


class _Details(grpc.ClientCallDetails):  # type: ignore[misc,unused-ignore]
    """The details of another interceptor, with another timeout."""

    def __init__(self, details: Any, timeout: float) -> None:
        self._details = details
        self.timeout = timeout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._details, name)


def _within(timeout: float, details: Any) -> Any:
    replace = getattr(details, "_replace", None)
    return _Details(details, timeout) if replace is None else replace(timeout=timeout)


def is_refused(outcome: Any) -> bool:
    """Whether a call that has ended, or its error, says that the server refused the token."""
    code = getattr(outcome, "code", None)
    return code is not None and code() is grpc.StatusCode.UNAUTHENTICATED


class Stream(grpc.Call):  # type: ignore[misc,unused-ignore]
    """A stream of answers. The second call is made inside the first `next`."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._call = attempt.first()
        # Guards what is below: another thread may cancel the call, or add a callback.
        self._lock = threading.RLock()
        # There will be no other call.
        self._is_final = False
        self._deferred: list[Callable[[], None]] = []

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        if self._is_final:
            return next(self._call)
        try:
            first = next(self._call)
        except grpc.RpcError as error:
            if not is_refused(error):
                self._finish(None)
                raise
        except StopIteration:
            self._finish(None)
            raise
        else:
            self._finish(None)
            return first
        # The second call is made outside of the handler: the context of its error is not that of the first one.
        self._replace()
        return next(self._call)

    def next(self) -> Any:
        """The next answer."""
        return next(self)

    def _replace(self) -> None:
        second = None
        try:
            second = self._attempt.second()
        finally:
            self._finish(second)

    def _finish(self, second: Any) -> None:
        with self._lock:
            if second is not None:
                if self._is_final:
                    second.cancel()
                else:
                    self._call = second
            self._is_final = True
            deferred, self._deferred = self._deferred, []
        for callback in deferred:
            if second is None or not self._call.add_callback(callback):
                callback()

    def cancel(self) -> bool:
        with self._lock:
            is_cancelled: bool = self._call.cancel()
        # Outside of the lock: this may run callbacks.
        self._finish(None)
        return is_cancelled

    def add_callback(self, callback: Callable[[], None]) -> bool:
        if not self._is_final:
            # Weak: a call that the program drops ends by itself.
            callback = functools.partial(_end, weakref.ref(self), callback)
        is_added: bool = self._call.add_callback(callback)
        return is_added

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        """Calls `function(call)` at the end of the call."""
        callback = functools.partial(function, self)
        if not self.add_callback(callback):
            callback()

    def _is_deferred(self, callback: Callable[[], None]) -> bool:
        """Whether the callback waits for the second call."""
        with self._lock:
            if self._is_final or not is_refused(self._call):
                return False
            self._deferred.append(callback)
            return True

    def is_active(self) -> bool:
        active: bool = self._call.is_active()
        return active

    def time_remaining(self) -> float | None:
        return self._attempt.left()

    def initial_metadata(self) -> Any:
        return self._call.initial_metadata()

    def trailing_metadata(self) -> Any:
        return self._call.trailing_metadata()

    def code(self) -> Any:
        return self._call.code()

    def details(self) -> Any:
        return self._call.details()

    def __getattr__(self, name: str) -> Any:
        # What else the call of this version of gRPC has, such as `debug_error_string`.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._call, name)


def _end(reference: weakref.ref[Stream], callback: Callable[[], None]) -> None:
    stream = reference()
    if stream is None or not stream._is_deferred(callback):
        callback()


class Future(grpc.Call, grpc.Future):  # type: ignore[misc,unused-ignore]
    """One answer, later. After a refusal a thread fetches the new token, since that of gRPC must not wait."""

    def __init__(self, attempt: Attempt, call: Any) -> None:
        self._attempt = attempt
        self._call = call
        self._condition = threading.Condition()
        self._is_done = False
        self._is_cancelled = False
        self._callbacks: list[Callable[[], None]] = []
        # For other interceptors: the second call has the same context as the first one.
        self._context = contextvars.copy_context()
        call.add_done_callback(self._end_first)

    def _end_first(self, call: Any) -> None:
        """Called by gRPC at the end of the first call."""
        if self._is_cancelled or not is_refused(call):
            self._finish()
            return
        try:
            run = functools.partial(self._context.run, self._replace)
            threading.Thread(target=run, name="yandex-cloud-auth replay", daemon=True).start()
        except RuntimeError:
            # The interpreter ends.
            self._finish()

    def _replace(self) -> None:
        second = None
        try:
            second = self._attempt.second()
        except Exception:
            # A channel that was closed meanwhile. The refusal of the server says more.
            pass
        with self._condition:
            if second is not None and not self._is_done:
                self._call = second
        if second is None:
            self._finish()
        elif self._call is not second:
            second.cancel()
        else:
            second.add_done_callback(lambda _: self._finish())

    def _finish(self) -> None:
        with self._condition:
            self._is_done = True
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for callback in callbacks:
            try:
                callback()
            except Exception:
                import logging

                logging.getLogger("yandex_cloud_auth").exception("a callback of a call has failed")

    def _wait(self, timeout: float | None = None) -> Any:
        with self._condition:
            if not self._condition.wait_for(lambda: self._is_done, timeout):
                raise grpc.FutureTimeoutError()
            return self._call

    def _outcome(self, timeout: float | None) -> Any:
        call = self._wait(timeout)
        if self._is_cancelled:
            raise grpc.FutureCancelledError()
        return call

    def result(self, timeout: float | None = None) -> Any:
        return self._outcome(timeout).result()

    def exception(self, timeout: float | None = None) -> Any:
        return self._outcome(timeout).exception()

    def traceback(self, timeout: float | None = None) -> Any:
        return self._outcome(timeout).traceback()

    def cancel(self) -> bool:
        with self._condition:
            if self._is_done:
                return False
            self._is_cancelled = True
            call = self._call
        call.cancel()
        self._finish()
        return True

    def cancelled(self) -> bool:
        return self._is_cancelled

    def running(self) -> bool:
        return not self._is_done

    def done(self) -> bool:
        return self._is_done

    def is_active(self) -> bool:
        return not self._is_done

    def time_remaining(self) -> float | None:
        return self._attempt.left()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        with self._condition:
            if self._is_done:
                return False
            self._callbacks.append(callback)
            return True

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        callback = functools.partial(function, self)
        if not self.add_callback(callback):
            callback()

    def initial_metadata(self) -> Any:
        return self._wait().initial_metadata()

    def trailing_metadata(self) -> Any:
        return self._wait().trailing_metadata()

    def code(self) -> Any:
        call = self._wait()
        return grpc.StatusCode.CANCELLED if self._is_cancelled else call.code()

    def details(self) -> Any:
        call = self._wait()
        return "Locally cancelled by application!" if self._is_cancelled else call.details()

    def __getattr__(self, name: str) -> Any:
        # What else the call of this version of gRPC has, such as `debug_error_string`.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._wait(), name)
