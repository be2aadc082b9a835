"""Exceptions: one class for each word of the command line's ``error.kind``."""

from datetime import datetime, timedelta
from pathlib import Path

class CivitaiError(Exception):
    """What civitai_rs raises.

    Its text is the whole reason; the fields are ``None`` where they do not apply.
    """

    kind: str
    """The word that the command line and its exit codes use, such as ``"not_found"``."""
    hint: str | None
    """What can be done about it, in one sentence."""
    retry_after: timedelta | None
    """How long the server asks to wait."""
    url: str | None
    """The address that was asked, without credentials and signatures."""
    status: int | None
    """The HTTP status, where the server's answer is the reason."""
    attempts: int | None
    """How many requests were made for the operation."""
    until: datetime | None
    """When early access ends."""
    model_id: int | None
    """The model in question."""
    version_id: int | None
    """The version in question."""
    file_id: int | None
    """The file of the site in question."""
    path: Path | None
    """The file on this machine in question."""

class UsageError(CivitaiError, ValueError):
    """An argument, a link or a setting that cannot be right."""

class UnsupportedError(CivitaiError, NotImplementedError):
    """Civitai's public API has no way to do this."""

class DeepPagingError(CivitaiError, ValueError):
    """The site serves no pages that deep."""

class LoginRequiredError(CivitaiError, PermissionError):
    """Only signed-in users may do this, and there is no token."""

class BadTokenError(CivitaiError, PermissionError):
    """The site does not accept the token."""

class DownloadsDisabledError(CivitaiError, PermissionError):
    """The creator allows no downloads."""

class EarlyAccessError(CivitaiError, PermissionError):
    """The version must be bought; ``until`` says when it becomes free."""

class NoAccessError(CivitaiError, PermissionError):
    """This user, or anybody from this address, may not have it."""

class RegionBlockedError(CivitaiError, PermissionError):
    """The site does not serve this region."""

class NotFoundError(CivitaiError, FileNotFoundError):
    """No such thing, or not for the public."""

class ArchivedError(CivitaiError, FileNotFoundError):
    """The model is archived: it can be looked at and not downloaded."""

class StorageOutageError(CivitaiError, ConnectionError):
    """The file exists, and the site cannot reach its storage at present."""

class ServerError(CivitaiError, ConnectionError):
    """The site failed, or answered with something that is no answer."""

class NetworkError(CivitaiError, ConnectionError):
    """The connection failed or broke."""

class TimedOutError(CivitaiError, TimeoutError):
    """The answer took too long."""

class QuotaError(CivitaiError):
    """The daily download quota is used up."""

class RateLimitedError(CivitaiError):
    """The site asks to slow down; ``retry_after`` says how long."""

class IntegrityError(CivitaiError):
    """The bytes are not what was promised."""

class UnverifiedError(CivitaiError):
    """Nothing was promised that the bytes could be held against."""

class NoSpaceError(CivitaiError, OSError):
    """The disk or a quota of it is full."""

class LocalError(CivitaiError, OSError):
    """This machine could not read or write."""

class LockedError(CivitaiError, BlockingIOError):
    """Another process works on it."""

class UnsafeContentError(CivitaiError):
    """A file that could do harm, or cannot be judged."""

class UnsafeAddressError(CivitaiError):
    """An address that is refused; nothing was sent to it."""

class PolicyError(CivitaiError):
    """Refused by the user's policy."""

class StoppedError(CivitaiError, InterruptedError):
    """Stopped before it was done; what there is can be resumed."""

class InternalError(CivitaiError):
    """A bug here, or an answer nobody has seen before."""
