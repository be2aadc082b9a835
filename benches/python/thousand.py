"""A thousand questions at once: seconds, threads before and at most, and the peak of memory in KiB."""

import asyncio
import json
import time
from pathlib import Path

import civitai_rs


def status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


async def main() -> None:
    with civitai_rs.Sim(seed=7) as sim:
        client = civitai_rs.Client(base_url=sim.site, token="", rate=400)
        version = next(model.default_version for model in client.search(types="LORA") if model.default_version.files)
        digest = version.files[0].hashes.sha256
        await client.by_hash_async(digest)
        before = most = status("Threads")
        began = time.monotonic()
        tasks = [asyncio.create_task(client.by_hash_async(digest)) for _ in range(1000)]
        while not all(task.done() for task in tasks):
            most = max(most, status("Threads"))
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - began
        print(json.dumps({"seconds": seconds, "before": before, "most": most, "peak_kib": status("VmHWM")}))


asyncio.run(main())
