"""The classes of Civitai's objects."""

import copy
import json
import pickle
from datetime import timezone

import pytest
from civitai_rs import Client, File, Image, Link, Model, UsageError

BODY = {
    "id": 7,
    "name": "m",
    "type": "LORA",
    "fromTheFuture": {"deep": [1, 2.5, None, True, "x"]},
    "stats": {"downloadCount": 12},
    "tags": ["style"],
    "modelVersions": [
        {
            "id": 8,
            "name": "v1",
            "baseModel": "SDXL 1.0",
            "publishedAt": "2025-01-02T03:04:05.678Z",
            "files": [{"id": 9, "name": "a.safetensors", "sizeKB": 2.0, "hashes": {"SHA256": "AB" * 32}}],
        }
    ],
}


def model() -> Model:
    return Model.from_json(json.dumps(BODY))


def test_nothing_is_lost_between_json_and_json() -> None:
    assert model().to_dict() == BODY
    assert json.loads(model().to_json()) == BODY


def test_fields_have_the_types_of_python() -> None:
    version = model().versions[0]
    assert version.published_at is not None
    assert version.published_at.tzinfo is not None
    assert version.published_at.astimezone(timezone.utc).isoformat() == "2025-01-02T03:04:05.678000+00:00"
    file = version.files[0]
    assert (file.bytes, file.format, file.display_name) == (2048, "SafeTensor", "a.safetensors")
    assert version.description is None
    assert model().type == "LORA"
    stats = model().stats
    assert stats is not None and stats.download_count == 12


def test_equal_things_are_equal_and_hash_alike() -> None:
    assert model() == model()
    assert hash(model()) == hash(model())
    other = Model.from_json(json.dumps({**BODY, "name": "other"}))
    assert model() != other
    assert len({model(), model(), other}) == 2
    assert model() != 7


def test_things_are_frozen() -> None:
    with pytest.raises(AttributeError):
        model().name = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_things_are_shown_by_what_names_them() -> None:
    assert repr(model()) == "Model(id=7, name='m')"
    assert repr(model().versions[0].files[0]) == "File(id=9, name='a.safetensors')"


def test_things_are_pickled_and_copied() -> None:
    for thing in (model(), model().versions[0], model().versions[0].files[0]):
        assert pickle.loads(pickle.dumps(thing)) == thing
        assert copy.deepcopy(thing) == thing
    link = Client(base_url="http://127.0.0.1:9").resolve("4384@128713")
    assert pickle.loads(pickle.dumps(link)) == link
    assert isinstance(link, Link) and str(link) == "4384@128713"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 0}', "[" * 100_000, '{"id": 1, "name": "\\ud800"}'])
def test_what_is_no_such_thing_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        File.from_json(text)


def test_a_picture_knows_its_id_by_its_address() -> None:
    image = Image.from_json('{"url": "https://image.example/x/width=1/4711.jpeg"}')
    assert (image.id, image.meta, image.version_ids) == (4711, None, [])
