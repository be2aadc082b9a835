"""The library: what is on the disk and what is known of it, fetched, scanned, verified, repaired."""

import builtins
from collections.abc import Callable, Sequence
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Literal, final

from ._client import Client
from ._line import (
    Backup,
    Checked,
    Duplicate,
    Entry,
    FileHashes,
    Held,
    Identity,
    Locked,
    Operation,
    Orphan,
    Placement,
    Reference,
    Repaired,
    Scanned,
    Trashed,
    Update,
)
from ._project import Project
from ._rows import Rows
from ._transfer import Event, Fetched, Transfer

@final
class Library:
    """A folder of models: known, placed, described, reproducible, repairable.

    What is left out comes from ``CIVITAI_LIBRARY`` and ``CIVITAI_DATA_DIR``, and failing that is where the command line
    keeps it. ``layout`` is the name of an interface (``"comfyui"``, ``"a1111"``, ``"forge"``, ``"invokeai"``,
    ``"swarmui"``, ``"stabilitymatrix"``, ``"flat"``) or a template. ``jobs`` and ``connections`` bound how many files and
    connections a file are at work at a time, ``limit_rate`` the bytes a second of all of them.
    """

    def __new__(
        cls,
        root: str | PathLike[str] | None = None,
        *,
        data_dir: str | PathLike[str] | None = None,
        layout: str | None = None,
        client: Client | None = None,
        jobs: int | None = None,
        connections: int | None = None,
        limit_rate: int | None = None,
    ) -> Library: ...
    @staticmethod
    def open(
        root: str | PathLike[str] | None = None,
        *,
        data_dir: str | PathLike[str] | None = None,
        layout: str | None = None,
        client: Client | None = None,
        jobs: int | None = None,
        connections: int | None = None,
        limit_rate: int | None = None,
    ) -> Library:
        """Opens a library; the same as calling the class. Nothing is made before it is needed."""

    @property
    def root(self) -> Path:
        """The folder that holds the models."""

    @property
    def data_dir(self) -> Path:
        """Where what is known of it is kept."""

    @property
    def layout(self) -> str:
        """Where files of each kind go."""

    def get(
        self,
        *links: str | int,
        to: str | PathLike[str] | None = None,
        file_id: int | None = None,
        format: str | None = None,
        fp: str | None = None,
        size: str | None = None,
        quant: str | None = None,
        all_files: bool = False,
        all_versions: bool = False,
        with_images: int = 0,
        sidecars: bool = True,
        dry_run: bool = False,
        force: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        wait: bool = True,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> builtins.list[Fetched]:
        """Fetches what links lead to: resumed where an earlier run stopped, verified, judged, recorded.

        A link is anything that the command line takes; a number is a model. By default the main file of a version goes
        where the layout says; ``to`` names a folder instead. Ctrl-C and the cancellation of a task keep what has arrived,
        and the next call goes on with it.

        ``on_event`` hears what happens: in the thread that waits, or from the event loop. What it raises stops everything.
        The first failure is raised when all is done, with ``results`` as its attribute; with ``raises=False`` it only
        stands in the results.
        """

    async def get_async(
        self,
        *links: str | int,
        to: str | PathLike[str] | None = None,
        file_id: int | None = None,
        format: str | None = None,
        fp: str | None = None,
        size: str | None = None,
        quant: str | None = None,
        all_files: bool = False,
        all_versions: bool = False,
        with_images: int = 0,
        sidecars: bool = True,
        dry_run: bool = False,
        force: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        wait: bool = True,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> builtins.list[Fetched]:
        """Fetches what links lead to: resumed where an earlier run stopped, verified, judged, recorded."""

    download = get
    download_async = get_async

    def transfer(
        self,
        *links: str | int,
        to: str | PathLike[str] | None = None,
        file_id: int | None = None,
        format: str | None = None,
        fp: str | None = None,
        size: str | None = None,
        quant: str | None = None,
        all_files: bool = False,
        all_versions: bool = False,
        with_images: int = 0,
        sidecars: bool = True,
        dry_run: bool = False,
        force: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        wait: bool = True,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> Transfer:
        """Begins to fetch what links lead to, and iterates over what happens, ``for`` or ``async for``."""

    def scan(
        self,
        *folders: str | PathLike[str],
        offline: bool = False,
        hash: bool = True,
    ) -> Scanned:
        """Looks what is there, hashes what is new, and asks the site what it is.

        Without folders all of the library is meant; a folder outside of it is a library of its own.
        """

    async def scan_async(
        self,
        *folders: str | PathLike[str],
        offline: bool = False,
        hash: bool = True,
    ) -> Scanned:
        """Looks what is there, hashes what is new, and asks the site what it is."""

    def list(
        self,
    ) -> Rows[Entry]:
        """Returns what is known of the files."""

    async def list_async(
        self,
    ) -> Rows[Entry]:
        """Returns what is known of the files."""

    def verify(
        self,
        *paths: str | PathLike[str],
        deep: bool = False,
        every: timedelta | None = None,
        io_limit: int | None = None,
    ) -> Rows[Checked]:
        """Says how the files stand: by size and time, or, if ``deep``, by reading each byte.

        ``every`` leaves out what was read not so long ago; ``io_limit`` is how many bytes a second may be read.
        """

    async def verify_async(
        self,
        *paths: str | PathLike[str],
        deep: bool = False,
        every: timedelta | None = None,
        io_limit: int | None = None,
    ) -> Rows[Checked]:
        """Says how the files stand: by size and time, or, if ``deep``, by reading each byte."""

    def repair(
        self,
        *paths: str | PathLike[str],
        copies: Sequence[str | PathLike[str]] = ...,
        offline: bool = False,
    ) -> Rows[Repaired]:
        """Makes damaged files whole, with as few bytes from elsewhere as it takes.

        ``copies`` are folders with copies of the files; what they do not have is fetched from the site.
        """

    async def repair_async(
        self,
        *paths: str | PathLike[str],
        copies: Sequence[str | PathLike[str]] = ...,
        offline: bool = False,
    ) -> Rows[Repaired]:
        """Makes damaged files whole, with as few bytes from elsewhere as it takes."""

    def updates(
        self,
        *paths: str | PathLike[str],
        same_base: bool = False,
    ) -> Rows[Update]:
        """Says of which models there are newer versions."""

    async def updates_async(
        self,
        *paths: str | PathLike[str],
        same_base: bool = False,
    ) -> Rows[Update]:
        """Says of which models there are newer versions."""

    def identify(
        self,
        path: str | PathLike[str],
    ) -> Identity:
        """Says what a file is by its header, and by what the files of the library have taught."""

    async def identify_async(
        self,
        path: str | PathLike[str],
    ) -> Identity:
        """Says what a file is by its header, and by what the files of the library have taught."""

    def hash(
        self,
        path: str | PathLike[str],
    ) -> FileHashes:
        """Returns the digests of a file, read once for all of them."""

    async def hash_async(
        self,
        path: str | PathLike[str],
    ) -> FileHashes:
        """Returns the digests of a file, read once for all of them."""

    def references(
        self,
        path: str | PathLike[str],
        *,
        offline: bool = False,
    ) -> Rows[Reference]:
        """Returns the models that a workflow, or a picture with one in it, uses, and which of them are missing."""

    async def references_async(
        self,
        path: str | PathLike[str],
        *,
        offline: bool = False,
    ) -> Rows[Reference]:
        """Returns the models that a workflow, or a picture with one in it, uses, and which of them are missing."""

    def init(
        self,
        directory: str | PathLike[str],
    ) -> Path:
        """Makes a project in a directory: a ``civitai.toml`` that wants nothing yet. Returns its path."""

    async def init_async(
        self,
        directory: str | PathLike[str],
    ) -> Path:
        """Makes a project in a directory: a ``civitai.toml`` that wants nothing yet. Returns its path."""

    def add(
        self,
        *links: str | int,
        project: str | PathLike[str] | None = None,
        version: int | None = None,
        latest: bool = False,
        file_id: int | None = None,
        path: str | None = None,
        accept_unverified: bool = False,
    ) -> Rows[Locked]:
        """Adds links to ``civitai.toml`` and the files they lead to to ``civitai.lock``. Nothing is fetched.

        The project is the one in or above ``project``, else the working directory.
        """

    async def add_async(
        self,
        *links: str | int,
        project: str | PathLike[str] | None = None,
        version: int | None = None,
        latest: bool = False,
        file_id: int | None = None,
        path: str | None = None,
        accept_unverified: bool = False,
    ) -> Rows[Locked]:
        """Adds links to ``civitai.toml`` and the files they lead to to ``civitai.lock``. Nothing is fetched."""

    def lock(
        self,
        *,
        project: str | PathLike[str] | None = None,
        upgrade: bool = False,
        accept_unverified: bool = False,
    ) -> Rows[Locked]:
        """Makes ``civitai.lock`` what ``civitai.toml`` wants; returns what changed."""

    async def lock_async(
        self,
        *,
        project: str | PathLike[str] | None = None,
        upgrade: bool = False,
        accept_unverified: bool = False,
    ) -> Rows[Locked]:
        """Makes ``civitai.lock`` what ``civitai.toml`` wants; returns what changed."""

    def sync(
        self,
        *,
        project: str | PathLike[str] | None = None,
        check: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> builtins.list[Fetched]:
        """Makes the library what ``civitai.lock`` says, and does nothing, without a request, where it is so already.

        A lock that is not what ``civitai.toml`` wants is a ``UsageError``. With ``check`` nothing is changed, and what
        differs is returned as planned.
        """

    async def sync_async(
        self,
        *,
        project: str | PathLike[str] | None = None,
        check: bool = False,
        accept_unverified: bool = False,
        accept_unsafe: bool = False,
        consent_real_person: bool = False,
        raises: bool = True,
        on_event: Callable[[Event], object] | None = None,
    ) -> builtins.list[Fetched]:
        """Makes the library what ``civitai.lock`` says, and does nothing, without a request, where it is so already."""

    def remove(self, *paths: str | PathLike[str]) -> Operation:
        """Puts models, and what stands beside them, into the trash."""

    async def remove_async(self, *paths: str | PathLike[str]) -> Operation:
        """Puts models, and what stands beside them, into the trash."""

    def move(self, *paths: str | PathLike[str], to: str | None = None) -> Operation:
        """Moves models, and what stands beside them, into a folder below the root, or to where the layout says."""

    async def move_async(self, *paths: str | PathLike[str], to: str | None = None) -> Operation:
        """Moves models, and what stands beside them, into a folder below the root, or to where the layout says."""

    def rename(self, path: str | PathLike[str], name: str) -> Operation:
        """Gives a model, and what stands beside it, another name."""

    async def rename_async(self, path: str | PathLike[str], name: str) -> Operation:
        """Gives a model, and what stands beside it, another name."""

    def undo(self, id: int | None = None) -> Operation:
        """Takes an operation back; the latest, if none is named."""

    async def undo_async(self, id: int | None = None) -> Operation:
        """Takes an operation back; the latest, if none is named."""

    def duplicates(self) -> Rows[Duplicate]:
        """Returns the groups of files that are alike."""

    async def duplicates_async(self) -> Rows[Duplicate]:
        """Returns the groups of files that are alike."""

    def quarantine(self) -> Rows[Held]:
        """Returns what is in quarantine."""

    async def quarantine_async(self) -> Rows[Held]:
        """Returns what is in quarantine."""

    def release(self, id: int) -> Path:
        """Gives a file in quarantine its name after all, and returns where it is."""

    async def release_async(self, id: int) -> Path:
        """Gives a file in quarantine its name after all, and returns where it is."""

    def sidecars(self, format: str, *paths: str | PathLike[str]) -> Operation:
        """Writes the sidecars of a format (``"civitai-info"``, ``"a1111"``, ``"cm-info"``,
        ``"metadata-json"``, ``"swarm"``) from those that are there.
        """

    async def sidecars_async(self, format: str, *paths: str | PathLike[str]) -> Operation:
        """Writes the sidecars of a format (``"civitai-info"``, ``"a1111"``, ``"cm-info"``,
        ``"metadata-json"``, ``"swarm"``) from those that are there.
        """

    def link_duplicates(self) -> Operation:
        """Lets files with the same content share it on the disk."""

    async def link_duplicates_async(self) -> Operation:
        """Lets files with the same content share it on the disk."""

    def orphans(self) -> Rows[Orphan]:
        """Returns what stands beside models that are no more."""

    async def orphans_async(self) -> Rows[Orphan]:
        """Returns what stands beside models that are no more."""

    def remove_orphans(self) -> Operation:
        """Takes what stands beside models that are no more into the trash."""

    async def remove_orphans_async(self) -> Operation:
        """Takes what stands beside models that are no more into the trash."""

    def tree(self, layout: str | None = None) -> Rows[Placement]:
        """Returns where a layout, the library's own by default, would put each file."""

    async def tree_async(self, layout: str | None = None) -> Rows[Placement]:
        """Returns where a layout, the library's own by default, would put each file."""

    def backup(self, *, keep: int = 10) -> Backup:
        """Makes a copy of the catalogue, and keeps so many."""

    async def backup_async(self, *, keep: int = 10) -> Backup:
        """Makes a copy of the catalogue, and keeps so many."""

    def backups(self) -> Rows[Backup]:
        """Returns the copies of the catalogue."""

    async def backups_async(self) -> Rows[Backup]:
        """Returns the copies of the catalogue."""

    def restore(self, file: str | PathLike[str] | None = None) -> Path:
        """Puts a copy of the catalogue in its place, the newest unless one is named; returns which."""

    async def restore_async(self, file: str | PathLike[str] | None = None) -> Path:
        """Puts a copy of the catalogue in its place, the newest unless one is named; returns which."""

    def check(self) -> builtins.list[str]:
        """Checks the catalogue; returns what is wrong with it."""

    async def check_async(self) -> builtins.list[str]:
        """Checks the catalogue; returns what is wrong with it."""

    def delete_quarantined(self, id: int) -> Path:
        """Deletes a file in quarantine; returns where it was."""

    async def delete_quarantined_async(self, id: int) -> Path:
        """Deletes a file in quarantine; returns where it was."""

    def export_catalogue(self, path: str | PathLike[str], *, format: Literal["jsonl", "csv"] = "jsonl") -> int:
        """Writes the catalogue to a file; returns how many rows that was.

        ``"jsonl"`` is everything, for ``import_catalogue``; ``"csv"`` is a table of the files, for other programs.
        """

    async def export_catalogue_async(self, path: str | PathLike[str], *, format: Literal["jsonl", "csv"] = "jsonl") -> int:
        """Writes the catalogue to a file; returns how many rows that was."""

    def import_catalogue(self, path: str | PathLike[str]) -> int:
        """Takes in what another catalogue has written; returns how many rows that was. A copy of what there was is kept."""

    async def import_catalogue_async(self, path: str | PathLike[str]) -> int:
        """Takes in what another catalogue has written; returns how many rows that was. A copy of what there was is kept."""

    def trash(self, *ids: int) -> Rows[Trashed]:
        """Returns what operations have put aside."""

    async def trash_async(self, *ids: int) -> Rows[Trashed]:
        """Returns what operations have put aside."""

    def empty_trash(self, *ids: int) -> Rows[Trashed]:
        """Deletes what operations have put aside, all of it or what these have; returns what it was."""

    async def empty_trash_async(self, *ids: int) -> Rows[Trashed]:
        """Deletes what operations have put aside, all of it or what these have; returns what it was."""

    def project(self, directory: str | PathLike[str] | None = None) -> Project:
        """The project in or above a directory, the working directory if none is named, with this library."""
