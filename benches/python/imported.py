"""Milliseconds that the import takes."""

import json
import time

began = time.perf_counter()
import civitai_rs  # noqa: E402, F401  # what is measured

print(json.dumps((time.perf_counter() - began) * 1e3))
