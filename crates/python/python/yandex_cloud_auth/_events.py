"""What the library tells by itself: its log, and new tokens. A thread of Python's own passes them on.

The library's thread puts records into a queue and never calls Python. The thread here is started only where the program
uses `logging`, or asks for `on_change`.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock, get_ident

from . import _native
from ._hub import Hub

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._credentials import Credentials

#: `inspect.CO_COROUTINE`.
COROUTINE = 0x80

#: How long a fork waits for the log record that is being passed on, in seconds.
FORK_WAIT = 1.0

#: The hub of this process's thread.
_hub: Hub | None = None
#: The hub that is told of log records: `logging` may be imported after the thread was started.
_logging_hub: Hub | None = None
#: The subscriptions by the number of their operation: a weak reference to the credentials, and the callback.
_subscriptions: dict[int, tuple[Any, Any]] = {}
_registered = False
#: Guards what is above: one thread is started, and no change is told before its subscription is in the table. A signal
#: handler may come in between, so its thread may take the lock again.
_lock = RLock()
#: Held around each call of `logging`. A fork takes it too: a child must not inherit the lock of a log file from a thread
#: that it does not have.
_passing = RLock()
#: The threads that hold `_passing` for a fork.
_forking: set[int] = set()


def attach() -> None:
    """Passes the log on from now on, if the program uses `logging`."""
    if not ("logging" in sys.modules or _subscriptions):
        return
    if _hub is not None:
        if _logging_hub is not _hub:
            _start_log(_hub)
        return
    if not _may_have_thread():
        _start_log(None)
        pass_log_on()
        return
    try:
        _start()
    except RuntimeError:
        # An interpreter that ends starts no thread. Its last step passes the log on.
        pass


def subscribe(credentials: Credentials, callback: Callable[[Credentials], object]) -> Callable[[], None]:
    """Calls `callback` for each new token."""
    if not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    # What `inspect.iscoroutinefunction` looks at, without its import.
    if getattr(getattr(callback, "__code__", None), "co_flags", 0) & COROUTINE:
        raise TypeError("callback must be a plain function: nobody would await it")
    if not _may_have_thread():
        raise RuntimeError("on_change needs a thread, and an interpreter inside a process cannot end while it has one")
    import weakref

    entry = (weakref.ref(credentials), callback)
    with _lock:
        _subscriptions[_start().start_changes(credentials)] = entry

    def end() -> None:
        with _lock:
            # After a fork the same subscription has another number.
            for number in [number for number, other in _subscriptions.items() if other is entry]:
                del _subscriptions[number]
                if _hub is not None:
                    _hub.cancel(number)

    return end


def _start() -> Hub:
    if _hub is not None:
        return _hub
    with _lock:
        return _hub or _start_thread()


def _start_thread() -> Hub:
    global _hub
    import threading

    hub = Hub()
    _start_log(hub)
    if _hub is not None:
        # A signal handler was faster.
        return _hub
    _hub = hub
    before = dict(_subscriptions)
    _subscriptions.clear()
    for reference, callback in before.values():
        credentials = reference()
        if credentials is not None:
            _subscriptions[hub.start_changes(credentials)] = (reference, callback)
    thread = threading.Thread(target=_run, args=(hub,), name="yandex-cloud-auth events", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        _hub = None
        raise
    return hub


def _start_log(hub: Hub | None) -> None:
    """Records the log from now on, if the program uses `logging`, and passes the rest of it on at the end."""
    global _registered, _logging_hub
    if not _registered:
        _registered = True
        import atexit

        atexit.register(pass_log_on)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
    if "logging" in sys.modules:
        import logging

        logging.getLogger("yandex_cloud_auth").addHandler(logging.NullHandler())
        _native.start_logging()
        if hub is not None:
            hub.listen_to_log()
            _logging_hub = hub


def _may_have_thread() -> bool:
    """Whether this is the main interpreter of the process. The end of another one that has a thread ends the process."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters = __import__(name)
        except ImportError:
            continue
        return bool(interpreters.get_current() == interpreters.get_main())
    return True


def _before_fork() -> None:
    # Bounded: a log handler that forks in another thread may hold what the record waits for.
    if _passing.acquire(timeout=FORK_WAIT):
        _forking.add(get_ident())


def _after_fork() -> None:
    if get_ident() in _forking:
        _forking.remove(get_ident())
        _passing.release()


def _after_fork_in_child() -> None:
    """The thread is the parent's. The next call that waits starts one for this process."""
    global _hub, _lock, _passing
    _hub = None
    # Another thread of the parent may have held the locks.
    _lock, _passing = RLock(), RLock()
    _forking.clear()
    if _subscriptions:
        _start()


def _run(hub: Hub) -> None:
    from ._wait import until_readable

    while True:
        until_readable(hub.fileno())
        hub.step(None, 64)
        pass_log_on()
        for number, _, alive in hub.ended():
            with _lock:
                reference, callback = _subscriptions.get(number, (None, None))
                credentials = reference() if reference is not None and alive else None
                if credentials is None:
                    _subscriptions.pop(number, None)
                    continue
            _shielded(_call, callback, credentials)
            del credentials


def _call(callback: Callable[[Credentials], object], credentials: Credentials) -> None:
    try:
        callback(credentials)
    except Exception:
        import logging

        logging.getLogger("yandex_cloud_auth").exception("a callback of on_change has failed")


def _shielded(function: Callable[..., object], *arguments: Any) -> None:
    """Calls code of the program's. Whatever it raises is shown as that of a thread, and the thread goes on for the others."""
    try:
        function(*arguments)
    except BaseException:
        import threading

        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


def pass_log_on() -> None:
    """Empties the queue of log records."""
    if "logging" not in sys.modules:
        return
    # The statement waits for another thread that imports the module at this moment.
    import logging

    entries: list[Any] = []
    dropped = _native.take_log(entries)
    for level, name, text in zip(entries[::3], entries[1::3], entries[2::3]):
        with _passing:
            _shielded(logging.getLogger(name.replace("::", ".")).log, level, "%s", text)
    if dropped:
        with _passing:
            _shielded(logging.getLogger("yandex_cloud_auth").warning, "%d log records were dropped", dropped)
