"""Files of any address."""

from pathlib import Path

import pytest
from civitai_rs import Client, IntegrityError, UnsafeAddressError, UsageError, fetch, fetch_async

from test_library import a_model_file


def an_address(client: Client) -> tuple[str, str]:
    version, sha256 = a_model_file(client)
    return f"{client.base_url.rstrip('/')}/api/download/models/{version}", sha256


def test_an_address_is_fetched_and_proved(client: Client, tmp_path: Path) -> None:
    url, sha256 = an_address(client)
    fetched = fetch(url, to=tmp_path / "model.safetensors", sha256=sha256, client=client)
    assert (fetched.status, fetched.sha256, fetched.verified) == ("downloaded", sha256, "sha256")
    assert fetched.path == tmp_path / "model.safetensors" and fetched.model_id is None
    again = fetch(url, to=tmp_path / "model.safetensors", sha256=sha256, client=client)
    assert again.status == "skipped"
    wrong = "0" * 64
    with pytest.raises(IntegrityError):
        fetch(url, to=tmp_path / "other.safetensors", sha256=wrong, client=client)
    assert not (tmp_path / "other.safetensors").exists()


async def test_without_a_name_the_address_gives_one(client: Client, tmp_path: Path) -> None:
    import asyncio

    url, _ = await asyncio.to_thread(an_address, client)
    fetched = await fetch_async(url, to=tmp_path, client=client)
    assert fetched.path is not None and fetched.path.parent == tmp_path
    assert fetched.path.name == url.rsplit("/", 1)[1]


def test_what_is_no_address_or_no_safe_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="url"):
        fetch("not an address", to=tmp_path)
    with pytest.raises((UsageError, UnsafeAddressError)):
        fetch("http://10.0.0.1/model.safetensors", to=tmp_path)
