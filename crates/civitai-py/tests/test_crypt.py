"""Encryption with the keys of a data directory."""

from pathlib import Path

import pytest
from civitai_rs import CivitaiError, IntegrityError, Keys, NotFoundError, UsageError, decrypt, decrypt_async, encrypt, encrypt_async

PHRASE = "correct horse battery staple"


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    keys = tmp_path / "data"
    assert [key.kind for key in Keys(PHRASE, data_dir=keys).init()] == ["machine", "master"]
    assert Keys(PHRASE, data_dir=keys).init() == []
    source = tmp_path / "model.safetensors"
    source.write_bytes(bytes(range(256)) * 4096)
    sealed = encrypt(source, "basic", passphrase=PHRASE, data_dir=keys)
    assert sealed.output == tmp_path / "model.safetensors.cke" and sealed.level == "basic"
    assert source.exists()
    opened = decrypt(sealed.output, output=tmp_path / "again", passphrase=PHRASE, data_dir=keys)
    assert opened.output.read_bytes() == source.read_bytes()
    damaged = bytearray(sealed.output.read_bytes())
    damaged[-1] ^= 1
    sealed.output.write_bytes(damaged)
    with pytest.raises(IntegrityError):
        decrypt(sealed.output, output=tmp_path / "never", passphrase=PHRASE, data_dir=keys)
    assert not (tmp_path / "never").exists()


async def test_without_keys_nothing_is_encrypted(tmp_path: Path) -> None:
    source = tmp_path / "model.safetensors"
    source.write_bytes(b"model")
    with pytest.raises(CivitaiError) as raised:
        await encrypt_async(source, "standard", data_dir=tmp_path / "data")
    assert raised.value.kind == "no_access"
    with pytest.raises(CivitaiError):
        await decrypt_async(source, output=tmp_path / "never", data_dir=tmp_path / "data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors"]


def test_keys_are_made_listed_and_brought_back_from_their_words(tmp_path: Path) -> None:
    keys = Keys(PHRASE, data_dir=tmp_path / "here")
    with pytest.raises(UsageError, match="passphrase"):
        Keys(data_dir=tmp_path / "here").init()
    assert keys.list() == []
    made = keys.init()
    assert keys.list() == made and {key.state for key in made} == {"active"}
    assert keys.list().to_arrow().to_pydict()["kind"] == ["machine", "master"]
    words = keys.backup()
    assert len(words.split()) == 24
    there = Keys("another passphrase", data_dir=tmp_path / "there")
    assert there.restore(words).id == made[1].id
    with pytest.raises(NotFoundError):
        keys.revoke("0123456789")


def test_pairs_leave_by_their_public_half(tmp_path: Path) -> None:
    keys = Keys(PHRASE, data_dir=tmp_path / "here")
    pair = keys.create("rsa", name="me", bits=3072)
    assert (pair.kind, pair.bits, pair.name) == ("rsa", 3072, "me")
    pem = keys.export_public(pair.id)
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    known = Keys(data_dir=tmp_path / "there").import_pem(pem, name="you")
    assert known.id == pair.id and known.place != pair.place
    assert keys.destroy(pair.id).state == "destroyed"


async def test_files_follow_a_rotation(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "files"
    keys = Keys(PHRASE, data_dir=data)
    await keys.init_async()
    folder.mkdir()
    source = folder / "model.safetensors"
    source.write_bytes(b"model" * 1000)
    sealed = await encrypt_async(source, "standard", passphrase=PHRASE, data_dir=data)
    rotated = await keys.rotate_async(folder)
    assert (rotated.finished, rotated.rewrapped, rotated.failed, rotated.problems) == (True, 1, 0, [])
    opened = await decrypt_async(sealed.output, output=folder / "again", passphrase=PHRASE, data_dir=data)
    assert opened.output.read_bytes() == source.read_bytes()
    await keys.change_passphrase_async("a newer one")
    with pytest.raises(CivitaiError):
        await decrypt_async(sealed.output, output=folder / "never", passphrase=PHRASE, data_dir=data)
