"""Listings: iterators of things or of pages, and tables."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar, final

import pandas

from ._table import Table

T = TypeVar("T", covariant=True)

@final
class Listing(Generic[T]):
    """Everything that a listing of the site has, one after the other.

    It is an iterator and an asynchronous iterator; pages are asked for as they are needed, and nothing comes twice.
    After an error it ends.

    >>> with Sim() as sim:
    ...     for model in sim.client().search(types="LORA", limit=2):
    ...         print(model.name)
    Watercolour Fields
    Early Light
    """

    def __iter__(self) -> Iterator[T]: ...
    def __next__(self) -> T: ...
    def __aiter__(self) -> AsyncIterator[T]: ...
    async def __anext__(self) -> T: ...
    def pages(self) -> Pages[T]:
        """Iterate over what is left page by page instead, as lists that are never empty."""

    @property
    def complete(self) -> bool:
        """Whether the site itself has ended the listing and nothing is known to be missing."""

    @property
    def gap(self) -> str | None:
        """What is missing, or may be; ``None`` when complete."""

    @property
    def requests(self) -> int:
        """How many requests were sent so far, retries included."""

    def to_arrow(self) -> Table:
        """Read what is left into a table that polars, pyarrow, DuckDB and pandas 3 take as it is."""

    async def to_arrow_async(self) -> Table:
        """Read what is left into a table that polars, pyarrow, DuckDB and pandas 3 take as it is."""

    def to_pandas(self) -> pandas.DataFrame:
        """Read what is left into a data frame; pandas must be installed."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...
    def __class_getitem__(cls, key: Any, /) -> Any: ...

@final
class Pages(Generic[T]):
    """The pages of a listing, as lists that are never empty."""

    def __iter__(self) -> Iterator[list[T]]: ...
    def __next__(self) -> list[T]: ...
    def __aiter__(self) -> AsyncIterator[list[T]]: ...
    async def __anext__(self) -> list[T]: ...
    def __class_getitem__(cls, key: Any, /) -> Any: ...
