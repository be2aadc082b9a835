"""Is every model still what it was? Reads a library, repairs what is damaged, and exits 1 if something could not be.

``verify_a_library.py FOLDER`` for one's own library; without a folder one is made on the simulator, and damaged.
"""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from civitai_rs import Library, Sim


def verify(library: Library) -> bool:
    """Reads what was not read for a month, at 200 MB/s at most, and mends it; says whether all is well."""
    damaged: list[Path] = []
    for checked in library.verify(deep=True, every=timedelta(days=30), io_limit=200_000_000):
        if checked.status in ("changed", "missing"):
            print(f"{checked.status}: {checked.path} {checked.ranges or ''}")
            damaged.append(library.root / checked.path)
    if not damaged:
        return True
    all_well = True
    for repaired in library.repair(*damaged):
        print(f"{repaired.status}: {repaired.path} ({repaired.fetched_bytes} bytes fetched)")
        all_well &= repaired.status in ("ok", "repaired", "restored", "fetched")
    return all_well


def demonstrate() -> bool:
    with Sim() as sim, tempfile.TemporaryDirectory() as folder:
        client = sim.client()
        library = Library(Path(folder) / "models", data_dir=Path(folder) / "data", client=client)
        [model] = client.search(types="LORA", limit=1)
        [fetched] = library.get(model.id)
        assert fetched.path is not None
        with fetched.path.open("r+b") as file:
            file.seek(1000)
            file.write(b"rot")
        return verify(library) and fetched.path.read_bytes()[1000:1003] != b"rot"


def main() -> int:
    all_well = verify(Library(sys.argv[1])) if len(sys.argv) > 1 else demonstrate()
    return 0 if all_well else 1


if __name__ == "__main__":
    sys.exit(main())
