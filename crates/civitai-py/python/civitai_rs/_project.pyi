"""A project: what is wanted, and which files that is."""

import builtins
from collections.abc import Callable
from typing import Literal, final

from ._line import Locked
from ._rows import Rows
from ._transfer import Event, Fetched

@final
class Project:
    """What ``civitai.toml`` wants and ``civitai.lock`` pins, with the library that the files go to: ``Library.project``.

    Where there is none, each method says how to make one.
    """

    def add(
        self,
        *links: str | int,
        version: int | None = None,
        latest: bool = False,
        file_id: int | None = None,
        path: str | None = None,
        accept_unverified: bool = False,
    ) -> Rows[Locked]:
        """Adds links to ``civitai.toml`` and the files they lead to to ``civitai.lock``. Nothing is fetched."""

    async def add_async(
        self,
        *links: str | int,
        version: int | None = None,
        latest: bool = False,
        file_id: int | None = None,
        path: str | None = None,
        accept_unverified: bool = False,
    ) -> Rows[Locked]:
        """Adds links to ``civitai.toml`` and the files they lead to to ``civitai.lock``. Nothing is fetched."""

    def remove(self, *links: str | int) -> Rows[Locked]:
        """Takes wishes out of ``civitai.toml``, and their files out of ``civitai.lock``; returns these.

        The next ``sync`` puts the files into the trash. A link that means nothing here is a ``NotFoundError``, and nothing is
        changed then.
        """

    async def remove_async(self, *links: str | int) -> Rows[Locked]:
        """Takes wishes out of ``civitai.toml``, and their files out of ``civitai.lock``; returns these."""

    def lock(self, *, accept_unverified: bool = False) -> Rows[Locked]:
        """Makes ``civitai.lock`` what ``civitai.toml`` wants; returns what changed."""

    async def lock_async(self, *, accept_unverified: bool = False) -> Rows[Locked]:
        """Makes ``civitai.lock`` what ``civitai.toml`` wants; returns what changed."""

    def upgrade(self, *links: str | int, accept_unverified: bool = False) -> Rows[Locked]:
        """Looks for newer versions where ``civitai.toml`` allows them, of all or of what these mean; returns what changed.

        Nothing is fetched before ``sync``.
        """

    async def upgrade_async(self, *links: str | int, accept_unverified: bool = False) -> Rows[Locked]:
        """Looks for newer versions where ``civitai.toml`` allows them, of all or of what these mean; returns what changed."""

    def tree(self) -> Rows[Locked]:
        """Returns the files of ``civitai.lock``, and which of them are in the library."""

    async def tree_async(self) -> Rows[Locked]:
        """Returns the files of ``civitai.lock``, and which of them are in the library."""

    def export(self, format: Literal["sh", "aria2", "cyclonedx"]) -> str:
        """Returns what ``civitai.lock`` pins in the form of another tool.

        ``"sh"`` is a script of curl, ``"aria2"`` a list for aria2c, ``"cyclonedx"`` a bill of materials.
        """

    async def export_async(self, format: Literal["sh", "aria2", "cyclonedx"]) -> str:
        """Returns what ``civitai.lock`` pins in the form of another tool."""

    def sync(
        self,
        *,
        check: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> builtins.list[Fetched]:
        """Makes the library what ``civitai.lock`` says, and does nothing, without a request, where it is so already.

        What is not harmless is judged as the table ``[scan]`` of ``civitai.toml`` says.
        """

    async def sync_async(
        self,
        *,
        check: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> builtins.list[Fetched]:
        """Makes the library what ``civitai.lock`` says, and does nothing, without a request, where it is so already."""
