"""A project: wishes added, locked, and made true."""

from pathlib import Path

import pytest
from civitai_rs import Client, Library, Sim, UsageError

from test_library import a_model_file


@pytest.fixture
def library(client: Client, tmp_path: Path) -> Library:
    return Library(tmp_path / "models", data_dir=tmp_path / "data", client=client)


def test_a_project_is_added_to_and_synced_and_then_makes_no_request(
    library: Library, client: Client, sim: Sim, tmp_path: Path
) -> None:
    version, sha256 = a_model_file(client)
    project = tmp_path / "project"
    project.mkdir()
    assert library.init(project) == project / "civitai.toml"
    [added] = library.add(f"version:{version}", project=project)
    assert (added.change, added.version_id, added.sha256) == ("added", version, sha256)
    assert library.lock(project=project) == []
    [differs] = library.sync(project=project, check=True)
    assert differs.status == "planned"
    [fetched] = library.sync(project=project)
    assert (fetched.status, fetched.sha256) == ("downloaded", sha256)
    before = sim.summary()["requests"]
    assert library.sync(project=project) == []
    assert sim.summary()["requests"] == before


async def test_the_asynchronous_twins_do_the_same(library: Library, client: Client, tmp_path: Path) -> None:
    import asyncio

    version, _ = await asyncio.to_thread(a_model_file, client)
    project = tmp_path / "project"
    project.mkdir()
    await library.init_async(project)
    [added] = await library.add_async(f"version:{version}", project=project)
    assert await library.lock_async(project=project) == []
    [fetched] = await library.sync_async(project=project)
    assert fetched.version_id == added.version_id


def test_where_no_project_is_the_error_says_how_to_make_one(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="init"):
        library.sync(project=tmp_path)
