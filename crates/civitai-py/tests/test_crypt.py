"""Encryption with the keys of a data directory."""

from pathlib import Path

import pytest
from civitai_rs import CivitaiError, IntegrityError, decrypt, decrypt_async, encrypt, encrypt_async, init_keys

PHRASE = "correct horse battery staple"


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    keys = tmp_path / "data"
    assert len(init_keys(PHRASE, data_dir=keys)) == 2
    assert init_keys(PHRASE, data_dir=keys) == []
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
