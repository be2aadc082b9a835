"""The upkeep of a library: what is superfluous, where things belong, copies of the catalogue."""

from pathlib import Path

import pytest
from civitai_rs import Library, NotFoundError, UsageError


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Two files of the same content and one of another, indexed without network."""
    root = tmp_path / "models"
    folder = root / "loras"
    folder.mkdir(parents=True)
    for name, content in (("a", b"same" * 100), ("b", b"same" * 100), ("c", b"other")):
        (folder / f"{name}.safetensors").write_bytes(content)
    library = Library(root, data_dir=tmp_path / "data")
    library.scan(offline=True)
    return library


def test_files_of_the_same_content_share_it_until_that_is_undone(library: Library) -> None:
    (group,) = library.duplicates()
    assert sorted(group.paths) == ["loras/a.safetensors", "loras/b.safetensors"]
    done = library.link_duplicates()
    assert done.paths and done.undoable
    assert (library.root / "loras/b.safetensors").read_bytes() == b"same" * 100
    library.undo(done.id)


async def test_orphans_are_told_and_removed(library: Library) -> None:
    lonely = library.root / "loras/gone.civitai.info"
    lonely.write_text("{}")
    assert [orphan.path for orphan in library.orphans()] == [Path("loras/gone.civitai.info")]
    await library.remove_orphans_async()
    assert not lonely.exists() and await library.orphans_async() == []


def test_the_catalogue_is_kept_and_put_back(library: Library) -> None:
    made = library.backup()
    assert made.path.exists() and made.made is not None and made.made.tzinfo is not None
    assert made.path in {backup.path for backup in library.backups()}
    assert library.restore() == made.path
    assert library.check() == []
    assert len(library.list()) == 3


def test_where_a_layout_would_put_files_is_told_without_moving_them(library: Library) -> None:
    names = {placement.path.name for placement in library.tree("flat")}
    assert names == {"a.safetensors", "b.safetensors", "c.safetensors"}
    with pytest.raises(UsageError, match="layout"):
        library.tree("{nonsense}")


def test_what_is_not_there_is_not_found(library: Library) -> None:
    with pytest.raises(NotFoundError):
        library.delete_quarantined(7)
    with pytest.raises(UsageError, match="format"):
        library.sidecars("none-of-these")


def test_the_catalogue_goes_elsewhere_and_comes_back(library: Library, tmp_path: Path) -> None:
    text = tmp_path / "catalogue.jsonl"
    assert library.export_catalogue(text) > 3
    other = Library(library.root, data_dir=tmp_path / "other")
    assert other.import_catalogue(text) > 3
    assert sorted(entry.path for entry in other.list()) == sorted(entry.path for entry in library.list())
    table = tmp_path / "catalogue.csv"
    assert library.export_catalogue(table, format="csv") == 3
    assert table.read_text().startswith("path,bytes,")
    table.write_text("nonsense")
    with pytest.raises(UsageError):
        other.import_catalogue(table)


def test_what_is_listed_is_a_table_too(library: Library) -> None:
    entries = library.list()
    table = entries.to_arrow()
    assert table.num_rows == 3 and table.column_names[:2] == ["path", "bytes"]
    assert table.to_pydict()["bytes"] == [400, 400, 5]
    assert table.to_pydict()["missing"] == [False, False, False]
    (group,) = library.duplicates().to_arrow().to_pydict()["paths"]
    assert sorted(group) == ["loras/a.safetensors", "loras/b.safetensors"]
    library.backup()
    backups = library.backups()
    assert backups.to_arrow().to_pydict()["made"] == [backup.made for backup in backups] != []
    assert library.trash().to_arrow().num_rows == 0
    pandas = pytest.importorskip("pandas")
    assert isinstance(entries.to_pandas(), pandas.DataFrame)
    pyarrow = pytest.importorskip("pyarrow")
    assert pyarrow.table(table).num_rows == 3
