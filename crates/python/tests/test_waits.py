"""Waits: threads, event loops, deadlines, cancellation, signals."""

import asyncio
import signal
import sys
import threading
import time

import pytest
from yandex_cloud_auth import AuthError, Credentials, Refused, Unavailable


def in_asyncio(main):
    return asyncio.run(main())


def in_uvloop(main):
    return pytest.importorskip("uvloop").run(main())


def in_trio(main):
    return pytest.importorskip("trio").run(main)


class Proactor(asyncio.SelectorEventLoop):
    """A loop that watches no sockets for others, as that of Windows."""

    def add_reader(self, *arguments):
        raise NotImplementedError


def in_proactor(main):
    loop = Proactor()
    # The loop's own socket for wake-ups is registered by another name.
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


LOOPS = [in_asyncio, in_uvloop, in_trio, in_proactor]


@pytest.mark.parametrize("run", LOOPS)
def test_every_loop_waits_for_a_token(run, emulator, fetches):
    emulator.fault(kind="latency", milliseconds=100, target="metadata")
    creds = Credentials.metadata()

    async def main():
        return await creds.header_async(), await creds.token_async()

    header, token = run(main)
    assert header == f"Bearer {token}" and token.startswith("t1.") and fetches() == 1


@pytest.mark.parametrize("run", LOOPS)
def test_every_loop_raises_the_error(run, emulator):
    emulator.fault(kind="status", status=403, target="metadata")
    creds = Credentials.metadata(emulator.metadata_address)

    async def main():
        await creds.header_async()

    with pytest.raises(AuthError):
        run(main)


def test_a_ready_call_does_not_suspend():
    creds = Credentials("AQVN-fake")
    coroutine = creds.header_async()
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value == "Api-Key AQVN-fake"


def test_a_thousand_tasks_share_one_fetch(emulator, fetches):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()

    async def main():
        return await asyncio.gather(*(creds.header_async() for _ in range(1000)))

    assert len(set(asyncio.run(main()))) == 1 and fetches() == 1
    assert not creds.__dict__["_waits"]


def test_a_loop_has_its_turns_while_a_thousand_tasks_begin_to_wait(emulator):
    emulator.fault(kind="hang", target="metadata")
    creds = Credentials.metadata()

    async def main():
        tasks = [asyncio.ensure_future(creds.header_async()) for _ in range(1000)]
        started = [0]
        while started[-1] < 1000:
            await asyncio.sleep(0)
            started.append(len(creds._waits[asyncio.get_running_loop()].by_number))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [after - before for before, after in zip(started, started[1:])]

    assert max(asyncio.run(main())) <= 64
    assert not creds._waits


@pytest.mark.parametrize("cancel", [asyncio.Task.cancel, lambda task: task.get_coro().close()], ids=["cancel", "close"])
def test_a_task_that_gives_up_before_its_operation_starts_no_fetch(cancel, emulator, fetches):
    creds = Credentials.metadata()

    async def main():
        task = asyncio.ensure_future(creds.header_async())
        # The task enters the queue in its first turn, and leaves it in the same one.
        asyncio.get_running_loop().call_soon(cancel, task)
        await asyncio.wait([task], timeout=0.2)
        return len(creds._waits)

    assert asyncio.run(main()) == 0 and fetches() == 0


def test_a_queue_outlives_the_task_that_opened_it(emulator, fetches):
    creds = Credentials.metadata()

    async def main():
        first, second = (asyncio.ensure_future(creds.header_async()) for _ in range(2))
        asyncio.get_running_loop().call_soon(first.cancel)
        return await second

    assert asyncio.run(main()).startswith("Bearer") and fetches() == 1
    assert not creds._waits


def test_a_task_that_is_cancelled_at_the_moment_of_its_token_is_not_told(emulator):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()
    told = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        task = asyncio.ensure_future(creds.header_async())
        while not creds.__dict__.get("_waits") or not creds._waits[loop].by_number:
            await asyncio.sleep(0)
        waits = creds._waits[loop]
        task.cancel()
        # Before the task runs again.
        while waits.by_number:
            waits.step()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not told and not creds._waits


class Interrupted(Exception):
    """What a signal handler raises."""


