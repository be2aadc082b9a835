"""Single files: what they could do, what they are, and their digests."""

from os import PathLike

from ._line import FileHashes, Identity, Scan

def scan(path: str | PathLike[str]) -> Scan:
    """Says what a model file could do, without running any of it."""

async def scan_async(path: str | PathLike[str]) -> Scan:
    """Says what a model file could do, without running any of it."""

def identify(path: str | PathLike[str]) -> Identity:
    """Says what a file is by its header alone; at most a few MiB of it are read."""

async def identify_async(path: str | PathLike[str]) -> Identity:
    """Says what a file is by its header alone; at most a few MiB of it are read."""

def hash(path: str | PathLike[str]) -> FileHashes:
    """Returns the digests of a file, read once for all of them."""

async def hash_async(path: str | PathLike[str]) -> FileHashes:
    """Returns the digests of a file, read once for all of them."""
