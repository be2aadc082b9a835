"""Links, read."""

from typing import Any, final

@final
class Link:
    """What a link names. Of the fields behind ``ambiguous`` those that do not apply are ``None``."""

    @property
    def input(self) -> str:
        """The link without any token in it."""

    @property
    def kind(self) -> str:
        """``"model"``, ``"version"``, ``"file"``, ``"hash"``, ``"image"``, ``"post"``, ``"user"`` … or ``"unsupported"``."""

    @property
    def ambiguous(self) -> bool:
        """Whether it takes a look at the site to know what is meant."""

    @property
    def model_id(self) -> int | None:
        """The model."""

    @property
    def version_id(self) -> int | None:
        """The version."""

    @property
    def version_ids(self) -> list[int] | None:
        """The versions that a picture was made with, as the site says."""

    @property
    def file_id(self) -> int | None:
        """The file."""

    @property
    def variant(self) -> dict[str, str] | None:
        """Properties of the file that is meant: ``type``, ``format``, ``size``, ``fp``, ``quantType``."""

    @property
    def hash(self) -> str | None:
        """A digest, in lower case."""

    @property
    def image_id(self) -> int | None:
        """A picture."""

    @property
    def post_id(self) -> int | None:
        """A post."""

    @property
    def user_id(self) -> int | None:
        """A creator by number."""

    @property
    def username(self) -> str | None:
        """A creator by name."""

    @property
    def collection_id(self) -> int | None:
        """A collection."""

    @property
    def article_id(self) -> int | None:
        """An article."""

    @property
    def bounty_id(self) -> int | None:
        """A bounty."""

    @property
    def tag(self) -> str | None:
        """Models with a tag."""

    @property
    def query(self) -> str | None:
        """Models that a search finds."""

    @property
    def reason(self) -> str | None:
        """Why the link leads nowhere."""

    @property
    def air(self) -> str | None:
        """The resource name, if the link is one."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that apply, as ``civitai-dl resolve --json`` prints them."""

    def to_json(self) -> str:
        """Return the same as JSON text."""

    @staticmethod
    def from_json(text: str) -> Link:
        """Read what ``to_json`` wrote."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...
