"""The keys that files are encrypted to and opened with."""

from os import PathLike
from typing import Literal, final

from ._line import Key, Rotated
from ._rows import Rows

@final
class Keys:
    """The keys of a data directory, and the passphrase that opens those that are under one.

    An id may be cut short, as long as it means one key; ``"machine"`` and ``"master"`` are the newest of these kinds.
    """

    def __new__(cls, passphrase: str | None = None, *, data_dir: str | PathLike[str] | None = None) -> Keys: ...
    def init(self) -> Rows[Key]:
        """Makes a machine key and a master key, where there are none; returns those that were made."""

    async def init_async(self) -> Rows[Key]:
        """Makes a machine key and a master key, where there are none; returns those that were made."""

    def list(self) -> Rows[Key]:
        """Returns the keys."""

    async def list_async(self) -> Rows[Key]:
        """Returns the keys."""

    def create(
        self,
        kind: Literal["machine", "master", "rsa"],
        *,
        name: str | None = None,
        bits: Literal[3072, 4096] = 4096,
        ml_kem: bool = False,
    ) -> Key:
        """Makes a key: one of this machine, a master key, or a pair whose public half others encrypt to.

        ``bits`` is the length of a pair's RSA modulus; ``ml_kem`` gives it a share that quantum computers do not open.
        """

    async def create_async(
        self,
        kind: Literal["machine", "master", "rsa"],
        *,
        name: str | None = None,
        bits: Literal[3072, 4096] = 4096,
        ml_kem: bool = False,
    ) -> Key:
        """Makes a key: one of this machine, a master key, or a pair whose public half others encrypt to."""

    def revoke(self, id: str) -> Key:
        """Takes the trust from a key: nothing more is encrypted to it, and it opens what there is."""

    async def revoke_async(self, id: str) -> Key:
        """Takes the trust from a key: nothing more is encrypted to it, and it opens what there is."""

    def destroy(self, id: str) -> Key:
        """Deletes the secret of a key, and with it what it alone could open. There is no way back but a backup."""

    async def destroy_async(self, id: str) -> Key:
        """Deletes the secret of a key, and with it what it alone could open. There is no way back but a backup."""

    def change_passphrase(self, new: str, *, id: str | None = None) -> Key:
        """Puts a key under another passphrase, the master key if none is named."""

    async def change_passphrase_async(self, new: str, *, id: str | None = None) -> Key:
        """Puts a key under another passphrase, the master key if none is named."""

    def export_public(self, id: str) -> str:
        """Returns the public half of a pair, as PEM."""

    async def export_public_async(self, id: str) -> str:
        """Returns the public half of a pair, as PEM."""

    def import_pem(self, pem: str, *, name: str | None = None) -> Key:
        """Takes in a key from PEM: a pair, which is put under the passphrase, or the public half of somebody else's."""

    async def import_pem_async(self, pem: str, *, name: str | None = None) -> Key:
        """Takes in a key from PEM: a pair, which is put under the passphrase, or the public half of somebody else's."""

    def backup(self, id: str | None = None) -> str:
        """Returns a machine or master key as 24 words, the master key if none is named. Whoever has the words has the key."""

    async def backup_async(self, id: str | None = None) -> str:
        """Returns a machine or master key as 24 words, the master key if none is named. Whoever has the words has the key."""

    def restore(self, words: str, *, kind: Literal["machine", "master"] = "master") -> Key:
        """Brings a machine or master key back from its words."""

    async def restore_async(self, words: str, *, kind: Literal["machine", "master"] = "master") -> Key:
        """Brings a machine or master key back from its words."""

    def rotate(self, *folders: str | PathLike[str], id: str | None = None) -> Rotated:
        """Puts a new key in the place of an old one, and has the files in the folders follow; goes on with what was interrupted.

        Without folders these are the library and wherever files were encrypted. Only headers are written, never a payload.
        """

    async def rotate_async(self, *folders: str | PathLike[str], id: str | None = None) -> Rotated:
        """Puts a new key in the place of an old one, and has the files in the folders follow; goes on with what was interrupted."""
