"""Waits that end early: cancelled tasks, and exceptions in the turns of a loop."""

import asyncio

import pytest
from yandex_cloud_auth import Credentials


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
