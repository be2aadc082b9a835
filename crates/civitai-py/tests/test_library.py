"""A library: fetched into, scanned, verified, repaired, listed."""

import asyncio
import json
import os
import pickle
from datetime import timedelta
from pathlib import Path

import civitai_rs
import pytest
from civitai_rs import Client, Library, NotFoundError, Sim, UsageError


def a_model_file(client: Client) -> tuple[int, str]:
    """A small file of the simulator that anybody may have: its version, and its digest."""
    for model in client.search(limit=50):
        for version in model.versions:
            for file in version.files:
                sha256 = file.hashes.sha256 if file.hashes else None
                if sha256 and file.primary and (file.bytes or 1 << 30) < 4 << 20 and version.availability == "Public":
                    return version.id, sha256.lower()
    raise AssertionError("the simulator has no small file")


@pytest.fixture
def library(client: Client, tmp_path: Path) -> Library:
    return Library(tmp_path / "models", data_dir=tmp_path / "data", client=client)


def test_a_file_is_fetched_into_the_folder_of_its_kind_and_listed(library: Library, client: Client) -> None:
    version, sha256 = a_model_file(client)
    [fetched] = library.get(f"version:{version}")
    assert fetched.ok and fetched.error is None
    assert (fetched.status, fetched.sha256, fetched.verified) == ("downloaded", sha256, "sha256")
    assert fetched.path is not None and fetched.path.is_relative_to(library.root)
    assert fetched.path.stat().st_size == fetched.bytes
    assert fetched.path.with_suffix(".civitai.info").exists()
    assert isinstance(fetched.duration, timedelta)
    [entry] = library.list()
    assert (library.root / entry.path, entry.version_id, entry.sha256) == (fetched.path, version, sha256)
    [again] = library.get(f"version:{version}")
    assert (again.status, again.fetched_bytes) == ("skipped", 0)


async def test_the_asynchronous_twin_does_the_same(library: Library, client: Client) -> None:
    version, sha256 = await asyncio.to_thread(a_model_file, client)
    [fetched] = await library.get_async(f"version:{version}")
    assert (fetched.status, fetched.sha256) == ("downloaded", sha256)
    entries = await library.list_async()
    assert [entry.version_id for entry in entries] == [version]


def test_a_plan_changes_nothing(library: Library, client: Client) -> None:
    version, _ = a_model_file(client)
    [planned] = library.get(f"version:{version}", dry_run=True)
    assert planned.status == "planned"
    assert not library.root.exists()


def test_a_failure_is_raised_with_all_results_or_stands_in_them(library: Library, client: Client) -> None:
    version, _ = a_model_file(client)
    with pytest.raises(NotFoundError) as raised:
        library.get(f"version:{version}", "version:2147483647")
    results = getattr(raised.value, "results")
    assert [result.status for result in results] == ["downloaded", "failed"]
    there, failed = library.get(f"version:{version}", "version:2147483647", raises=False)
    assert there.ok and not failed.ok
    assert isinstance(failed.error, NotFoundError) and failed.path is None
    assert failed.to_dict()["error"]["kind"] == "not_found"


