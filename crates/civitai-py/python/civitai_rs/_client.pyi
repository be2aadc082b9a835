"""The client: what the site knows."""

import os
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Literal, Self, final

from ._link import Link
from ._listing import Listing
from ._record import Article, Collection, Creator, Enums, HashMatch, Image, Me, Model, Tag, Version

Level = Literal["pg", "pg13", "r", "x", "xxx"]

@final
class Client:
    """Civitai's public API.

    Every call is one operation with one budget of retries, and may be cancelled at any time. A client may be shared
    among threads and tasks; they share its connections and its rate.

    >>> with Sim() as sim:
    ...     sim.client().resolve("https://civitai.com/models/4384/dreamshaper").model_id
    4384
    """

    def __new__(
        cls,
        *,
        token: str | None = None,
        base_url: str | None = None,
        timeout: timedelta | None = None,
        max_wait: timedelta | None = None,
        retries: int | None = None,
        rate: float | None = None,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        product: str | None = None,
        allow_private_network: bool = False,
    ) -> Self:
        """Set up a client; nothing is sent yet.

        Args:
            token: The API key. By default ``CIVITAI_TOKEN``, ``CIVITAI_API_TOKEN`` or ``CIVITAI_API_KEY`` of the
                environment; an empty text means none.
            base_url: The site. By default ``CIVITAI_BASE_URL`` of the environment, else ``https://civitai.com``.
            timeout: How long one request may take in all, two minutes by default.
            max_wait: The longest wait that a server may ask for, one minute by default.
            retries: How many retries may follow the first try.
            rate: Requests a second to start from; the rate follows how the server answers. Two by default, with bursts of
                ten; unlimited on loopback.
            proxy: The address of a proxy. By default ``HTTPS_PROXY`` of the environment.
            ca_file: Further certificate authorities, PEM.
            cache_dir: Keeps answers for a quarter of an hour in ``cache.db`` there. By default every answer is new.
            product: Name and version of your application, for the user agent.
            allow_private_network: Allows origins and redirects in private networks.

        Raises:
            UsageError: For an origin that is refused, and for a token that no header can carry.
        """

    @property
    def base_url(self) -> str:
        """The site's root."""

    @property
    def has_token(self) -> bool:
        """Whether requests to the site carry a token."""

    def search(
        self,
        query: str | None = None,
        *,
        types: str | Iterable[str] = (),
        base_models: str | Iterable[str] = (),
        tag: str | None = None,
        username: str | None = None,
        sort: str | None = None,
        period: str | None = None,
        nsfw: Level | None = None,
        checkpoint_type: str | None = None,
        commercial: str | Iterable[str] = (),
        min_downloads: int | None = None,
        max_downloads: int | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        category: str | None = None,
        format: str | None = None,
        limit: int | None = None,
    ) -> Listing[Model]:
        """Search models. Every model found meets every condition, those that the API ignores included.

        Args:
            query: Full text; the order is then by relevance.
            types: Any of these types, such as ``"LORA"``.
            base_models: Any of these base models, such as ``"SDXL 1.0"``.
            tag: This tag, whatever its case.
            username: This creator's.
            sort: The order, such as ``"Most Downloaded"``; the highest rated first by default.
            period: When the newest version must have been published, such as ``"Month"``.
            nsfw: The highest level to include, ``"pg"`` by default.
            checkpoint_type: ``"Trained"`` or ``"Merge"``.
            commercial: Any of these commercial uses permitted.
            min_downloads: At least this many downloads.
            max_downloads: At most this many downloads.
            since: The newest version was published then or later. A ``datetime`` needs a time zone.
            until: The newest version was published then or earlier.
            category: This category.
            format: A file of this format in any version, such as ``"safetensors"``.
            limit: The most models to return; all by default.

        Raises:
            UsageError: For a name that the API does not know, with the nearest one it knows.
        """

    def images(
        self,
        *,
        model_id: int | None = None,
        version_id: int | None = None,
        post_id: int | None = None,
        username: str | None = None,
        nsfw: Level | None = None,
        sort: str | None = None,
        period: str | None = None,
        type: str | None = None,
        base_models: str | Iterable[str] = (),
        with_meta: bool = True,
        with_tags: bool = False,
        limit: int | None = None,
    ) -> Listing[Image]:
        """List pictures.

        Args:
            model_id: Only this model's, newest first whatever ``sort`` says.
            version_id: Only this version's.
            post_id: Only this post's.
            username: Only this user's.
            nsfw: The highest level to include; what everyone may see by default.
            sort: The order; by reactions by default.
            period: When it must have been published.
            type: ``"image"``, ``"video"`` or ``"audio"``.
            base_models: Any of these base models.
            with_meta: With the generation data.
            with_tags: With tags.
            limit: The most pictures to return; all by default.
        """

    def creators(self, query: str | None = None, *, limit: int | None = None) -> Listing[Creator]:
        """List creators with ``query`` in their name."""

    def tags(self, query: str | None = None, *, limit: int | None = None) -> Listing[Tag]:
        """List tags that begin with ``query``."""

    def collections(self, query: str | None = None, *, limit: int | None = None) -> Listing[Collection]:
        """List collections."""

    def articles(
        self, query: str | None = None, *, username: str | None = None, limit: int | None = None
    ) -> Listing[Article]:
        """List articles, the newest first."""

    def model(self, model_id: int) -> Model:
        """Return a model with all its versions, of any level.

        Raises:
            NotFoundError: There is none, or it is private.
        """

    async def model_async(self, model_id: int) -> Model:
        """Return a model with all its versions, of any level.

        Raises:
            NotFoundError: There is none, or it is private.
        """

    def models(self, model_ids: Sequence[int]) -> list[Model]:
        """Return models by their ids, those that exist, in no particular order. A hundred cost one request."""

    async def models_async(self, model_ids: Sequence[int]) -> list[Model]:
        """Return models by their ids, those that exist, in no particular order. A hundred cost one request."""

    def version(self, version_id: int) -> Version:
        """Return a version, without its model's other versions.

        Raises:
            NotFoundError: There is none, or it was not scanned yet.
        """

    async def version_async(self, version_id: int) -> Version:
        """Return a version, without its model's other versions.

        Raises:
            NotFoundError: There is none, or it was not scanned yet.
        """

    def by_hash(self, hash: str) -> Version:
        """Return the version that has a file with this hash: 8, 10, 12 or 64 hexadecimal digits.

        If several have, the site decides for the one published first.

        Raises:
            NotFoundError: The site knows no such file.
        """

    async def by_hash_async(self, hash: str) -> Version:
        """Return the version that has a file with this hash: 8, 10, 12 or 64 hexadecimal digits.

        If several have, the site decides for the one published first.

        Raises:
            NotFoundError: The site knows no such file.
        """

    def match_hashes(self, hashes: Sequence[str]) -> list[HashMatch]:
        """Return which versions have files with these SHA-256 digests. A thousand cost one request.

        A digest has no row if the site does not know it, and several if several versions have the file.
        """

    async def match_hashes_async(self, hashes: Sequence[str]) -> list[HashMatch]:
        """Return which versions have files with these SHA-256 digests. A thousand cost one request.

        A digest has no row if the site does not know it, and several if several versions have the file.
        """

    def image(self, image_id: int) -> Image:
        """Return one picture of any level with its generation data.

        Raises:
            NotFoundError: There is none.
        """

    async def image_async(self, image_id: int) -> Image:
        """Return one picture of any level with its generation data.

        Raises:
            NotFoundError: There is none.
        """

    def collection(self, collection_id: int) -> Collection:
        """Return a collection's description. The API cannot list what is in it."""

    async def collection_async(self, collection_id: int) -> Collection:
        """Return a collection's description. The API cannot list what is in it."""

    def article(self, article_id: int) -> Article:
        """Return an article."""

    async def article_async(self, article_id: int) -> Article:
        """Return an article."""

    def info(self, link: str) -> Model | Version | list[Version]:
        """Return what a link leads to: a model, a version, or the versions that a picture was made with.

        Raises:
            UsageError: The link stands for many models; `search` lists them.
        """

    async def info_async(self, link: str) -> Model | Version | list[Version]:
        """Return what a link leads to: a model, a version, or the versions that a picture was made with.

        Raises:
            UsageError: The link stands for many models; `search` lists them.
        """

    def resolve(self, link: str, *, online: bool = False) -> Link:
        """Read a link; with ``online``, complete and correct it by what the site knows. Without, nothing is sent."""

    async def resolve_async(self, link: str, *, online: bool = False) -> Link:
        """Read a link; with ``online``, complete and correct it by what the site knows. Without, nothing is sent."""

    def whoami(self) -> Me:
        """Return the account that the token belongs to.

        Raises:
            BadTokenError: The site does not accept the token.
        """

    async def whoami_async(self) -> Me:
        """Return the account that the token belongs to.

        Raises:
            BadTokenError: The site does not accept the token.
        """

    def enums(self) -> Enums:
        """Return the values of the site's enumerations today."""

    async def enums_async(self) -> Enums:
        """Return the values of the site's enumerations today."""
