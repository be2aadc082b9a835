"""What the client answers, waited for and awaited."""

import asyncio
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from civitai_rs import Client, Model, NotFoundError, Sim, UsageError, Version


def test_a_search_keeps_every_condition(client: Client) -> None:
    loras = list(client.search(types="LORA", limit=5))
    assert loras
    assert {model.type for model in loras} == {"LORA"}
    assert len({model.id for model in loras}) == len(loras)


async def test_waiting_and_awaiting_give_the_same(client: Client) -> None:
    model = next(client.search())
    version = model.default_version
    assert version is not None
    assert await client.model_async(model.id) == await asyncio.to_thread(client.model, model.id)
    assert await client.version_async(version.id) == client.version(version.id)
    assert await client.models_async([model.id]) == client.models([model.id])
    assert await client.whoami_async() == client.whoami()
    assert await client.enums_async() == client.enums()
    link = f"{model.id}@{version.id}"
    assert await client.info_async(link) == client.info(link) == client.version(version.id)
    assert await client.resolve_async(link, online=True) == client.resolve(link, online=True)


def test_a_hash_leads_to_its_version(client: Client) -> None:
    version = some_version(client)
    hashes = version.files[0].hashes
    assert hashes is not None and hashes.sha256 is not None
    assert client.by_hash(hashes.sha256).files[0].hashes == hashes
    rows = client.match_hashes([hashes.sha256])
    assert version.id in {row.version_id for row in rows}


def test_pictures_come_with_their_generation_data(client: Client) -> None:
    images = list(client.images(limit=3))
    assert len(images) == 3
    found = client.image(images[0].id or 0)
    assert found.id == images[0].id
    with pytest.raises(NotFoundError):
        client.image(2_147_483_647)


def test_info_of_a_model_and_of_many(client: Client) -> None:
    model = next(client.search())
    found = client.info(f"{client.base_url}models/{model.id}")
    assert isinstance(found, Model) and found.id == model.id
    with pytest.raises(UsageError, match="search"):
        client.info(f"{client.base_url}user/somebody")


def test_links_are_read_without_network() -> None:
    client = Client(base_url="http://127.0.0.1:9", token="")
    link = client.resolve("https://civitai.com/models/4384?modelVersionId=128713&token=secret")
    assert (link.kind, link.model_id, link.version_id) == ("version", 4384, 128713)
    assert "secret" not in link.input
    assert client.resolve("urn:air:sd1:lora:civitai:1@2").air == "urn:air:sd1:lora:civitai:1@2"
    with pytest.raises(UsageError):
        client.resolve("https://")


def test_dates_need_a_zone(client: Client) -> None:
    assert list(client.search(since=date(2000, 1, 1), limit=1))
    assert list(client.search(since=datetime.now(timezone.utc) - timedelta(days=9000), limit=1))
    assert list(client.search(since="2000-01-01", limit=1))
    with pytest.raises(TypeError, match="time zone"):
        client.search(since=datetime(2000, 1, 1))


def test_settings_come_from_the_environment_unless_they_are_given(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAI_BASE_URL", sim.site)
    monkeypatch.setenv("CIVITAI_TOKEN", sim.tokens["plain"])
    assert Client().whoami().username == "plain"
    assert not Client(token="").has_token
    assert Client(base_url="https://civitai.red").base_url == "https://civitai.red/"


def test_a_token_is_never_shown(sim: Sim) -> None:
    token = sim.tokens["plain"]
    assert token not in repr(sim.client())


def test_answers_are_kept_where_that_is_asked_for(sim: Sim, tmp_path: Path) -> None:
    client = Client(base_url=sim.site, token=sim.tokens["plain"], cache_dir=tmp_path)
    model = next(client.search())
    first = client.model(model.id)
    asked = sim.summary()["requests"]
    assert client.model(model.id) == first
    assert sim.summary()["requests"] == asked
    assert (tmp_path / "cache.db").exists()


def some_version(client: Client) -> Version:
    for model in client.search(types="LORA"):
        version = model.default_version
        if version is not None and version.files and version.files[0].hashes is not None:
            return version
    raise AssertionError("the simulator has LoRAs")
