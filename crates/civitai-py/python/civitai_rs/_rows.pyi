"""Lists of what verbs tell that are tables, too."""

from typing import Any, TypeVar

import pandas

from ._table import Table

_T = TypeVar("_T")

class Rows(list[_T]):
    """A list of objects of one class, and a table with a row for each."""

    def __init__(self, of: type[_T], rows: list[_T]) -> None: ...
    def to_arrow(self) -> Table:
        """Returns a table with a column for each field; what is nested is JSON text."""

    def to_pandas(self) -> pandas.DataFrame:
        """Returns a data frame; pandas must be installed."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...