def test_what_is_no_link_is_a_usage_error_before_anything_is_asked(library: Library, sim: Sim) -> None:
    before = sim.summary()["requests"]
    with pytest.raises(UsageError):
        library.get("not a link at all")
    with pytest.raises(TypeError, match="colour"):
        library.get(1, colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert sim.summary()["requests"] == before


def test_a_folder_of_ones_own_has_no_layout(library: Library, client: Client, tmp_path: Path) -> None:
    version, _ = a_model_file(client)
    [fetched] = library.get(f"version:{version}", to=tmp_path / "here", sidecars=False)
    assert fetched.path is not None and fetched.path.parent == tmp_path / "here"
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [fetched.path.name]


def test_a_scan_knows_what_was_put_there_by_hand(library: Library, client: Client) -> None:
    version, sha256 = a_model_file(client)
    [fetched] = library.get(f"version:{version}", to=library.root / "by-hand", sidecars=False)
    assert fetched.path is not None
    other = Library(library.root, data_dir=library.data_dir.with_name("other"), client=client)
    scanned = other.scan()
    assert (scanned.count, scanned.added, scanned.hashed, scanned.matched) == (1, 1, 1, 1)
    [entry] = other.list()
    assert (entry.version_id, entry.sha256, entry.matched_by) == (version, sha256, "hash")
    assert other.scan().unchanged == 1


def test_damage_is_found_and_mended(library: Library, client: Client) -> None:
    version, _ = a_model_file(client)
    [fetched] = library.get(f"version:{version}")
    assert fetched.path is not None
    good = fetched.path.read_bytes()
    stamp = fetched.path.stat()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 1
    fetched.path.write_bytes(bad)
    os.utime(fetched.path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert [checked.status for checked in library.verify()] == ["ok"]
    [checked] = library.verify(deep=True)
    assert checked.status == "changed" and checked.ranges
    [repaired] = library.repair()
    assert repaired.status in ("repaired", "fetched") and repaired.problem is None
    assert fetched.path.read_bytes() == good
    assert [checked.status for checked in library.verify(deep=True, every=timedelta(0))] == ["ok"]


def test_identify_and_hash_agree_with_the_module(library: Library, client: Client) -> None:
    version, sha256 = a_model_file(client)
    [fetched] = library.get(f"version:{version}")
    assert fetched.path is not None
    hashes = library.hash(fetched.path)
    assert hashes == civitai_rs.hash(fetched.path)
    assert hashes.sha256.lower() == sha256
    assert library.identify(fetched.path).path == fetched.path


def test_what_was_done_to_a_library_can_be_undone(library: Library, client: Client) -> None:
    version, _ = a_model_file(client)
    [fetched] = library.get(f"version:{version}")
    assert fetched.path is not None
    renamed = library.rename(fetched.path, "another")
    assert renamed.verb == "rename" and not fetched.path.exists()
    library.undo(renamed.id)
    assert fetched.path.exists()
    moved = library.move(fetched.path, to="elsewhere")
    assert (library.root / "elsewhere" / fetched.path.name).exists()
    library.undo()
    removed = library.remove(fetched.path)
    assert removed.undoable and library.list()[0].missing
    library.undo(removed.id)
    assert fetched.path.exists() and moved.id < removed.id
    with pytest.raises(UsageError):
        library.remove("/elsewhere/model.safetensors")


def test_alike_files_are_duplicates_and_nothing_is_in_quarantine(library: Library, client: Client) -> None:
    version, _ = a_model_file(client)
    [fetched] = library.get(f"version:{version}")
    assert fetched.path is not None
    assert library.duplicates() == [] and library.quarantine() == []
    fetched.path.with_name("copy.safetensors").write_bytes(fetched.path.read_bytes())
    library.scan(offline=True)
    [alike] = library.duplicates()
    assert len(alike.paths) == 2 and alike.bytes == fetched.bytes
    with pytest.raises(NotFoundError):
        library.release(7)


def test_updates_of_a_library_without_any_are_none(library: Library) -> None:
    assert library.updates() == []


def test_results_are_values(library: Library, client: Client) -> None:
    version, _ = a_model_file(client)
    library.get(f"version:{version}")
    [entry] = library.list()
    assert pickle.loads(pickle.dumps(entry)) == entry
    assert json.loads(entry.to_json()) == entry.to_dict()
    assert {entry} == {type(entry).from_json(entry.to_json())}
    assert repr(entry).startswith("Entry(path=")
    with pytest.raises(AttributeError):
        entry.path = Path("elsewhere")  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_environment_says_where_the_library_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CIVITAI_LIBRARY", str(tmp_path / "a"))
    monkeypatch.setenv("CIVITAI_DATA_DIR", str(tmp_path / "b"))
    library = Library.open()
    assert (library.root, library.data_dir, library.layout) == (tmp_path / "a", tmp_path / "b", "comfyui")
    assert Library(tmp_path / "c").root == tmp_path / "c"
    monkeypatch.delenv("CIVITAI_LIBRARY")
    assert Library().root == tmp_path / "b" / "models"
