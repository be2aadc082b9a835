"""Transfers: what is told, and what an interruption leaves."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from civitai_rs import Client, Fetched, Library, Planned, Progress, Sim

SLOW = {"knob": {"throttle": {"bytes_per_second": 200_000}}}


def a_big_file(client: Client) -> int:
    for model in client.search(limit=100):
        for version in model.versions:
            for file in version.files:
                if file.primary and 4 << 20 <= (file.bytes or 0) <= 256 << 20 and version.availability == "Public":
                    return version.id
    raise AssertionError("the simulator has no big file")


@pytest.fixture
def library(client: Client, tmp_path: Path) -> Library:
    return Library(tmp_path / "models", data_dir=tmp_path / "data", client=client)


def test_a_callback_hears_a_file_from_its_plan_to_its_end(library: Library, client: Client) -> None:
    events: list[Planned | Progress | Fetched] = []
    threads: set[int] = set()

    def hear(event: Planned | Progress | Fetched) -> None:
        threads.add(threading.get_ident())
        events.append(event)

    [fetched] = library.get(f"version:{a_big_file(client)}", on_event=hear)
    assert threads == {threading.get_ident()}
    assert isinstance(events[0], Planned) and events[0].action == "download"
    assert events[-1] == fetched
    progress = [event.bytes for event in events if isinstance(event, Progress)]
    assert progress == sorted(progress) and progress[-1] == fetched.bytes


def test_what_a_callback_raises_stops_everything(library: Library, client: Client) -> None:
    def refuse(event: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        library.get(f"version:{a_big_file(client)}", on_event=refuse)


async def test_a_callback_of_the_asynchronous_twin_is_called_by_the_event_loop(library: Library, client: Client) -> None:
    version = await asyncio.to_thread(a_big_file, client)
    heard: list[str] = []

    def hear(event: Planned | Progress | Fetched) -> None:
        asyncio.get_running_loop()
        heard.append(event.type)

    await library.get_async(f"version:{version}", on_event=hear)
    await asyncio.sleep(0)
    assert heard[0] == "planned" and heard[-1] == "file"


def test_a_transfer_iterates_over_what_happens(library: Library, client: Client) -> None:
    transfer = library.transfer(f"version:{a_big_file(client)}")
    kinds = [event.type for event in transfer]
    assert kinds[0] == "planned" and kinds[-1] == "file" and "progress" in kinds
    [fetched] = transfer.result()
    assert fetched.status == "downloaded"


async def test_a_transfer_iterates_asynchronously(library: Library, client: Client) -> None:
    version = await asyncio.to_thread(a_big_file, client)
    async with library.transfer(f"version:{version}") as transfer:
        kinds = [event.type async for event in transfer]
        [fetched] = await transfer.result_async()
    assert kinds[0] == "planned" and fetched.ok


def test_leaving_a_transfer_keeps_what_has_arrived(library: Library, client: Client, sim: Sim) -> None:
    version = f"version:{a_big_file(client)}"
    sim.inject(SLOW)
    with library.transfer(version, sidecars=False) as transfer:
        for event in transfer:
            if isinstance(event, Progress) and event.bytes > 0:
                break
    [stopped] = transfer_results(transfer)
    assert stopped.status == "interrupted"
    sim.clear_faults()
    [fetched] = library.get(version)
    assert fetched.status == "resumed"
    assert (fetched.fetched_bytes or 0) < (fetched.bytes or 0)


def transfer_results(transfer: object) -> list[Fetched]:
    from civitai_rs import StoppedError, Transfer

    assert isinstance(transfer, Transfer)
    with pytest.raises(StoppedError) as raised:
        transfer.result()
    results: list[Fetched] = getattr(raised.value, "results")
    return results


def interrupt_after_the_first_bytes(event: object, sent: list[float]) -> None:
    if isinstance(event, Progress) and event.bytes > 0 and not sent:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_stops_at_once_and_the_next_call_goes_on(library: Library, client: Client, sim: Sim) -> None:
    version = f"version:{a_big_file(client)}"
    sim.inject(SLOW)
    sent: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        library.get(version, sidecars=False, on_event=lambda event: interrupt_after_the_first_bytes(event, sent))
    assert sent
    sim.clear_faults()
    assert not list(library.root.rglob("*.safetensors"))
    [fetched] = library.get(version)
    assert fetched.status in ("resumed", "downloaded")


async def test_a_cancelled_task_leaves_what_the_next_goes_on_with(library: Library, client: Client, sim: Sim) -> None:
    version = f"version:{await asyncio.to_thread(a_big_file, client)}"
    sim.inject(SLOW)
    moving = asyncio.Event()

    def hear(event: Planned | Progress | Fetched) -> None:
        if isinstance(event, Progress) and event.bytes > 0:
            moving.set()

    task = asyncio.create_task(library.get_async(version, sidecars=False, on_event=hear))
    await moving.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sim.clear_faults()
    [fetched] = await library.get_async(version)
    assert fetched.ok and fetched.status in ("resumed", "downloaded")
