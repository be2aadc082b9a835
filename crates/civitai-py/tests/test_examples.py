"""The examples run, and leave nothing behind but what they print."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
# Beside the tests where a wheel is tested without the source, at the top of the source otherwise.
FOLDERS = [HERE.parent / "examples", HERE.parents[2] / "examples/python" if len(HERE.parents) > 2 else HERE / "none"]
EXAMPLES: list[Path] = [example for folder in FOLDERS for example in sorted(folder.glob("*.py"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])
def test_an_example_runs_on_the_simulator(example: Path, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout
    assert list(tmp_path.iterdir()) == []
