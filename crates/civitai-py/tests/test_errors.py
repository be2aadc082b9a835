"""What is raised, and what it knows."""

import copy
import inspect
import pickle
from datetime import timedelta
from pathlib import Path

import civitai_rs
import pytest
from civitai_rs import CivitaiError, Client, Sim


def classes() -> list[type[CivitaiError]]:
    found = [value for value in vars(civitai_rs).values() if inspect.isclass(value)]
    return [value for value in found if issubclass(value, CivitaiError) and value is not CivitaiError]


def test_every_kind_has_one_class_below_the_base() -> None:
    kinds = [found.kind for found in classes()]
    assert len(kinds) == len(set(kinds)) == 27
    assert all(found.__mro__[1] is CivitaiError for found in classes())
    assert all(found.__doc__ for found in classes())


@pytest.mark.parametrize(
    ("found", "builtin"),
    [
        (civitai_rs.NotFoundError, FileNotFoundError),
        (civitai_rs.LoginRequiredError, PermissionError),
        (civitai_rs.TimedOutError, TimeoutError),
        (civitai_rs.UsageError, ValueError),
        (civitai_rs.NoSpaceError, OSError),
        (civitai_rs.NetworkError, ConnectionError),
    ],
)
def test_a_builtin_is_the_second_base_where_one_says_the_same(
    found: type[CivitaiError], builtin: type[Exception]
) -> None:
    assert issubclass(found, builtin)


def test_what_does_not_exist_is_told_with_its_number(client: Client) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        client.version(2_147_483_647)
    error = caught.value
    assert isinstance(error, civitai_rs.NotFoundError)
    assert (error.kind, error.version_id, error.path) == ("not_found", 2_147_483_647, None)
    assert error.url is not None and error.url.startswith(client.base_url)


def test_a_rate_limit_says_how_long(sim: Sim) -> None:
    busy = {"status": {"code": 429, "headers": [["Retry-After", "120"]]}}
    sim.inject({"knob": busy, "scope": {"route": "/api/v1/*"}})
    with pytest.raises(civitai_rs.RateLimitedError) as caught:
        Client(base_url=sim.site, max_wait=timedelta(seconds=1)).model(1)
    assert caught.value.retry_after == timedelta(seconds=120)
    assert caught.value.hint


def test_a_failing_site_is_asked_again_and_then_told(sim: Sim) -> None:
    sim.inject({"knob": {"status": {"code": 404}}, "scope": {"route": "/api/v1/me"}})
    with pytest.raises(civitai_rs.NotFoundError):
        sim.client().whoami()
    sim.clear_faults()
    assert sim.client().whoami().username == "plain"


def test_a_bad_token_is_no_missing_one(sim: Sim) -> None:
    with pytest.raises(civitai_rs.BadTokenError):
        Client(base_url=sim.site, token="0" * 32).whoami()
    with pytest.raises(civitai_rs.LoginRequiredError) as caught:
        Client(base_url=sim.site, token="").whoami()
    assert caught.value.hint is not None and "API key" in caught.value.hint


def test_a_name_that_is_unknown_is_refused_with_the_nearest(client: Client) -> None:
    with pytest.raises(ValueError, match='did you mean "Checkpoint"'):
        client.search(types="Checkpiont")


@pytest.mark.parametrize("number", [0, 2_147_483_648])
def test_numbers_that_are_no_ids_are_refused(client: Client, number: int) -> None:
    with pytest.raises(civitai_rs.UsageError, match="model_id"):
        client.model(number)


def test_errors_travel_between_processes(client: Client) -> None:
    with pytest.raises(civitai_rs.NotFoundError) as caught:
        client.version(2_147_483_647)
    for twin in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert isinstance(twin, civitai_rs.NotFoundError)
        assert (str(twin), twin.version_id) == (str(caught.value), 2_147_483_647)


def test_a_missing_file_names_it(sim: Sim, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.pem"
    with pytest.raises(civitai_rs.UsageError, match="nothing.pem"):
        Client(base_url=sim.site, ca_file=missing)
