"""A file of any address, by the transfers of the library."""

from os import PathLike

from ._client import Client
from ._transfer import Fetched

def fetch(
    url: str,
    *,
    to: str | PathLike[str] | None = None,
    sha256: str | None = None,
    blake3: str | None = None,
    force: bool = False,
    client: Client | None = None,
) -> Fetched:
    """Fetches the file of an address, resumed, verified and judged like those of the site.

    ``to`` is a folder or the name of the file, the working directory by default. The token of ``client``, or of the
    environment, goes to Civitai and the client's own site only. Another file of the name is an error, unless ``force``.
    """

async def fetch_async(
    url: str,
    *,
    to: str | PathLike[str] | None = None,
    sha256: str | None = None,
    blake3: str | None = None,
    force: bool = False,
    client: Client | None = None,
) -> Fetched:
    """Fetches the file of an address, like ``fetch``."""
