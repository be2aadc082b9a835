"""Tables: columns of Arrow, handed over by its PyCapsule interface."""

from typing import Any, final

import pandas

@final
class Table:
    """A table. ``polars.DataFrame(table)``, ``pyarrow.table(table)`` and ``duckdb.sql("from table")`` read it as it is."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""

    def to_pydict(self) -> dict[str, list[Any]]:
        """Return the columns as lists."""

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame; pandas must be installed. Numbers and flags keep their type where some are missing."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
