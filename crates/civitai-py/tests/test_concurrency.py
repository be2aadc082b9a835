"""A thousand questions at once, in a process of their own."""

import json
import subprocess
import sys

THOUSAND = """
import asyncio, json, time
from pathlib import Path
import civitai_rs

def status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])

async def main():
    with civitai_rs.Sim(seed=7) as sim:
        client = civitai_rs.Client(base_url=sim.site, token="", rate=400)
        version = next(model.default_version for model in client.search(types="LORA") if model.default_version.files)
        digest = version.files[0].hashes.sha256
        await client.by_hash_async(digest)
        sim.reset()
        threads = status("Threads")
        most = threads
        began = time.monotonic()
        tasks = [asyncio.create_task(client.by_hash_async(digest)) for _ in range(1000)]
        while not all(task.done() for task in tasks):
            most = max(most, status("Threads"))
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - began
        print(json.dumps({
            "same": len({task.result() for task in tasks}),
            "requests": sum(sim.summary()["requests"].values()),
            "threads": [threads, most],
            "seconds": seconds,
            "peak_kib": status("VmHWM"),
        }))

asyncio.run(main())
"""


def test_a_thousand_at_once_keep_to_the_rate_and_cost_neither_threads_nor_memory() -> None:
    ran = subprocess.run([sys.executable, "-c", THOUSAND], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["same"] == 1
    assert seen["requests"] == 1000
    # The rate follows how the site answers, up to twice what was asked for.
    assert seen["seconds"] > 1000 / (2 * 400)
    before, most = seen["threads"]
    assert most == before
    assert seen["peak_kib"] < 100 * 1024
