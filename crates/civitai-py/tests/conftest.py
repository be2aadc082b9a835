from collections.abc import Iterator

import pytest
from civitai_rs import Client, Sim


@pytest.fixture
def sim() -> Iterator[Sim]:
    with Sim(seed=7) as running:
        yield running


@pytest.fixture
def client(sim: Sim) -> Client:
    return sim.client()
