"""Downloads with bars: one for each file, by tqdm. The events come from an iterator; a callback would do as well.

``progress_with_tqdm.py LINK...`` fetches from Civitai into the working directory; without links the simulator is asked.
"""

import sys
import tempfile
from pathlib import Path
from typing import Never

from civitai_rs import Client, Fetched, Library, Planned, Progress, Sim
from tqdm import tqdm


def download(library: Library, *links: str | int, to: Path) -> list[Fetched]:
    """Fetches what links lead to and shows how far each file is."""
    bars: dict[Path, tqdm[Never]] = {}
    with library.transfer(*links, to=to, raises=False) as transfer:
        for event in transfer:
            match event:
                case Planned(path=path, bytes=size, name=name):
                    bars[path] = tqdm(total=size, desc=name, unit="B", unit_scale=True)
                case Progress(path=path, bytes=done):
                    bars[path].update(done - bars[path].n)
                case Fetched(path=path, status=status):
                    if path in bars:
                        bars[path].set_postfix_str(status)
                        bars[path].close()
        return transfer.result()


def first_models(client: Client) -> list[int]:
    return [model.id for model in client.search(types="LORA", limit=3)]


def main() -> None:
    if len(sys.argv) > 1:
        results = download(Library(), *sys.argv[1:], to=Path.cwd())
    else:
        with Sim() as sim, tempfile.TemporaryDirectory() as folder:
            client = sim.client()
            library = Library(Path(folder) / "models", data_dir=Path(folder) / "data", client=client)
            results = download(library, *first_models(client), to=Path(folder) / "downloads")
    for result in results:
        print(result.status, result.path, result.error or "")


if __name__ == "__main__":
    main()
