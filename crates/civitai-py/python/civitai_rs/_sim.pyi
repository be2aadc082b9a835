"""The simulator: a Civitai of one's own on loopback."""

import os
from types import TracebackType
from typing import Any, Self, final

from ._client import Client

@final
class Sim:
    """A faithful Civitai on 127.0.0.1 with a seeded catalogue, storages and faults, for as long as a ``with`` block.

    Two runs with one seed and the same requests give the same answers.

    >>> with Sim(seed=7) as sim:
    ...     client = sim.client()
    ...     client.whoami().username
    'plain'
    """

    def __new__(cls, *, seed: int = 0, port: int = 0, payloads: str | os.PathLike[str] | None = None) -> Self:
        """Describe a simulator; it starts when the block is entered.

        ``port`` is the site's, any that is free by default. ``payloads`` is a folder of JSON documents that are served
        verbatim where one answers a request.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def client(self, user: str | None = "plain") -> Client:
        """Return a client for the site, signed in as the user of this name; ``None``: nobody. See ``tokens``."""

    def inject(self, *faults: dict[str, Any]) -> None:
        """Make something go wrong from now on, such as ``{"knob": {"status": {"code": 503}}, "scope": {"times": 2}}``."""

    def clear_faults(self) -> None:
        """Let everything go well again."""

    def reset(self) -> None:
        """Go back to the beginning: state, faults and log."""

    def summary(self) -> dict[str, Any]:
        """Return what clients did, in numbers."""

    @property
    def site(self) -> str:
        """The site's root, a ``base_url`` for `Client`."""

    @property
    def second_site(self) -> str:
        """The same site under another origin."""

    @property
    def storage(self) -> list[str]:
        """The roots of the two storages."""

    @property
    def control(self) -> str:
        """Where faults, clock and log can be had over HTTP."""

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens by the names of their users."""
