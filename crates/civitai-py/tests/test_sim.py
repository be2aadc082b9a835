"""The simulator as a context."""

import asyncio

import pytest
from civitai_rs import Sim


def test_it_runs_inside_its_block_only() -> None:
    sim = Sim(seed=3)
    with pytest.raises(RuntimeError, match="with Sim"):
        sim.client()
    with sim:
        assert sim.client().whoami().username == "plain"
        assert sim.site in repr(sim)
        with pytest.raises(RuntimeError, match="already"):
            sim.__enter__()
    with pytest.raises(RuntimeError):
        sim.tokens
    with sim:
        assert sim.client(None).has_token is False


async def test_it_is_an_asynchronous_context_too() -> None:
    async with Sim() as one, Sim() as other:
        assert one.site != other.site
        names = await asyncio.gather(*(sim.client().whoami_async() for sim in (one, other)))
        assert {me.username for me in names} == {"plain"}


def test_one_seed_gives_one_catalogue() -> None:
    def titles(seed: int) -> list[str]:
        with Sim(seed=seed) as sim:
            return [model.name for model in sim.client().search(limit=20)]

    assert titles(1) == titles(1)


def test_a_user_without_a_token_is_refused() -> None:
    with Sim() as sim, pytest.raises(ValueError, match="nobody-of-this-name"):
        sim.client("nobody-of-this-name")


def test_what_clients_did_is_counted(sim: Sim) -> None:
    sim.client().whoami()
    assert sim.summary()["requests"] == {"GET /api/v1/me": 1}
    sim.reset()
    assert sim.summary()["requests"] == {}
    assert len(sim.storage) == 2


def test_faults_that_are_none_are_refused(sim: Sim) -> None:
    with pytest.raises(ValueError, match="unknown variant"):
        sim.inject({"knob": "none"})