def test_a_start_that_fails_is_the_error_of_its_task_alone(emulator, monkeypatch):
    from yandex_cloud_auth import _hub

    creds = Credentials.metadata()
    start = _hub._start_header
    starts = []

    def fail_first(*arguments):
        starts.append(1)
        if len(starts) == 1:
            raise Interrupted
        return start(*arguments)

    monkeypatch.setattr(_hub, "_start_header", fail_first)

    async def main():
        return await asyncio.gather(*(creds.header_async() for _ in range(3)), return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, Interrupted) and all(header.startswith("Bearer") for header in others)
    assert not creds._waits


@pytest.mark.parametrize("place", ["start_queued", "step"])
def test_a_turn_that_an_exception_takes_is_made_up_for(place, emulator, monkeypatch):
    from yandex_cloud_auth import _wait_async

    creds = Credentials.metadata()
    method = getattr(_wait_async._LoopWaits, place)
    turns = []

    def interrupted(waits, *arguments):
        turns.append(1)
        if len(turns) in (1, 3):
            raise Interrupted
        method(waits, *arguments)

    monkeypatch.setattr(_wait_async._LoopWaits, place, interrupted)
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(type(context["exception"])))
        first = [asyncio.ensure_future(creds.header_async()) for _ in range(100)]
        await asyncio.sleep(0)
        return await asyncio.gather(*first, creds.token_async(min_ttl=1))

    assert len(asyncio.run(main())) == 101
    assert set(told) == {Interrupted} and not creds._waits


def test_results_that_an_exception_holds_up_are_told_by_the_next_turn(emulator, monkeypatch):
    from yandex_cloud_auth._hub import Hub

    creds = Credentials.metadata()
    ended = Hub.ended
    calls = []

    def interrupted(hub):
        for outcome in ended(hub):
            calls.append(1)
            if len(calls) == 5:
                raise Interrupted
            yield outcome

    monkeypatch.setattr(Hub, "ended", interrupted)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return await asyncio.gather(*(creds.header_async() for _ in range(50)))

    assert len(asyncio.run(main())) == 50 and not creds._waits


def test_a_wait_that_is_never_ended_is_gone_with_its_operation(emulator):
    from yandex_cloud_auth import _wait_async
    from yandex_cloud_auth._hub import start_header

    creds = Credentials.metadata()

    async def main():
        # A signal handler may raise after `begin`.
        assert (await _wait_async.begin(creds, start_header(False, None), None))[0]
        return len(creds._waits)

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize("name", ["trio", "asyncio"])
def test_a_module_that_another_thread_imports_now_is_no_loop(name, emulator, monkeypatch):
    import types

    creds = Credentials.metadata()
    coroutine = creds.header_async()
    if name == "trio":
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))

        async def main():
            return await coroutine

        assert asyncio.run(main()).startswith("Bearer")
    else:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        with pytest.raises(RuntimeError, match="no running event loop"):
            coroutine.send(None)


def test_a_start_that_fails_in_trio_leaves_nothing(emulator, monkeypatch):
    trio = pytest.importorskip("trio")
    from yandex_cloud_auth import _hub

    def fail(*_):
        raise Interrupted

    creds = Credentials.metadata()
    monkeypatch.setattr(_hub, "_start_header", fail)

    async def main():
        with pytest.raises(Interrupted):
            await creds.header_async()
        return len(creds._waits)

    assert trio.run(main) == 0


