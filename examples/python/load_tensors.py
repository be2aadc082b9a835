"""From a link to tensors, in the manner of ``hf_hub_download``: one call gives a path that is there, whole and verified.

The second call costs no request for the file. Needs the package ``safetensors``. Runs on the simulator.
"""

import tempfile
from functools import cache
from pathlib import Path

from civitai_rs import Library, Sim
from safetensors.numpy import load


@cache
def models() -> Library:
    """The library of this process; ``CIVITAI_LIBRARY`` says where it is."""
    return Library()


def civitai_download(link: str | int, *, library: Library | None = None) -> Path:
    """Returns the path of the file that a link leads to, fetched if it is not there."""
    [fetched] = (library or models()).get(link, format="safetensors")
    assert fetched.path is not None
    return fetched.path


def main() -> None:
    with Sim() as sim, tempfile.TemporaryDirectory() as folder:
        client = sim.client()
        library = Library(Path(folder) / "models", data_dir=Path(folder) / "data", client=client)
        [model] = client.search(types="LORA", limit=1)
        path = civitai_download(model.id, library=library)
        assert civitai_download(model.id, library=library) == path
        for name, tensor in list(load(path.read_bytes()).items())[:3]:
            print(name, tensor.dtype, tensor.shape)


if __name__ == "__main__":
    main()
