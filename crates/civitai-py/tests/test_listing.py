"""Listings: iterators, pages, tables."""

import asyncio

import pytest
from civitai_rs import Client, Listing, Model, ServerError, Sim, Table


async def test_a_listing_is_both_kinds_of_iterator(client: Client) -> None:
    waited = [model.id for model in client.search(limit=150)]
    awaited = [model.id async for model in client.search(limit=150)]
    assert waited == awaited and len(set(waited)) == len(waited) > 0


def test_a_listing_says_whether_it_is_complete(client: Client) -> None:
    tags = client.tags(limit=2)
    assert not tags.complete and tags.gap and tags.requests == 0
    assert len(list(tags)) == 2
    everything = client.search()
    count = sum(1 for _ in everything)
    assert count > 0 and everything.requests > 0
    assert everything.complete == (everything.gap is None)


async def test_pages_are_lists_that_are_never_empty(client: Client) -> None:
    ids = [model.id for model in client.search()]
    pages = list(client.search().pages())
    assert all(pages) and len(pages) > 1
    assert [model.id for page in pages for model in page] == ids
    assert [model.id async for page in client.search().pages() for model in page] == ids


def test_several_threads_may_share_a_listing(client: Client) -> None:
    async def everything() -> list[Model]:
        listing = client.search()

        async def some() -> list[Model]:
            return [model async for model in listing]

        parts = await asyncio.gather(*(some() for _ in range(4)))
        return [model for part in parts for model in part]

    found = asyncio.run(everything())
    assert sorted(model.id for model in found) == sorted(model.id for model in client.search())


def test_a_listing_ends_after_an_error(sim: Sim) -> None:
    sim.inject({"knob": {"status": {"code": 503}}, "scope": {"route": "/api/v1/models*"}})
    listing = Client(base_url=sim.site, retries=0).search()
    with pytest.raises(ServerError) as caught:
        next(listing)
    assert caught.value.status == 503
    assert list(listing) == []
    assert listing.gap == "an error ended the listing"


def test_listings_can_be_named_in_types() -> None:
    assert "Listing" in repr(Listing[Model])


def test_a_table_has_a_row_for_each_thing(client: Client) -> None:
    models = list(client.search(limit=10))
    table = client.search(limit=10).to_arrow()
    assert isinstance(table, Table)
    assert table.num_rows == len(table) == len(models)
    columns = table.to_pydict()
    assert list(columns) == table.column_names
    assert columns["id"] == [model.id for model in models]
    assert columns["tags"] == [model.tags for model in models]
    published = [version.published_at if (version := model.default_version) else None for model in models]
    assert columns["published_at"] == published
    assert client.search(limit=0).to_arrow().column_names == table.column_names


async def test_a_table_is_awaited_too(client: Client) -> None:
    assert await client.tags(limit=5).to_arrow_async() == client.tags(limit=5).to_arrow()


def test_arrow_reads_a_table_and_a_listing(client: Client) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = client.images(limit=20).to_arrow()
    read = pyarrow.table(table)
    assert read.to_pydict() == table.to_pydict()
    assert pyarrow.schema(table) == read.schema
    assert pyarrow.table(client.images(limit=20)).equals(read)
    # Each call hands over a copy of its own.
    assert pyarrow.table(table).equals(read)


def test_pandas_keeps_numbers_where_some_are_missing(client: Client) -> None:
    pytest.importorskip("pandas")
    frame = client.search(limit=30).to_pandas()
    assert len(frame) == len(list(client.search(limit=30)))
    assert str(frame["download_count"].dtype) == "Int64"
    assert str(frame["published_at"].dtype).startswith("datetime64")