CHILD_THAT_UNWINDS = """
import asyncio, os, sys
from yandex_cloud_auth import Credentials
creds = Credentials.metadata(timeout=20)

async def main():
    tasks = [asyncio.ensure_future(creds.header_async()) for _ in range(20)]
    await asyncio.sleep(0.05)
    if os.fork() == 0:
        for task in tasks:
            task.get_coro().close()
        os._exit(0)
    os.wait()
    print(len(set(await asyncio.gather(*tasks))))

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="Windows has no fork")
def test_a_child_that_ends_the_waits_of_its_parent_leaves_them_to_the_parent(emulator, python):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    assert python(CHILD_THAT_UNWINDS).strip() == "1"


def test_an_operation_that_nobody_waits_for_is_given_up(emulator, monkeypatch):
    from yandex_cloud_auth._hub import Hub

    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()
    given_up = []
    cancel = Hub.cancel
    monkeypatch.setattr(Hub, "cancel", lambda hub, number: (given_up.append(number), cancel(hub, number)))

    async def main():
        first, second = (asyncio.ensure_future(creds.header_async()) for _ in range(2))
        await asyncio.sleep(0.1)
        number = creds._waits[asyncio.get_running_loop()].waiters.copy().popitem()[1]
        second.cancel()
        await first
        return number

    assert given_up == [asyncio.run(main())]


def test_the_deadline_of_a_task_counts_the_time_in_the_queue(emulator):
    emulator.fault(kind="hang", target="metadata")
    creds = Credentials.metadata()

    async def main():
        task = asyncio.ensure_future(creds.header_async(timeout=1))
        # After the turn in which the task enters the queue, before the one in which its operation starts.
        asyncio.get_running_loop().call_soon(time.sleep, 1)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await task
        return time.monotonic() - began

    assert asyncio.run(main()) < 1.6


def test_a_wait_begins_while_other_threads_begin_and_end_theirs(emulator):
    creds = Credentials.metadata()
    waits = creds.__dict__.setdefault("_waits", {})

    class OfAnotherThread:
        """A loop. Another thread begins a wait at the moment when this loop is looked at."""

        def is_closed(self):
            waits[object()] = None
            return False

    waits.update({OfAnotherThread(): None, OfAnotherThread(): None})
    assert asyncio.run(creds.header_async()).startswith("Bearer t1.")


def test_a_thousand_tasks_of_trio_share_one_fetch(emulator, fetches):
    trio = pytest.importorskip("trio")
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()
    headers = set()

    async def one():
        headers.add(await creds.header_async())

    async def main():
        async with trio.open_nursery() as nursery:
            for _ in range(1000):
                nursery.start_soon(one)

    trio.run(main)
    assert len(headers) == 1 and fetches() == 1 and not creds.__dict__["_waits"]


@pytest.mark.parametrize(
    "count, header",
    [(32, Credentials.header), (8, lambda creds: asyncio.run(creds.header_async()))],
    ids=["threads", "loops-in-threads"],
)
def test_threads_share_one_fetch(count, header, emulator, fetches):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()
    headers = []
    threads = [threading.Thread(target=lambda: headers.append(header(creds))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(headers) == count and len(set(headers)) == 1 and fetches() == 1


def test_each_task_has_its_own_deadline(emulator):
    emulator.fault(kind="hang", target="metadata")
    creds = Credentials.metadata(timeout=5)

    async def one(timeout):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await creds.header_async(timeout=timeout)
        return time.monotonic() - began

    async def main():
        return await asyncio.gather(one(0.1), one(0.6))

    short, long = asyncio.run(main())
    assert 0.1 <= short < 0.5 <= long < 3


def test_failing_together_costs_one_request(emulator, fetches):
    emulator.fault(kind="status", status=401, target="metadata")
    creds = Credentials.metadata()

    async def main():
        return await asyncio.gather(*(creds.header_async() for _ in range(100)), return_exceptions=True)

    errors = asyncio.run(main())
    assert {type(error) for error in errors} == {Refused} and fetches() == 1
    assert len({id(error) for error in errors}) == 100


def test_cancelled_tasks_leave_the_fetch_to_the_others(emulator, fetches):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()

    async def main():
        tasks = [asyncio.ensure_future(creds.header_async()) for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    assert all(outcome.startswith("Bearer") for outcome in outcomes[1::2]) and fetches() == 1
    assert not creds.__dict__["_waits"]


def test_a_time_out_of_the_loop_ends_the_wait_alone(emulator):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()

    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(creds.header_async(), 0.05)
        return await creds.header_async()

    assert asyncio.run(main()).startswith("Bearer")


def test_trio_cancels_a_wait(emulator):
    trio = pytest.importorskip("trio")
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()

    async def main():
        with trio.move_on_after(0.05) as scope:
            await creds.header_async()
        assert scope.cancelled_caught and not creds.__dict__["_waits"]
        return await creds.header_async()

    assert trio.run(main).startswith("Bearer")


def test_a_loop_that_is_closed_under_a_wait_leaves_the_next_one_alone(emulator):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()
    loop = asyncio.new_event_loop()
    task = loop.create_task(creds.header_async())
    loop.run_until_complete(asyncio.sleep(0.02))
    loop.close()
    assert asyncio.run(creds.header_async()).startswith("Bearer")
    assert all(key.is_closed() for key in creds.__dict__["_waits"])
    task._log_destroy_pending = False
    del task


def test_without_a_loop_there_is_nothing_to_wait_in(emulator):
    coroutine = Credentials.metadata().header_async()
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


def test_a_token_is_there_for_a_while_more(emulator):
    creds = Credentials.metadata()
    creds.header()
    assert creds.header(min_ttl=60).startswith("Bearer")
    with pytest.raises(AuthError):
        creds.header(min_ttl=10**6)
    with pytest.raises(AuthError):
        asyncio.run(creds.header_async(min_ttl=10**6))


def test_a_stale_token_is_served_while_it_is_renewed(emulator, fetches):
    creds = Credentials.metadata(max_age=0.05)
    first = creds.header()
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    time.sleep(0.1)
    began = time.monotonic()
    assert creds.header() == first
    assert time.monotonic() - began < 0.2


CTRL_C = """
import signal, threading, time, os
from yandex_cloud_auth import Credentials
creds = Credentials.metadata(timeout=20)
sent = []
def interrupt():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.3, interrupt).start()
try:
    creds.header()
