"""Files of the site, fetched: all at once and waited for, or one event after the other."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias, final

from ._errors import CivitaiError
from ._line import Planned, Progress

@final
class Fetched:
    """What became of a link or of one of its files."""

    @property
    def type(self) -> Literal["file"]:
        """The ``type`` of the JSON line."""

    @property
    def ok(self) -> bool:
        """Whether the file is in its place, or would be."""

    @property
    def status(self) -> str:
        """``"downloaded"``, ``"resumed"``, ``"skipped"``, ``"linked"``, ``"planned"``, ``"failed"``, ``"quarantined"`` or
        ``"interrupted"``."""

    @property
    def link(self) -> str:
        """The link, without any token."""

    @property
    def model_id(self) -> int | None:
        """The model."""

    @property
    def version_id(self) -> int | None:
        """The version."""

    @property
    def file_id(self) -> int | None:
        """The file of the site."""

    @property
    def path(self) -> Path | None:
        """Its place; ``None`` where the link led to no file."""

    @property
    def bytes(self) -> int | None:
        """Its length."""

    @property
    def fetched_bytes(self) -> int | None:
        """Bytes that came over the network."""

    @property
    def sha256(self) -> str | None:
        """Its SHA-256."""

    @property
    def verified(self) -> str | None:
        """Which promise proved it: ``"sha256"``, ``"blake3"``, ``"crc32"`` or ``"none"``."""

    @property
    def scan(self) -> str | None:
        """What was found in it."""

    @property
    def quarantine(self) -> Path | None:
        """Where the bytes are that must not get their name."""

    @property
    def duration(self) -> timedelta | None:
        """How long it took."""

    @property
    def error(self) -> CivitaiError | None:
        """Why the file is not in its place."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as the command line prints them."""

    def to_json(self) -> str:
        """Returns the same as JSON text."""

    def __eq__(self, other: object) -> bool: ...

Event: TypeAlias = Planned | Progress | Fetched
"""What happens during a transfer, told apart by ``type``: ``"planned"``, ``"progress"`` or ``"file"``."""

@final
class Transfer(Iterator[Event], AsyncIterator[Event]):
    """A fetch that goes on by itself, as an iterator of its events. When it goes, so do its transfers; what has arrived is
    kept."""

    def __iter__(self) -> Transfer: ...
    def __next__(self) -> Event: ...
    def __aiter__(self) -> Transfer: ...
    async def __anext__(self) -> Event: ...
    def __enter__(self) -> Transfer: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> Transfer: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def cancel(self) -> None:
        """Stops it. What has arrived is kept, and the next run goes on with it."""

    def result(self) -> list[Fetched]:
        """Waits for the end and returns what became of each file; events that nobody has taken are left."""

    async def result_async(self) -> list[Fetched]:
        """Waits for the end, like ``result``."""
