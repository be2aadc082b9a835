"""Milliseconds from Ctrl-C to KeyboardInterrupt, and from the cancellation of a task to its end, in downloads under way.

Each stop is followed by a look at what it left, and the last download goes on to its end with that.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from civitai_rs import Library, Progress, Sim

STOPS = int(sys.argv[1])
# So slow that the file is not there before the stop.
SLOW = {"knob": {"throttle": {"bytes_per_second": 10_000}}}
# A download is stopped at no particular moment of its own clockwork.
CHANCE = random.Random(7)


def pick(sim: Sim) -> int:
    for model in sim.client().search(limit=100):
        for version in model.versions:
            for file in version.files:
                if file.primary and 4 << 20 <= (file.bytes or 0) <= 64 << 20 and version.availability == "Public":
                    return version.id
    raise SystemExit("the simulator has no big file")


def by_ctrl_c(library: Library, link: str) -> float:
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def hear(event: object) -> None:
        if isinstance(event, Progress) and event.bytes > 0 and not timer.is_alive() and not pressed:
            timer.start()

    timer = threading.Timer(CHANCE.uniform(0.01, 0.2), press)
    try:
        library.get(link, sidecars=False, on_event=hear)
    except KeyboardInterrupt:
        return (time.perf_counter() - pressed[0]) * 1e3
    raise SystemExit("the download ended before it was stopped")


async def by_cancelling(library: Library, link: str) -> float:
    moving = asyncio.Event()

    def hear(event: object) -> None:
        if isinstance(event, Progress) and event.bytes > 0:
            moving.set()

    task = asyncio.create_task(library.get_async(link, sidecars=False, on_event=hear))
    await moving.wait()
    await asyncio.sleep(CHANCE.uniform(0.01, 0.2))
    began = time.perf_counter()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return (time.perf_counter() - began) * 1e3
    raise SystemExit("the download ended before it was stopped")


def goes_on(library: Library, sim: Sim, link: str) -> int:
    """Bytes that were not fetched again."""
    sim.clear_faults()
    [fetched] = library.get(link)
    return (fetched.bytes or 0) - (fetched.fetched_bytes or 0)


with Sim(seed=7) as sim, tempfile.TemporaryDirectory() as place:
    link = f"version:{pick(sim)}"
    seen = {}
    for name in ("ctrl_c", "cancel"):
        sim.inject(SLOW)
        took = []
        for number in range(STOPS):
            # Each begins anew: what every new connection is given at once would add up to the file.
            root = Path(place, f"{name}-{number}")
            library = Library(root, data_dir=Path(root, "data"), client=sim.client())
            took.append(by_ctrl_c(library, link) if name == "ctrl_c" else asyncio.run(by_cancelling(library, link)))
        seen[name] = {"ms": took, "kept": goes_on(library, sim, link)}
    print(json.dumps(seen))
