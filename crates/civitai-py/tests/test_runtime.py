"""Waiting, awaiting, and being interrupted."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Generator
from typing import Any

import civitai_rs
import pytest
from civitai_rs import Client, Sim

NEVER = {"knob": {"latency": {"for_ms": 3_600_000}}, "scope": {"route": "/api/v1/me"}}
"""The site takes the request and says nothing."""


def wait_for_request(sim: Sim) -> None:
    while not any("/api/v1/me" in route for route in sim.summary()["requests"]):
        time.sleep(0.005)


@contextlib.contextmanager
def interrupted_while_it_waits(sim: Sim) -> Generator[list[float]]:
    """Presses Ctrl-C when the site has the request; yields the moment of it."""
    pressed: list[float] = []

    def press() -> None:
        wait_for_request(sim)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=press)
    watcher.start()
    yield pressed
    watcher.join()


def test_ctrl_c_ends_a_wait(sim: Sim) -> None:
    sim.inject(NEVER)
    with interrupted_while_it_waits(sim) as pressed, pytest.raises(KeyboardInterrupt):
        sim.client().whoami()
    assert time.monotonic() - pressed[0] < 10
    sim.clear_faults()
    assert sim.client().whoami().username == "plain"


async def test_a_cancelled_task_drops_its_request(sim: Sim) -> None:
    sim.inject(NEVER)
    task = asyncio.create_task(sim.client().whoami_async())
    await asyncio.to_thread(wait_for_request, sim)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_of_asyncio_ends_a_call(sim: Sim) -> None:
    sim.inject(NEVER)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await sim.client().whoami_async()


async def test_coroutines_are_what_asyncio_takes_for_them(client: Client) -> None:
    call = client.whoami_async()
    assert isinstance(call, Coroutine) and asyncio.iscoroutine(call)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.whoami_async()) for _ in range(3)]
        tasks.append(group.create_task(call))
    assert len({task.result() for task in tasks}) == 1
    with pytest.raises(RuntimeError, match="already awaited"):
        await call


async def test_nothing_is_asked_before_a_coroutine_is_awaited(sim: Sim) -> None:
    call = sim.client().whoami_async()
    await asyncio.sleep(0)
    assert sim.summary()["requests"] == {}
    call.close()


def test_coroutines_need_an_event_loop(client: Client) -> None:
    call = client.whoami_async()
    with pytest.raises(RuntimeError, match="no running event loop"):
        call.send(None)


def test_each_event_loop_gets_its_own_answers(client: Client) -> None:
    async def ask() -> Any:
        return await client.whoami_async()

    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(asyncio.run(ask()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1


def test_other_threads_run_while_one_waits(sim: Sim) -> None:
    sim.inject(NEVER)
    client = sim.client()
    ended = threading.Event()

    def wait() -> None:
        with contextlib.suppress(civitai_rs.CivitaiError):
            client.whoami()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    wait_for_request(sim)
    assert not ended.is_set()


def test_a_forked_process_is_told_instead_of_hanging(client: Client) -> None:
    client.whoami()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            client.whoami()
        except RuntimeError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        assert "forkserver" in told.read()
    os.waitpid(child, 0)


def test_the_module_is_imported_without_asyncio_or_pandas() -> None:
    code = "import sys, civitai_rs; print(sorted({'asyncio', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_an_interpreter_may_end_while_a_request_is_under_way() -> None:
    code = """
import asyncio, civitai_rs
async def main():
    with civitai_rs.Sim() as sim:
        sim.inject({"knob": {"latency": {"for_ms": 3600000}}})
        task = asyncio.create_task(sim.client().whoami_async())
        await asyncio.sleep(0)
asyncio.run(main())
print("over")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "over\n", "")
