from collections.abc import Iterator
from pathlib import Path

import pytest

from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.hosting import Client
from fimbul_models.corpus.planning import Planner, client_of
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record
from fimbul_models.corpus.sampling import Found, sample
from fimbul_models.corpus.units import Kind, ListingFields, ListingSource, Places
from fimbul_models.errors import RecipeError, SourceError
from tests.corpus.code_host import CodeHost, code_host, listed
from tests.corpus.repositories_made import commit, new_repository

NAMES = [f"owner{number % 7}/name{number}" for number in range(25)]
LIMITED = (429, {"Retry-After": "7"}, b"{}")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeHost]:
    # A machine behind a proxy would ask that for our stand-in.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with code_host([listed(name) for name in NAMES]) as host:
        yield host


def source_of(host: CodeHost, **more: object) -> ListingSource:
    values = {"queries": ({"q": "rust"},), "per_query": 4, "page_size": 10} | more
    return ListingSource(name="active", address=host.address, **values)  # type: ignore[arg-type]


class Waiting:
    """A clock that moves only while somebody waits."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def client(self, **more: object) -> Client:
        return Client(sleep=self.sleep, now=lambda: self.time, **more)  # type: ignore[arg-type]


def names(found: tuple[Found, ...]) -> list[str]:
    return [repository.name for repository in found]


def pages(host: CodeHost) -> list[str]:
    return [query["page"] for query in host.asked]


def test_all_pages_are_looked_at_and_the_seed_decides(host: CodeHost, tmp_path: Path) -> None:
    first = sample(source_of(host), Waiting().client(), tmp_path)
    assert pages(host) == ["1", "2", "3"]
    assert len(first.taken) == 4
    assert first.taken[0].owner == first.taken[0].name.partition("/")[0]
    assert first.taken[0].licence == "MIT"
    again = sample(source_of(host), Waiting().client(), tmp_path / "other")
    other = sample(source_of(host, seed=1), Waiting().client(), tmp_path)
    assert again == first
    assert names(other.taken) != names(first.taken)
    assert {*names(other.taken)} <= {*NAMES}


def test_what_the_host_said_is_not_asked_again(host: CodeHost, tmp_path: Path) -> None:
    first = sample(source_of(host), Waiting().client(), tmp_path)
    asked = len(host.asked)
    assert sample(source_of(host), Waiting().client(), tmp_path) == first
    assert len(host.asked) == asked


def test_an_interrupted_call_goes_on_where_it_was(host: CodeHost, tmp_path: Path) -> None:
    whole = sample(source_of(host), Waiting().client(), tmp_path / "whole")
    host.asked.clear()
    client = Waiting().client(longest_wait=60)
    with pytest.raises(SourceError, match=r"pause of 3600 s.*begin again later"):
        _sample_with_fault_at_second_page(host, client, tmp_path / "part")
    assert pages(host) == ["1", "2"]
    (kept,) = (tmp_path / "part").iterdir()
    with kept.open("ab") as file:
        file.write(b'{"query":0,"page":2,"fou')  # Killed while writing.
    assert sample(source_of(host), client, tmp_path / "part") == whole
    assert pages(host) == ["1", "2", "2", "3"]


def _sample_with_fault_at_second_page(host: CodeHost, client: Client, folder: Path) -> None:
    send = client.send

    def second_fails(address: str, headers: object) -> object:
        if host.asked:
            host.faults.append((429, {"Retry-After": "3600"}, b""))
        return send(address, headers)  # type: ignore[arg-type]

    client.send = second_fails  # type: ignore[assignment]
    try:
        sample(source_of(host), client, folder)
    finally:
        client.send = send


def test_limits_of_the_host_are_kept_to(host: CodeHost, tmp_path: Path) -> None:
    clock = Waiting()
    host.faults.extend(
        [
            LIMITED,
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000037"}, b"{}"),
            (503, {"Retry-After": "Mon, 12 Jan 1970 13:48:00 GMT"}, b""),
        ]
    )
    assert len(sample(source_of(host), clock.client(), tmp_path).taken) == 4
    assert clock.pauses == [7, 31, 42]
    assert pages(host) == ["1", "1", "1", "1", "2", "3"]


def test_nothing_is_asked_after_the_last_free_request(host: CodeHost, tmp_path: Path) -> None:
    clock = Waiting()
    host.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000009"}
    sample(source_of(host, pages=2), clock.client(), tmp_path)
    # Before the second page; nobody waits behind the last one.
    assert clock.pauses == [10]


def test_a_host_that_always_wants_a_pause_is_left(host: CodeHost, tmp_path: Path) -> None:
    clock = Waiting()
    host.faults.extend([(429, {"Retry-After": "0"}, b"")] * 100)
    with pytest.raises(SourceError, match="begin again later"):
        sample(source_of(host), clock.client(longest_wait=20), tmp_path)
    assert sum(clock.pauses) == 20


@pytest.mark.parametrize(
    "fault", [(502, {}, b""), (200, {}, b"<html>"), (200, {"Content-Length": "5"}, b"{")]
)
def test_faults_that_pass_are_tried_again(
    host: CodeHost, tmp_path: Path, fault: tuple[int, dict[str, str], bytes]
) -> None:
    clock = Waiting()
    host.faults.extend([fault, fault])
    assert len(sample(source_of(host), clock.client(), tmp_path).taken) == 4
    assert clock.pauses == [1, 2]


def test_a_host_that_stays_silent_is_given_up(host: CodeHost, tmp_path: Path) -> None:
    clock = Waiting()
    host.faults.extend([(500, {}, b"")] * 5)
    with pytest.raises(SourceError, match=r"no answer in 5 tries: status 500"):
        sample(source_of(host), clock.client(), tmp_path)
    assert clock.pauses == [1, 2, 4, 8]
    assert len(host.asked) == 5


@pytest.mark.parametrize("status", [301, 401, 403, 404, 422])
def test_what_no_second_try_would_help_is_said_at_once(
    host: CodeHost, tmp_path: Path, status: int
) -> None:
    host.faults.append((status, {"Location": host.address}, b"{}"))
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1 answered {status} to /search/rep"):
        sample(source_of(host), Waiting().client(key="the key"), tmp_path)
    assert host.keys == ["Bearer the key"]


def test_the_address_of_the_next_page_is_followed(host: CodeHost, tmp_path: Path) -> None:
    host.links = True
    host.repositories = [listed(name) for name in NAMES[:20]]
    sample(source_of(host), Waiting().client(), tmp_path)
    # Two full pages: without the host's word a third one would be asked for.
    assert pages(host) == ["1", "2"]
    host.links = False
    sample(source_of(host), Waiting().client(), tmp_path / "other")
    assert pages(host) == ["1", "2", "1", "2", "3"]


def test_the_key_goes_to_no_other_host(host: CodeHost, tmp_path: Path) -> None:
    host.headers = {"Link": '<http://127.0.0.1:9/search/repositories>; rel="next"'}
    sample(source_of(host, pages=2), Waiting().client(key="k"), tmp_path)
    assert pages(host) == ["1", "2"]


def test_what_is_not_wanted_is_left_out(host: CodeHost, tmp_path: Path) -> None:
    host.repositories = [
        listed("a/fork", fork=True),
        listed("a/archived", archived=True),
        listed("a/large", size=501),
        listed("a/old", pushed_at="2025-12-31T23:59:59Z"),
        listed("a/nowhere", clone_url=None),
        listed("a/bare", owner=None, license=None, size=None),
        listed("a/good"),
    ]
    drawn = sample(
        source_of(host, size_limit=500, active_since="2026-01-01"), Waiting().client(), tmp_path
    )
    assert names(drawn.taken) == ["a/bare", "a/good"]


def test_each_search_gives_as_many_and_none_twice(host: CodeHost, tmp_path: Path) -> None:
    host.repositories = [
        *(listed(f"r/{number}") for number in range(9)),
        *(listed(f"r/{number}", "go") for number in range(9)),
        *(listed(f"g/{number}", "go") for number in range(3)),
    ]
    drawn = sample(
        source_of(host, queries=({"q": "rust"}, {"q": "go"}, {"q": "zig"}), per_query=5),
        Waiting().client(),
        tmp_path,
    )
    assert len({*names(drawn.taken)}) == len(drawn.taken) == 10


def test_answers_of_another_form_are_read_or_explained(host: CodeHost, tmp_path: Path) -> None:
    fields = ListingFields(items="", name="path", address="url")
    host.faults.append((200, {}, b'[{"path": "a/b", "url": "https://h.example/a/b"}]'))
    drawn = sample(source_of(host, fields=fields, pages=1), Waiting().client(), tmp_path)
    assert names(drawn.taken) == ["a/b"]
    with pytest.raises(SourceError, match="no list at its top"):
        sample(source_of(host, fields=fields), Waiting().client(), tmp_path / "other")


def test_drawn_repositories_are_cloned_and_refused_ones_counted(
    host: CodeHost, tmp_path: Path
) -> None:
    repository = new_repository(tmp_path / "made")
    commit(repository, {"a.rs": "fn main() {}\n"}, "2026-01-01T00:00:00Z")
    host.repositories = [
        listed("good/one", clone_url=f"file://{repository}"),
        listed("bad/one"),
        listed("gone/one", clone_url="file:///nowhere/gone"),
    ]
    rules = GatherRules(opted_out=("git:host.example/bad/*",))
    places = Places(recipe=tmp_path, packages=tmp_path, repositories=tmp_path / "kept")
    planner = Planner(places, rules, connect=lambda _source: Waiting().client())
    units = planner.list_all([source_of(host, protocols=("file",))])
    came = [item for unit in units for item in read_unit(unit, rules)]
    assert [(item.key.partition("\n")[0], getattr(item, "reason", None)) for item in came] == [
        ("git:host.example/bad/one", Reason.OPTED_OUT),
        ("git:nowhere/gone", Reason.UNREADABLE),
        (f"git:{str(repository).strip('/')}", None),
    ]
    record = came[-1]
    assert isinstance(record, Record)
    assert (record.organisation, record.declared, record.sensitivity) == ("good", "MIT", "public")
    assert {unit.kind for unit in units} == {Kind.GIT, Kind.NOTHING}
    assert sum(isinstance(item, Drop) for item in came) == 2


def test_the_key_comes_from_the_variable_that_the_recipe_names(
    host: CodeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(host, key_variable="TEST_HOST_KEY")
    with pytest.raises(RecipeError, match="set the environment variable TEST_HOST_KEY"):
        client_of(source)
    monkeypatch.setenv("TEST_HOST_KEY", "the key")
    client_of(source).get(host.address, {"q": "rust", "page": "1", "per_page": "1"})
    client_of(source_of(host)).get(host.address, {"q": "rust", "page": "1", "per_page": "1"})
    assert host.keys == ["Bearer the key", ""]


def test_nobody_is_asked_where_nobody_may_be(host: CodeHost, tmp_path: Path) -> None:
    places = Places(recipe=tmp_path, packages=tmp_path, repositories=tmp_path)
    with pytest.raises(SourceError, match="code hosts are not asked here"):
        Planner(places, GatherRules()).list_all([source_of(host)])
    assert not host.asked


def test_only_addresses_of_the_web_are_asked(tmp_path: Path) -> None:
    source = ListingSource(name="a", address="file:///etc/passwd", queries=({"q": "x"},))
    with pytest.raises(SourceError, match="is no address of a code host"):
        sample(source, Waiting().client(), tmp_path)
