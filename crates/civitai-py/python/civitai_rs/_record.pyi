"""Civitai's objects as frozen classes.

A field that the site left out is ``None`` or empty. ``to_dict()`` has everything, in Civitai's own field names and
including fields that are newer than this package.
"""

from datetime import datetime
from typing import Any, final, type_check_only

@type_check_only
class _Record:
    """What every object of Civitai has."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object in Civitai's own field names."""

    def to_json(self) -> str:
        """Returns the same as JSON text."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

@final
class Model(_Record):
    """A model: what a creator published under one title."""

    @property
    def id(self) -> int:
        """The model's id."""

    @property
    def name(self) -> str:
        """The title; empty if the server left it out."""

    @property
    def description(self) -> str | None:
        """The creator's text, HTML; clean it before showing it."""

    @property
    def nsfw(self) -> bool | None:
        """The creator's own "not safe for work" flag, independent of `nsfw_level`."""

    @property
    def nsfw_level(self) -> int | None:
        """The levels that occur in the model's pictures; absent before 2024."""

    @property
    def poi(self) -> bool | None:
        """Whether it depicts a real person."""

    @property
    def minor(self) -> bool | None:
        """Whether it was flagged as depicting minors; such models vanish from listings with mature content."""

    @property
    def sfw_only(self) -> bool | None:
        """Whether it may be used for safe content only; absent before 2025."""

    @property
    def availability(self) -> str | None:
        """Who may see it; absent before 2024."""

    @property
    def allow_no_credit(self) -> bool | None:
        """Whether it may be used without naming the creator."""

    @property
    def allow_commercial_use(self) -> list[str] | None:
        """The permitted commercial uses."""

    @property
    def allow_derivatives(self) -> bool | None:
        """Whether merges and other derivatives may be shared."""

    @property
    def allow_different_license(self) -> bool | None:
        """Whether derivatives may carry other permissions."""

    @property
    def mode(self) -> str | None:
        """A restriction; absent for normal models."""

    @property
    def user_id(self) -> int | None:
        """The creator's id; absent before 2025."""

    @property
    def base_models(self) -> list[str]:
        """The base models of the visible versions; empty before 2026."""

    @property
    def supports_generation(self) -> bool | None:
        """Whether any version runs on the site's own generator."""

    @property
    def stats(self) -> Stats | None:
        """Counters."""

    @property
    def creator(self) -> Creator | None:
        """The creator; absent for the house account."""

    @property
    def tags(self) -> list[str]:
        """Tag names; the site's categories are among them."""

    @property
    def versions(self) -> list[Version]:
        """The published versions in the creator's order: the first is the default one, not always the newest."""

    @property
    def type(self) -> str | None:
        """What the model is."""

    @property
    def default_version(self) -> Version | None:
        """The version that the site shows first, which a link without a version means."""

    @property
    def newest_version(self) -> Version | None:
        """The version published last."""

    @property
    def is_archived(self) -> bool:
        """Whether its files were withdrawn from download for good."""

    @staticmethod
    def from_json(text: str) -> Model:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Version(_Record):
    """A version of a model."""

    @property
    def id(self) -> int:
        """The version's id, by which downloads are asked for."""

    @property
    def name(self) -> str:
        """The creator's name for it; empty if the server left it out."""

    @property
    def index(self) -> int | None:
        """The creator's rank for it, 0 first; absent outside models."""

    @property
    def status(self) -> str | None:
        """Absent in listings, where everything is published."""

    @property
    def base_model(self) -> str | None:
        """The model it runs on; names change weekly."""

    @property
    def base_model_type(self) -> str | None:
        """What the base model was prepared for."""

    @property
    def created_at(self) -> datetime | None:
        """When it was created; absent in listings."""

    @property
    def updated_at(self) -> datetime | None:
        """When it last changed; absent in listings."""

    @property
    def published_at(self) -> datetime | None:
        """When it was published; the only date that listings have."""

    @property
    def availability(self) -> str | None:
        """Who may see it; absent from `/model-versions`."""

    @property
    def nsfw_level(self) -> int | None:
        """The levels that occur in its pictures."""

    @property
    def description(self) -> str | None:
        """The creator's notes, HTML; clean it before showing it."""

    @property
    def trained_words(self) -> list[str]:
        """Words that call the trained idea, as typed by the creator."""

    @property
    def vae_id(self) -> int | None:
        """The version whose VAE goes with it; its file is listed here too, under its own id. Absent outside listings."""

    @property
    def early_access_deadline(self) -> datetime | None:
        """When a timed gate ends; absent without one, and outside listings."""

    @property
    def paid_access(self) -> PaidAccess | None:
        """The gate that is active now, if any."""

    @property
    def usage_control(self) -> str | None:
        """What others may do with it; absent in listings."""

    @property
    def upload_type(self) -> str | None:
        """How it was made; absent in listings."""

    @property
    def training_status(self) -> str | None:
        """How far training came; absent for versions made elsewhere."""

    @property
    def air(self) -> str | None:
        """The version's resource name; absent in listings."""

    @property
    def stats(self) -> Stats | None:
        """Counters."""

    @property
    def model(self) -> VersionModel | None:
        """A summary of its model; absent inside a model."""

    @property
    def creator(self) -> Creator | None:
        """The creator; only in bodies relayed by other tools."""

    @property
    def files(self) -> list[File]:
        """The downloadable files; may be empty, and none need be primary."""

    @property
    def images(self) -> list[Image]:
        """Sample pictures, at most 20."""

    @property
    def download_url(self) -> str | None:
        """Where the server says the default file is. Its host is unreliable: ``Library.get`` does not use it."""

    @property
    def model_id(self) -> int | None:
        """The model it belongs to."""

    @property
    def is_download_disabled(self) -> bool | None:
        """Whether downloads are switched off for everyone; None where the endpoint does not tell."""

    @staticmethod
    def from_json(text: str) -> Version:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class File(_Record):
    """A file of a version."""

    @property
    def id(self) -> int:
        """The file's id; with it a download names exactly this file."""

    @property
    def name(self) -> str:
        """The name it downloads under, as far as this endpoint knows; not yet safe for a disk."""

    @property
    def override_name(self) -> str | None:
        """The name its owner gave it instead; absent outside listings and by-hash."""

    @property
    def size_kib(self) -> float | None:
        """Size in KiB; ``bytes`` is the same in bytes."""

    @property
    def metadata(self) -> FileMetadata | None:
        """Format, precision and such; any part may be absent."""

    @property
    def pickle_scan_result(self) -> str | None:
        """The pickle scanner's verdict; absent for a file not yet looked at."""

    @property
    def pickle_scan_message(self) -> str | None:
        """What it found, as text or a Markdown list."""

    @property
    def virus_scan_result(self) -> str | None:
        """The virus scanner's verdict."""

    @property
    def virus_scan_message(self) -> str | None:
        """What it found."""

    @property
    def scanned_at(self) -> datetime | None:
        """When it was scanned."""

    @property
    def hashes(self) -> Hashes | None:
        """Digests; empty until it was scanned."""

    @property
    def download_url(self) -> str | None:
        """Where the server says it is. The host is unreliable, and the query may name another file."""

    @property
    def primary(self) -> bool | None:
        """Whether it is the version's main file; absent or false otherwise."""

    @property
    def type(self) -> str | None:
        """Its role in the version."""

    @property
    def display_name(self) -> str:
        """The name to save it under, before cleaning."""

    @property
    def bytes(self) -> int | None:
        """The size that the site claims."""

    @property
    def format(self) -> str | None:
        """Its format, from the metadata or else from the name."""

    @property
    def size(self) -> str | None:
        """Whether it was pruned, from the metadata or else from its role."""

    @property
    def fp(self) -> str | None:
        """The number format of its weights."""

    @property
    def quant(self) -> str | None:
        """Its quantisation."""

    @staticmethod
    def from_json(text: str) -> File:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class FileMetadata(_Record):
    """What a file contains, as far as its uploader said."""

    @property
    def format(self) -> str | None:
        """How the tensors are stored."""

    @property
    def size(self) -> str | None:
        """Whether it was pruned."""

    @property
    def fp(self) -> str | None:
        """The number format."""

    @property
    def quant_type(self) -> str | None:
        """The quantisation; only from `/models`."""

    @property
    def is_required(self) -> bool | None:
        """Whether the version cannot be used without it; only from `/models`."""

    @staticmethod
    def from_json(text: str) -> FileMetadata:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Hashes(_Record):
    """Digests of a file, as sent."""

    @property
    def auto_v1(self) -> str | None:
        """SHA-256 of 64 KiB from the second mebibyte, first 8 digits; absent below 2 MiB. Collides among merges."""

    @property
    def auto_v2(self) -> str | None:
        """First 10 digits of the SHA-256."""

    @property
    def auto_v3(self) -> str | None:
        """SHA-256 of what follows the safetensors header, usually cut to 12 digits."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the file."""

    @property
    def crc32(self) -> str | None:
        """CRC-32 of the file, bytes in little-endian order."""

    @property
    def blake3(self) -> str | None:
        """BLAKE3 of the file."""

    @staticmethod
    def from_json(text: str) -> Hashes:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Image(_Record):
    """A picture or video."""

    @property
    def url(self) -> str:
        """Where it is shown; `original=true` in it means the stored upload, whatever the extension says."""

    @property
    def blur_hash(self) -> str | None:
        """`BlurHash` of the picture, not a digest of the file."""

    @property
    def width(self) -> int | None:
        """Width in pixels."""

    @property
    def height(self) -> int | None:
        """Height in pixels."""

    @property
    def nsfw(self) -> bool | None:
        """Whether it is above PG; in listings."""

    @property
    def nsfw_level(self) -> int | None:
        """Its level. Listings write a word here that does not tell X from XXX."""

    @property
    def browsing_level(self) -> int | None:
        """Its exact level; in listings."""

    @property
    def created_at(self) -> datetime | None:
        """When it was published; in listings."""

    @property
    def post_id(self) -> int | None:
        """The post it belongs to; in listings."""

    @property
    def stats(self) -> Stats | None:
        """Reactions; in listings."""

    @property
    def meta(self) -> dict[str, Any] | None:
        """How it was made: flat, or wrapped as `{id, meta}`; absent when hidden or not asked for."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """What is known of the file itself; in samples of `/model-versions`."""

    @property
    def username(self) -> str | None:
        """Who published it; absent in samples and for deleted users."""

    @property
    def base_model(self) -> str | None:
        """The model it was made with; in listings."""

    @property
    def version_ids(self) -> list[int]:
        """The versions it was made with, as the server worked them out; in listings."""

    @property
    def tags(self) -> list[Tag]:
        """Tags; only when asked for."""

    @property
    def availability(self) -> str | None:
        """Who may see it."""

    @property
    def minor(self) -> bool | None:
        """Whether it was flagged as depicting minors."""

    @property
    def poi(self) -> bool | None:
        """Whether it depicts a real person."""

    @property
    def has_meta(self) -> bool | None:
        """Whether `meta` would have content if asked for."""

    @property
    def has_positive_prompt(self) -> bool | None:
        """Whether `meta` would have a prompt."""

    @property
    def on_site(self) -> bool | None:
        """Whether it was made on the site."""

    @property
    def remix_of_id(self) -> int | None:
        """The picture it was derived from."""

    @property
    def id(self) -> int | None:
        """Its id, from the address where the field is absent."""

    @property
    def type(self) -> str | None:
        """What kind of medium it is; absent before 2024."""

    @property
    def level(self) -> int | None:
        """How mature it is, from the most exact field there is."""

    @staticmethod
    def from_json(text: str) -> Image:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Stats(_Record):
    """Counters of a model, version, picture or article."""

    @property
    def download_count(self) -> int | None:
        """Downloads; absent when the creator hides them."""

    @property
    def thumbs_up_count(self) -> int | None:
        """Thumbs up."""

    @property
    def thumbs_down_count(self) -> int | None:
        """Thumbs down."""

    @property
    def comment_count(self) -> int | None:
        """Comments."""

    @property
    def tipped_amount_count(self) -> int | None:
        """Tips in Buzz; absent when the creator hides them."""

    @property
    def favorite_count(self) -> int | None:
        """Favourites; in bodies from before 2024."""

    @property
    def rating_count(self) -> int | None:
        """Ratings; in bodies from before 2024."""

    @property
    def rating(self) -> float | None:
        """Mean rating from 0 to 5; in bodies from before 2024."""

    @property
    def like_count(self) -> int | None:
        """"Like" reactions; pictures and articles."""

    @property
    def heart_count(self) -> int | None:
        """"Heart" reactions; pictures and articles."""

    @property
    def laugh_count(self) -> int | None:
        """"Laugh" reactions; pictures."""

    @property
    def cry_count(self) -> int | None:
        """"Cry" reactions; pictures."""

    @property
    def dislike_count(self) -> int | None:
        """"Dislike" reactions; pictures."""

    @property
    def collected_count(self) -> int | None:
        """Collections that hold it; articles."""

    @property
    def view_count(self) -> int | None:
        """Views; articles."""

    @staticmethod
    def from_json(text: str) -> Stats:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Creator(_Record):
    """A creator."""

    @property
    def username(self) -> str | None:
        """Absent for deleted users."""

    @property
    def model_count(self) -> int | None:
        """Number of published models; only in listings, absent when zero."""

    @property
    def link(self) -> str | None:
        """The API's address for their models, not percent-encoded; only in listings."""

    @property
    def image(self) -> str | None:
        """Their portrait."""

    @staticmethod
    def from_json(text: str) -> Creator:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class User(_Record):
    """A user, as an object names its owner."""

    @property
    def id(self) -> int | None:
        """Absent for deleted users."""

    @property
    def username(self) -> str | None:
        """Absent for deleted users."""

    @property
    def image(self) -> str | None:
        """Their portrait."""

    @property
    def avatar_nsfw(self) -> str | None:
        """How mature the portrait is, as a word."""

    @staticmethod
    def from_json(text: str) -> User:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Me(_Record):
    """The owner of the token in use."""

    @property
    def id(self) -> int:
        """Their id."""

    @property
    def username(self) -> str | None:
        """Their name."""

    @property
    def tier(self) -> str | None:
        """Their membership; may be absent."""

    @property
    def status(self) -> str | None:
        """What the account may do."""

    @property
    def is_member(self) -> bool | None:
        """Whether they pay."""

    @property
    def subscriptions(self) -> list[str]:
        """Names of their subscriptions."""

    @property
    def email(self) -> str | None:
        """Their address; absent without the scope for it."""

    @property
    def email_verified(self) -> bool | None:
        """Whether the address was confirmed."""

    @property
    def token_scope(self) -> int | None:
        """What the token may do, as a set of bits."""

    @staticmethod
    def from_json(text: str) -> Me:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Tag(_Record):
    """A tag."""

    @property
    def id(self) -> int | None:
        """Absent from `/tags`."""

    @property
    def name(self) -> str:
        """The tag itself."""

    @property
    def link(self) -> str | None:
        """The API's address for models with it, not percent-encoded; only from `/tags`."""

    @property
    def model_count(self) -> int | None:
        """Number of models; in bodies from before 2024."""

    @property
    def is_category(self) -> bool | None:
        """Whether the site uses it as a category; articles only."""

    @staticmethod
    def from_json(text: str) -> Tag:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Collection(_Record):
    """A collection."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def name(self) -> str:
        """Its title."""

    @property
    def description(self) -> str | None:
        """Its owner's text."""

    @property
    def nsfw_level(self) -> int | None:
        """The levels that occur in it."""

    @property
    def read(self) -> str | None:
        """Who may read it."""

    @property
    def is_public(self) -> bool | None:
        """Whether everyone may read it."""

    @property
    def item_count(self) -> int | None:
        """How many things it holds; only in listings."""

    @property
    def cover_image_url(self) -> str | None:
        """Its cover picture."""

    @property
    def user(self) -> User | None:
        """Its owner."""

    @property
    def tags(self) -> list[Tag]:
        """Its tags; only in its own description."""

    @property
    def type(self) -> str | None:
        """What it holds; None when mixed."""

    @staticmethod
    def from_json(text: str) -> Collection:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Article(_Record):
    """An article."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def title(self) -> str:
        """Its title."""

    @property
    def content(self) -> str | None:
        """Its text, HTML; only in its own description."""

    @property
    def published_at(self) -> datetime | None:
        """When it was published; absent for drafts."""

    @property
    def created_at(self) -> datetime | None:
        """When it was begun."""

    @property
    def updated_at(self) -> datetime | None:
        """When it last changed."""

    @property
    def nsfw_level(self) -> int | None:
        """The levels that occur in it."""

    @property
    def availability(self) -> str | None:
        """Who may see it."""

    @property
    def status(self) -> str | None:
        """Where it stands."""

    @property
    def stats(self) -> Stats | None:
        """Counters."""

    @property
    def user(self) -> User | None:
        """Its author."""

    @property
    def tags(self) -> list[Tag]:
        """Its tags."""

    @property
    def cover_image(self) -> Image | None:
        """Its cover picture."""

    @staticmethod
    def from_json(text: str) -> Article:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class VersionModel(_Record):
    """What a version says of its model."""

    @property
    def id(self) -> int | None:
        """Absent from `/model-versions`, which has `modelId` beside it instead."""

    @property
    def name(self) -> str:
        """The model's title."""

    @property
    def nsfw(self) -> bool | None:
        """The creator's own flag."""

    @property
    def poi(self) -> bool | None:
        """Whether it depicts a real person."""

    @property
    def mode(self) -> str | None:
        """A restriction; absent for normal models."""

    @property
    def description(self) -> str | None:
        """The model's text, HTML; only in bodies relayed by other tools."""

    @property
    def tags(self) -> list[str]:
        """Tag names; only in bodies relayed by other tools."""

    @property
    def type(self) -> str | None:
        """What the model is."""

    @staticmethod
    def from_json(text: str) -> VersionModel:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class PaidAccess(_Record):
    """An active gate in front of a version."""

    @property
    def permanent(self) -> bool | None:
        """Whether the gate never ends."""

    @property
    def ends_at(self) -> datetime | None:
        """When it ends; absent for permanent gates."""

    @staticmethod
    def from_json(text: str) -> PaidAccess:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class HashMatch(_Record):
    """One row of a bulk lookup by SHA-256."""

    @property
    def version_id(self) -> int:
        """The version that holds the file."""

    @property
    def model_id(self) -> int | None:
        """Its model; absent before 2025."""

    @property
    def hash(self) -> str:
        """The SHA-256 that matched, upper case."""

    @staticmethod
    def from_json(text: str) -> HashMatch:
        """Read what Civitai sent or ``to_json`` wrote."""

@final
class Enums(_Record):
    """The values of the site's enumerations today."""

    @property
    def model_types(self) -> list[str]:
        """Types of models."""

    @property
    def file_types(self) -> list[str]:
        """Roles of files."""

    @property
    def active_base_models(self) -> list[str]:
        """Base models that are not hidden."""

    @property
    def base_models(self) -> list[str]:
        """All base models."""

    @property
    def base_model_types(self) -> list[str]:
        """What base models are prepared for."""

    @staticmethod
    def from_json(text: str) -> Enums:
        """Read what Civitai sent or ``to_json`` wrote."""
