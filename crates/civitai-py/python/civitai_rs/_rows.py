"""Lists of what verbs tell that are tables, too. The types are in `_rows.pyi`."""


class Rows(list):
    def __init__(self, of, rows):
        super().__init__(rows)
        self._of = of

    def to_arrow(self):
        return self._of._table(self)

    def to_pandas(self):
        return self.to_arrow().to_pandas()

    def __arrow_c_stream__(self, requested_schema=None):
        return self.to_arrow().__arrow_c_stream__(requested_schema)
