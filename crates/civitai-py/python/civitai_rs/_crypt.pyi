"""Files encrypted and decrypted with the keys of this machine."""

from os import PathLike
from typing import Literal, TypeAlias

from ._line import Sealed

Level: TypeAlias = Literal["basic", "standard", "high", "maximum"]

def encrypt(
    path: str | PathLike[str],
    level: Level = "standard",
    *,
    output: str | PathLike[str] | None = None,
    passphrase: str | None = None,
    data_dir: str | PathLike[str] | None = None,
) -> Sealed:
    """Encrypts a file to ``NAME.cke`` beside it, or to ``output``. The source is kept.

    ``passphrase`` opens the master key that the levels above basic need; ``Keys(passphrase).init()`` makes one.
    """

async def encrypt_async(
    path: str | PathLike[str],
    level: Level = "standard",
    *,
    output: str | PathLike[str] | None = None,
    passphrase: str | None = None,
    data_dir: str | PathLike[str] | None = None,
) -> Sealed:
    """Encrypts a file, like ``encrypt``."""

def decrypt(
    path: str | PathLike[str],
    *,
    output: str | PathLike[str] | None = None,
    passphrase: str | None = None,
    data_dir: str | PathLike[str] | None = None,
) -> Sealed:
    """Decrypts ``NAME.cke`` to ``NAME`` beside it, or to ``output``. The container is kept.

    A wrong key, a wrong passphrase and damage are not told apart: each is an ``IntegrityError``.
    """

async def decrypt_async(
    path: str | PathLike[str],
    *,
    output: str | PathLike[str] | None = None,
    passphrase: str | None = None,
    data_dir: str | PathLike[str] | None = None,
) -> Sealed:
    """Decrypts a file, like ``decrypt``."""
