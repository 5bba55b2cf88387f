"""Asks llama.cpp, in a process of its own, what a model answers. Needs the engine only."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec
import numpy as np
import numpy.typing as npt

from fimbul_models.errors import EvaluationError
from fimbul_models.training.probe_child import Question, Reply


@dataclass(frozen=True)
class Subject:
    """What is asked."""

    model: Path
    adapter: Path | None = None
    scale: float = 1.0
    """What the adapter is multiplied by."""
    context: int = 2048
    """Most tokens of a question and its answer."""
    threads: int = 0
    """0 is as many as serve best."""


class EngineProbe:
    """A context in which questions are answered."""

    def __init__(self, subject: Subject, *, logits: bool = False) -> None:
        """Take what is asked, and whether it is for logits or losses of all tokens."""
        self._subject = subject
        command = [sys.executable, "-m", "fimbul_models.training.probe_child", str(subject.model)]
        command += ["--context", str(subject.context), "--threads", str(subject.threads)]
        if subject.adapter is not None:
            command += ["--adapter", str(subject.adapter), "--scale", str(subject.scale)]
        self._command = [*command, "--all"] if logits else command

    def __enter__(self) -> "EngineProbe":
        """Start the process and load the model."""
        self._errors = tempfile.TemporaryFile()  # Closed with the process.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self._line()
        except EvaluationError:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self._close()

    def _close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def complete(
        self, tokens: Sequence[int], most: int, ends: Sequence[int] = (), wanted: str = ""
    ) -> Reply:
        """Return the likeliest line behind `tokens`, of at most `most` tokens.

        It begins with `wanted`. Raises EvaluationError if the process dies.
        """
        return self._ask(Question(tokens=list(tokens), most=most, ends=list(ends), wanted=wanted))

    def go_on(self, tokens: Sequence[int], most: int) -> str:
        """Return what is likeliest behind `tokens`, line after line; as `complete` raises."""
        return self._ask(Question(tokens=list(tokens), most=most, line=False)).text

    def losses(self, tokens: Sequence[int]) -> list[float]:
        """Return the loss of every token but the first, in nats; as `complete` raises."""
        return self._ask(Question(tokens=list(tokens))).losses

    def logits(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits behind every token; as `complete` raises."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "logits.npy"
            self._ask(Question(tokens=list(tokens), logits=str(file)))
            found: npt.NDArray[np.float32] = np.load(file)
            return found

    def _ask(self, question: Question) -> Reply:
        assert self._process.stdin is not None  # noqa: S101  # It was asked for.
        try:
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        return self._line()

    def _line(self) -> Reply:
        assert self._process.stdout is not None  # noqa: S101  # It was asked for.
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        return msgspec.json.decode(line, type=Reply)

    def _died(self) -> EvaluationError:
        status = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        return EvaluationError(
            f"The engine's process ended ({status}) over {self._subject.model}"
            f"{f' with {self._subject.adapter}' if self._subject.adapter else ''}:"
            f" {last[0] if last else 'it says nothing'}."
        )
