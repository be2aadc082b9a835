"""Single files: scanned, identified, hashed."""

import asyncio
import hashlib
import pickle
import struct
from pathlib import Path

import civitai_rs
import pytest


class Dangerous:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("1",)


def a_safetensors(path: Path) -> Path:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    return path


def test_a_pickle_that_runs_code_is_malicious_and_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Dangerous()))
    scan = civitai_rs.scan(path)
    assert scan.verdict == "malicious"
    assert scan.path == path
    assert any("eval" in (finding.callable or "") for finding in scan.findings)
    assert scan.findings[0].rule


async def test_the_asynchronous_twins_say_the_same(tmp_path: Path) -> None:
    path = a_safetensors(tmp_path / "model.safetensors")
    scans = await asyncio.gather(*(civitai_rs.scan_async(path) for _ in range(8)))
    assert {scan.verdict for scan in scans} == {"clean"}
    assert await civitai_rs.hash_async(path) == civitai_rs.hash(path)
    assert await civitai_rs.identify_async(path) == civitai_rs.identify(path)


def test_digests_are_those_of_the_bytes_in_civitais_spelling(tmp_path: Path) -> None:
    path = a_safetensors(tmp_path / "model.safetensors")
    hashes = civitai_rs.hash(str(path))
    assert hashes.sha256 == hashlib.sha256(path.read_bytes()).hexdigest().upper()
    assert hashes.auto_v2 == hashes.sha256[:10]
    assert hashes.bytes == path.stat().st_size


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Path) -> None:
    for look in (civitai_rs.hash, civitai_rs.identify):
        with pytest.raises(FileNotFoundError) as raised:
            look(tmp_path / "nothing.safetensors")
        assert isinstance(raised.value, civitai_rs.CivitaiError)
