"""A project: wishes added, locked, and made true."""

from pathlib import Path

import pytest
from civitai_rs import Client, Library, NotFoundError, Project, Sim, UsageError

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


@pytest.fixture
def project(library: Library, tmp_path: Path) -> Project:
    directory = tmp_path / "project"
    directory.mkdir()
    library.init(directory)
    return library.project(directory)


def test_a_project_says_what_it_has_and_lets_it_go(project: Project, library: Library, client: Client) -> None:
    version, sha256 = a_model_file(client)
    project.add(f"version:{version}")
    [pinned] = project.tree()
    assert (pinned.version_id, pinned.present) == (version, False)
    project.sync()
    [pinned] = project.tree()
    assert pinned.present
    assert project.upgrade(f"version:{version}") == []
    assert sha256 in project.export("aria2") and "curl" in project.export("sh")
    with pytest.raises(NotFoundError, match="tree"):
        project.remove(f"version:{version}", "model:4294967295")
    [removed] = project.remove(f"version:{version}")
    assert removed.change == "removed" and project.tree() == []
    project.sync()
    assert not (library.root / pinned.path).exists()
    [trashed] = library.trash()
    assert trashed.files >= 1 and library.empty_trash() == [trashed]
    assert library.trash() == []


async def test_the_project_s_asynchronous_twins(project: Project, client: Client) -> None:
    import asyncio

    version, _ = await asyncio.to_thread(a_model_file, client)
    await project.add_async(f"version:{version}")
    assert await project.lock_async() == []
    [fetched] = await project.sync_async()
    assert fetched.ok and [pinned.present for pinned in await project.tree_async()] == [True]
    with pytest.raises(NotFoundError):
        await project.upgrade_async("model:4294967295")
    assert "CycloneDX" in await project.export_async("cyclonedx")
    await project.remove_async(f"version:{version}")


def test_the_table_scan_of_a_project_says_what_is_taken(project: Project, tmp_path: Path) -> None:
    manifest = tmp_path / "project/civitai.toml"
    manifest.write_text(manifest.read_text() + '\n[scan]\nmalicious = "allow"\n')
    with pytest.raises(UsageError, match="malicious"):
        project.sync()
