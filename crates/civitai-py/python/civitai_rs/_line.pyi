"""What verbs tell: each class holds the JSON line that the command line prints for the same thing."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, final, type_check_only

@type_check_only
class _Line:
    """What every line has."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as the command line prints them."""

    def to_json(self) -> str:
        """Returns the same as JSON text."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

@final
class Planned(_Line):
    """What is going to be done about a file."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def action(self) -> str:
        """``"download"``, ``"resume"``, ``"link"`` or ``"skip"``."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def bytes(self) -> int | None:
        """How many bytes."""

    @property
    def link(self) -> str:
        """What it was asked for by, without any token."""

    @property
    def model_id(self) -> int | None:
        """The model."""

    @property
    def version_id(self) -> int:
        """The version."""

    @property
    def file_id(self) -> int:
        """The file of the site."""

    @property
    def sha256(self) -> str | None:
        """Its SHA-256."""

    @property
    def type(self) -> Literal["planned"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Planned:
        """Reads what ``to_json`` wrote."""

@final
class Progress(_Line):
    """How far a file is."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def total(self) -> int | None:
        """Of how many, once that is known."""

    @property
    def connections(self) -> int:
        """How many connections receive bytes."""

    @property
    def link(self) -> str:
        """What it was asked for by, without any token."""

    @property
    def file_id(self) -> int | None:
        """The file of the site."""

    @property
    def type(self) -> Literal["progress"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Progress:
        """Reads what ``to_json`` wrote."""

@final
class Entry(_Line):
    """A file of the library."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def sha256(self) -> str | None:
        """Its SHA-256."""

    @property
    def model_id(self) -> int | None:
        """The model."""

    @property
    def version_id(self) -> int | None:
        """The version."""

    @property
    def file_id(self) -> int | None:
        """The file of the site."""

    @property
    def model_type(self) -> str | None:
        """The type, in Civitai's words."""

    @property
    def base_model(self) -> str | None:
        """The base model, in Civitai's words."""

    @property
    def matched_by(self) -> str | None:
        """How it is known which file of the site it is."""

    @property
    def missing(self) -> bool:
        """Whether it is not there any more."""

    @property
    def type(self) -> Literal["entry"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Entry:
        """Reads what ``to_json`` wrote."""

@final
class Checked(_Line):
    """How a file of the library stands."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def status(self) -> str:
        """How it stands."""

    @property
    def ranges(self) -> list[list[int]] | None:
        """The ranges that are damaged, each from its first byte to the first one after; ``None`` where that is not known."""

    @property
    def type(self) -> Literal["verify"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Checked:
        """Reads what ``to_json`` wrote."""

@final
class Repaired(_Line):
    """What became of a file that was to be repaired."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def status(self) -> str:
        """How it stands."""

    @property
    def fetched_bytes(self) -> int:
        """Bytes that came over the network."""

    @property
    def ranges(self) -> list[list[int]] | None:
        """The ranges that are damaged, each from its first byte to the first one after; ``None`` where that is not known."""

    @property
    def problem(self) -> str | None:
        """What went wrong, if anything did."""

    @property
    def type(self) -> Literal["repair"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Repaired:
        """Reads what ``to_json`` wrote."""

@final
class Update(_Line):
    """A newer version of a model of the library."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def version_id(self) -> int:
        """The version."""

    @property
    def new_version_id(self) -> int:
        """The newer version."""

    @property
    def new_version_name(self) -> str | None:
        """Its name."""

    @property
    def reason(self) -> str:
        """Why it is newer."""

    @property
    def type(self) -> Literal["update"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Update:
        """Reads what ``to_json`` wrote."""

@final
class Scanned(_Line):
    """What a scan of the library has brought."""

    @property
    def count(self) -> int:
        """How many files there are."""

    @property
    def added(self) -> int:
        """How many are new."""

    @property
    def changed(self) -> int:
        """How many are other files now."""

    @property
    def moved(self) -> int:
        """How many stand elsewhere now."""

    @property
    def missing(self) -> int:
        """Whether it is not there any more."""

    @property
    def back(self) -> int:
        """How many were missing and are there again."""

    @property
    def unchanged(self) -> int:
        """How many are as they were."""

    @property
    def hashed(self) -> int:
        """How many were hashed."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def asked(self) -> int:
        """How many contents the site was asked for."""

    @property
    def matched(self) -> int:
        """How many of them it knows."""

    @property
    def by_sidecar(self) -> int:
        """How many are known by a sidecar alone."""

    @property
    def problems(self) -> list[str]:
        """What could not be done."""

    @property
    def type(self) -> Literal["summary"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Scanned:
        """Reads what ``to_json`` wrote."""

@final
class Locked(_Line):
    """A file of a lock, and what changed about it."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def change(self) -> str:
        """``"added"``, ``"changed"``, ``"removed"`` or ``"none"``."""

    @property
    def link(self) -> str:
        """What it was asked for by, without any token."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def bytes(self) -> int | None:
        """How many bytes."""

    @property
    def model_id(self) -> int | None:
        """The model."""

    @property
    def version_id(self) -> int:
        """The version."""

    @property
    def file_id(self) -> int:
        """The file of the site."""

    @property
    def sha256(self) -> str | None:
        """Its SHA-256."""

    @property
    def blake3(self) -> str | None:
        """Its BLAKE3."""

    @property
    def model_type(self) -> str | None:
        """The type, in Civitai's words."""

    @property
    def base_model(self) -> str | None:
        """The base model, in Civitai's words."""

    @property
    def licence(self) -> dict[str, Any] | None:
        """What its creator permits, under Civitai's names."""

    @property
    def real_person(self) -> bool | None:
        """Whether it depicts a real person."""

    @property
    def present(self) -> bool | None:
        """Whether it is in the library; only in what ``tree`` returns."""

    @property
    def problem(self) -> str | None:
        """What went wrong, if anything did."""

    @property
    def type(self) -> Literal["locked"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Locked:
        """Reads what ``to_json`` wrote."""

@final
class Identity(_Line):
    """What a file is, by its header alone."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def model_type(self) -> str | None:
        """The type, in Civitai's words."""

    @property
    def base_model(self) -> str | None:
        """The base model, in Civitai's words."""

    @property
    def family(self) -> str | None:
        """The line of models it belongs to."""

    @property
    def confidence(self) -> float:
        """How sure the answer is, from 0 to 1."""

    @property
    def format(self) -> str:
        """How the file is written."""

    @property
    def evidence(self) -> list[str]:
        """What was seen, the weightiest first."""

    @property
    def type(self) -> Literal["identity"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Identity:
        """Reads what ``to_json`` wrote."""

@final
class FileHashes(_Line):
    """The digests of a file, in Civitai's spelling."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def sha256(self) -> str:
        """Its SHA-256."""

    @property
    def blake3(self) -> str:
        """Its BLAKE3."""

    @property
    def crc32(self) -> str:
        """Its CRC-32."""

    @property
    def auto_v1(self) -> str | None:
        """Its AutoV1."""

    @property
    def auto_v2(self) -> str:
        """Its AutoV2."""

    @property
    def auto_v3(self) -> str | None:
        """Its AutoV3, 12 digits."""

    @property
    def auto_v3_full(self) -> str | None:
        """Its AutoV3, all 64 digits."""

    @property
    def type(self) -> Literal["hashes"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> FileHashes:
        """Reads what ``to_json`` wrote."""

@final
class Scan(_Line):
    """What a file could do."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def verdict(self) -> str:
        """``"clean"``, ``"suspicious"``, ``"malicious"``, ``"malformed"`` or ``"unscannable"``."""

    @property
    def findings(self) -> list[Finding]:
        """What was found."""

    @property
    def type(self) -> Literal["scan"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Scan:
        """Reads what ``to_json`` wrote."""

@final
class Finding(_Line):
    """One thing found in a file."""

    @property
    def rule(self) -> str:
        """The rule that it breaks."""

    @property
    def member(self) -> str:
        """The member of an archive it is in."""

    @property
    def offset(self) -> int:
        """Where it begins."""

    @property
    def detail(self) -> str:
        """What was seen."""

    @property
    def callable(self) -> str | None:
        """The function or class that would be called, as ``module.name``."""

    @property
    def type(self) -> Literal["finding"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Finding:
        """Reads what ``to_json`` wrote."""

@final
class Reference(_Line):
    """A model that a workflow uses."""

    @property
    def name(self) -> str | None:
        """Its name."""

    @property
    def kind(self) -> str:
        """What it is used as."""

    @property
    def status(self) -> str:
        """How it stands."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def node(self) -> str | None:
        """The node that names it."""

    @property
    def hash(self) -> str | None:
        """Its hash, where one is named."""

    @property
    def version_id(self) -> int | None:
        """The version."""

    @property
    def link(self) -> str | None:
        """What it was asked for by, without any token."""

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """What it may be, the likeliest first."""

    @property
    def type(self) -> Literal["reference"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Reference:
        """Reads what ``to_json`` wrote."""

@final
class Operation(_Line):
    """Something that was done to a library, and can be undone."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def verb(self) -> str:
        """What was done."""

    @property
    def paths(self) -> list[str]:
        """The files."""

    @property
    def undoable(self) -> bool:
        """Whether it can be undone."""

    @property
    def type(self) -> Literal["operation"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Operation:
        """Reads what ``to_json`` wrote."""

@final
class Duplicate(_Line):
    """Files that are alike."""

    @property
    def paths(self) -> list[str]:
        """The files."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def type(self) -> Literal["duplicate"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Duplicate:
        """Reads what ``to_json`` wrote."""

@final
class Held(_Line):
    """A file in quarantine."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def reason(self) -> str | None:
        """Why it is newer."""

    @property
    def type(self) -> Literal["quarantined"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Held:
        """Reads what ``to_json`` wrote."""

@final
class Sealed(_Line):
    """A file that was encrypted or decrypted."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def output(self) -> Path:
        """The file that was written."""

    @property
    def level(self) -> str:
        """The level of encryption."""

    @property
    def type(self) -> Literal["sealed"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Sealed:
        """Reads what ``to_json`` wrote."""

@final
class Orphan(_Line):
    """What stands beside a model that is no more."""

    @property
    def path(self) -> Path:
        """The file, below the root of the library."""

    @property
    def kind(self) -> str:
        """What it is."""

    @property
    def type(self) -> Literal["orphan"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Orphan:
        """Reads what ``to_json`` wrote."""

@final
class Placement(_Line):
    """Where a layout would put a file."""

    @property
    def path(self) -> Path:
        """Where it is, below the root of the library."""

    @property
    def target(self) -> Path:
        """Where it would be."""

    @property
    def type(self) -> Literal["placement"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Placement:
        """Reads what ``to_json`` wrote."""

@final
class Backup(_Line):
    """A copy of the catalogue."""

    @property
    def path(self) -> Path:
        """The copy."""

    @property
    def made(self) -> datetime | None:
        """When it was made."""

    @property
    def reason(self) -> str:
        """Why it was made."""

    @property
    def bytes(self) -> int:
        """How large it is."""

    @property
    def type(self) -> Literal["backup"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Backup:
        """Reads what ``to_json`` wrote."""

@final
class Trashed(_Line):
    """What an operation has put aside."""

    @property
    def id(self) -> int:
        """The number of the operation."""

    @property
    def verb(self) -> str | None:
        """What it did; ``None`` where nobody remembers."""

    @property
    def files(self) -> int:
        """How many files."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def since(self) -> datetime | None:
        """Since when."""

    @property
    def type(self) -> Literal["trash"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Trashed:
        """Reads what ``to_json`` wrote."""

@final
class Key(_Line):
    """A key that files are encrypted to."""

    @property
    def id(self) -> str:
        """Its name in containers."""

    @property
    def kind(self) -> str:
        """``"machine"``, ``"master"``, ``"rsa"`` or ``"rsa_ml_kem"``."""

    @property
    def state(self) -> str:
        """``"active"``, ``"decrypt_only"``, ``"revoked"`` or ``"destroyed"``."""

    @property
    def name(self) -> str | None:
        """Whose it is, if somebody has said so."""

    @property
    def place(self) -> str:
        """Where its secret is."""

    @property
    def bits(self) -> int | None:
        """The length of the RSA modulus, for pairs."""

    @property
    def created(self) -> datetime:
        """When this store got it."""

    @property
    def type(self) -> Literal["key"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Key:
        """Reads what ``to_json`` wrote."""

@final
class Rotated(_Line):
    """What a rotation of keys has brought."""

    @property
    def finished(self) -> bool:
        """Whether all is done; if not, the next ``rotate`` goes on."""

    @property
    def rewrapped(self) -> int:
        """Files that have the new key now."""

    @property
    def already(self) -> int:
        """Files that had it."""

    @property
    def failed(self) -> int:
        """Files that could not be given it."""

    @property
    def others(self) -> int:
        """Files that the old key does not open."""

    @property
    def problems(self) -> list[str]:
        """Why files failed."""

    @property
    def type(self) -> Literal["summary"]:
        """The ``type`` of the JSON line."""

    @staticmethod
    def from_json(text: str) -> Rotated:
        """Reads what ``to_json`` wrote."""
