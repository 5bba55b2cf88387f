"""A worker that keeps every answer on disk by the digest of its prompt, so that a rerun is cheap.

It stands in for the server's own worker (``fimbul serve --worker``), so everything around it runs
unchanged. Only what the engine evaluates is kept: tokens are counted anew, with a vocabulary
alone, and the model is loaded at the first prompt that is not known. An answer keeps the times
and reused tokens it was first given with. Knows nothing about items or documents.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec.structs import replace

from fimbul_models.errors import EvaluationError
from lsp_server.catalogue.files import sha256_of
from lsp_server.errors import EngineRefused
from lsp_server.inference.backend import Backend, Cancelled
from lsp_server.inference.machine import engine_version
from lsp_server.inference.protocol import (
    Complete,
    Counters,
    Finished,
    Learn,
    Learned,
    Load,
    Loaded,
    Prefill,
)
from lsp_server.inference.worker import make_backend, serve
from lsp_server.types import StopReason

_HEADER = b'{"holds":"answers of fimbul\'s engine by prompt","version":1}\n'

_CODE = (
    "backend.py", "bodies.py", "decoding.py", "kvcache.py", "lines.py", "llama.py", "protocol.py",
    "scripted.py", "stopping.py", "symbols.py", "vocabulary.py", "ways.py",
)  # fmt: skip
"""Files of `lsp_server.inference` that decide what an evaluated prompt gives."""


class Record(msgspec.Struct, frozen=True):
    """One answer as it is kept."""

    key: str
    """Digest of everything that decides it."""
    answer: Finished


class KeptAnswers:
    """A file of answers by key: JSON lines that are only ever appended to.

    Several processes may append at once; each sees what was there when it began. A line that was
    cut short by a crash is passed over.
    """

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, or begin it.

        Raises EvaluationError if it cannot be read or written, or holds something else.
        """
        self._path = path
        self._answers: dict[str, Finished] = {}
        try:
            self._read()
        except OSError as error:
            raise EvaluationError(f"Answers cannot be kept in {path}: {error}.") from error

    def find(self, key: str) -> Finished | None:
        """Return the answer under `key`, if there is one."""
        return self._answers.get(key)

    def add(self, key: str, answer: Finished) -> None:
        """Keep `answer` under `key`."""
        self._answers[key] = answer
        self._append(msgspec.json.encode(Record(key, answer)) + b"\n")

    def _read(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = self._path.read_bytes() if self._path.exists() else b""
        if not data or _HEADER.startswith(data):
            self._path.write_bytes(_HEADER)
            return
        if not data.startswith(_HEADER):
            raise EvaluationError(
                f"{self._path} does not hold kept answers; name another file, or remove it."
            )
        self._answers = {record.key: record.answer for record in _records(data)}
        if not data.endswith(b"\n"):
            self._append(b"\n")

    def _append(self, line: bytes) -> None:
        # One unbuffered write in append mode is never mixed with another process's.
        with self._path.open("ab", buffering=0) as file:
            file.write(line)


class CachingBackend:
    """Two backends of one kind: one counts, and one evaluates prompts that are not known."""

    def __init__(self, make: Callable[[], Backend], engine: str, kept: KeptAnswers) -> None:
        """Take what makes a backend, the name of everything in it that decides answers, a file."""
        self._make = make
        self._engine = engine
        self._kept = kept
        self._counting = make()
        self._evaluating: Backend | None = None
        self._wanted: Load | None = None
        self._is_loaded = False
        self._model = ""
        self._stopping = False
        self._beats = 0

    @property
    def beats(self) -> int:
        """See `Backend.beats`; always another, since a model may be loaded inside of a request."""
        self._beats += 1
        return self._beats

    def load(self, request: Load) -> Loaded:
        """Load the vocabulary; the model waits for the first prompt that is not known."""
        self._is_loaded = False
        # Guesses change how tokens are evaluated together, and with it their last digits.
        self._wanted = replace(request, options=replace(request.options, draft_tokens=0))
        options = replace(request.options, vocabulary_only=True)
        loaded = self._counting.load(replace(request, options=options))
        self._model = _digest_of_file(Path(request.path))
        return loaded

    def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Backend.count_tokens`."""
        return self._counting.count_tokens(texts)

    def generate(self, request: Complete, emit: Callable[[str], None]) -> Finished:
        """Return the kept answer to `request`, or evaluate it and keep what comes.

        A prompt of nothing but text is always evaluated: it is the self-test of the engine. The
        smaller prompt is passed over, as an answer must not depend on what was asked before.
        """
        request = replace(request, short=[], cold_tokens=0)
        if not any(segment.special for segment in request.segments):
            return self._loaded().generate(request, emit)
        key = self._key(request)
        known = self._kept.find(key)
        if known is None:
            answer = self._loaded().generate(request, emit)
            self._kept.add(key, replace(answer, id=0))
            return answer
        if known.text:
            emit(known.text)
        return replace(known, id=request.id)

    def prefill(self, request: Prefill) -> Finished:
        """Evaluate nothing: whether the prompt will be needed at all is not known yet."""
        return Finished(request.id, "", StopReason.END.value, [], 0, 0, 0.0, 0.0)

    def learn(self, request: Learn) -> Learned:
        """Take nothing in: nothing is guessed ahead."""
        return Learned(request.id)

    def cancel(self) -> None:
        """See `Backend.cancel`."""
        self._stopping = True
        if self._evaluating is not None:
            self._evaluating.cancel()

    def begin(self) -> None:
        """See `Backend.begin`."""
        self._stopping = False
        if self._evaluating is not None:
            self._evaluating.begin()

    def counters(self, request_id: int) -> Counters:
        """Say what was really evaluated."""
        if self._evaluating is not None:
            return self._evaluating.counters(request_id)
        return Counters(request_id, 0, 0, 0, 0, 0.0, 0.0, 0)

    def _loaded(self) -> Backend:
        if self._wanted is None:
            raise EngineRefused("No model is loaded.")
        if self._evaluating is None:
            self._evaluating = self._make()
        if not self._is_loaded:
            self._evaluating.load(self._wanted)
            self._is_loaded = True
            if self._stopping:
                raise Cancelled
        return self._evaluating

    def _key(self, request: Complete) -> str:
        assert self._wanted is not None  # noqa: S101  # No prompt comes before a model.
        # Threads share the work without changing its outcome.
        options = replace(self._wanted.options, threads=0)
        parts = (self._engine, self._model, options, replace(request, id=0))
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def engine_name(backend: str, script: str | None = None) -> str:
    """Return a name of everything in a backend that decides its answers, but for the model."""
    code = hashlib.sha256()
    for name in _CODE:
        code.update((files("lsp_server") / "inference" / name).read_bytes())
    if backend == "scripted":
        return f"scripted {code.hexdigest()} {_digest_of_file(Path(script)) if script else ''}"
    return f"{backend} {code.hexdigest()} {engine_version()}"


def caching_worker_command(
    cache: Path, backend: str = "llama", script: Path | None = None
) -> tuple[str, ...]:
    """Return the command of a worker that keeps answers in the file `cache`."""
    more = () if script is None else ("--script", str(script.absolute()))
    module = ("-P", "-m", "fimbul_models.evaluation.caching")
    return (sys.executable, *module, "--backend", backend, "--cache", str(cache.absolute()), *more)


def evaluations(kept: Path | None) -> int | None:
    """Return a number that grows with every prompt that is evaluated for the file `kept`.

    None for no file, as it cannot be told then.
    """
    if kept is None:
        return None
    return kept.stat().st_size if kept.exists() else 0


def _records(data: bytes) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(Record)
    for line in data.splitlines()[1:]:
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # The end of a process that was killed while it wrote; its prompt is asked again.
            continue


def _digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file; empty if there is none, as for the scripted engine's model."""
    try:
        return sha256_of(path)
    except OSError:
        return ""


def main() -> None:
    """Serve a caching backend on standard input and output."""
    parser = argparse.ArgumentParser(description="An engine process that keeps its answers.")
    parser.add_argument("--backend", choices=("llama", "scripted"), required=True)
    parser.add_argument("--script", help="TOML file of the scripted backend")
    parser.add_argument("--cache", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()

    def make() -> Backend:
        return make_backend(arguments.backend, arguments.script)

    name = engine_name(arguments.backend, arguments.script)
    serve(lambda: CachingBackend(make, name, KeptAnswers(arguments.cache)))


if __name__ == "__main__":
    main()