except KeyboardInterrupt:
    print(f"{(time.monotonic() - sent[0]) * 1000:.3f}")
"""


def test_ctrl_c_ends_a_wait_at_once(emulator, python):
    emulator.fault(kind="hang", target="metadata")
    # The least of three: other work of the machine is no matter here.
    assert min(float(python(CTRL_C)) for _ in range(3)) < 5


def test_a_signal_handler_may_ask_for_a_header(emulator, fetches):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()
    inner = []
    previous = signal.signal(signal.SIGALRM, lambda *_: inner.append(creds.header()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        outer = creds.header()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert inner == [outer] and fetches() == 1


def test_a_signal_handler_that_raises_ends_the_wait(emulator):
    emulator.fault(kind="hang", target="metadata")

    def handler(*_):
        raise ZeroDivisionError

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(ZeroDivisionError):
            Credentials.metadata().header()
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_other_threads_run_while_one_waits(emulator):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()
    thread = threading.Thread(target=creds.header)
    thread.start()
    steps = 0
    while thread.is_alive():
        steps += 1
        time.sleep(0.005)
    # A thread that held the lock would leave one or two.
    assert steps > 3


def test_the_tasks_of_a_loop_share_one_pair_of_sockets(emulator):
    import os

    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()

    async def main():
        before = len(os.listdir("/proc/self/fd"))
        tasks = [asyncio.ensure_future(creds.header_async()) for _ in range(100)]
        await asyncio.sleep(0.1)
        more = len(os.listdir("/proc/self/fd")) - before
        await asyncio.gather(*tasks)
        return more

    # Two of the pair; the others are the connection and the runtime of the library's thread.
    assert asyncio.run(main()) < 20


def test_no_descriptors_are_left(emulator):
    import os

    count = lambda: len(os.listdir("/proc/self/fd"))
    creds = Credentials.metadata()

    async def main():
        await asyncio.gather(*(creds.header_async(min_ttl=1) for _ in range(50)))

    asyncio.run(main())
    before = count()
    for _ in range(20):
        creds.header(min_ttl=1)
        asyncio.run(main())
    assert count() <= before + 2


WITHOUT_DESCRIPTORS = """
import asyncio, os, resource, sys
from yandex_cloud_auth import Credentials, Unavailable
creds = Credentials.metadata()
if sys.argv[1] == "loaded":
    from yandex_cloud_auth import _events, _wait, _wait_async
    import logging

async def main():
    # The loop has its descriptors.
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for call in [creds.header, creds.token, creds.revoke, lambda: creds.on_change(print)]:
        try:
            call()
        except Unavailable as error:
            assert error.is_transient and error.help and "Too many open files" in str(error), error
            print("unavailable")
    for call in [creds.header_async, creds.token_async, creds.revoke_async]:
        try:
            await call()
        except Unavailable as error:
            assert error.is_transient and error.help and "Too many open files" in str(error), error
            print("unavailable")
    for descriptor in held:
        os.close(descriptor)
    print((await creds.header_async(timeout=10))[:9], creds.header()[:9])

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit of descriptors is of Unix")
@pytest.mark.parametrize("modules", ["loaded", "new"])
def test_a_process_without_descriptors_is_told_to_try_again(modules, emulator, python):
    out = python(WITHOUT_DESCRIPTORS, modules)
    assert out.split() == ["unavailable"] * 7 + ["Bearer", "t1"] * 2
