"""Waits in an event loop: every kind of loop, many tasks, their deadlines."""

import asyncio
import sys
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
