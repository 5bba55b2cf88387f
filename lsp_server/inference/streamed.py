"""One answer as it comes from a server, ended by the same rules as on this machine.

Knows nothing about connections.
"""

import time

from lsp_server.inference.client import OnText
from lsp_server.inference.dialects import Chunk, Data
from lsp_server.inference.protocol import Complete
from lsp_server.inference.stopping import AnswerText
from lsp_server.types import GeneratedText, Generation, StopReason, Timings


class StreamedAnswer:
    """One answer as it comes, by the same rules as on this machine."""

    def __init__(self, request: Complete, on_text: OnText | None) -> None:
        self._healed = request.healed
        self._milliseconds = request.milliseconds
        self._text = AnswerText(request)
        self._on_text = on_text
        self._raw = ""
        self._logprobs: list[float] = []
        self._ends: list[int] = []
        self._told = 0
        self._stop: StopReason | None = None
        self._prompt_tokens = 0
        self._reused_tokens = 0
        self._started = time.perf_counter()
        self._first = 0.0

    @property
    def begun(self) -> bool:
        """Whether text has come."""
        return bool(self._raw)

    def take(self, chunk: Chunk) -> bool:
        """Take one event in; return whether the answer ends here."""
        self._first = self._first or time.perf_counter()
        self._prompt_tokens = chunk.prompt_tokens or self._prompt_tokens
        self._reused_tokens = chunk.reused_tokens or self._reused_tokens
        self._logprobs += chunk.logprobs
        if chunk.text:
            self._raw += chunk.text
            if not self._is_healed():
                self._stop = StopReason.NOT_HEALED
                return True
            self._stop = self._text.add(chunk.text.encode())
            if self._stop is None and self._is_late():
                self._stop = self._text.out_of_time()
            self._end_tokens()
            if (fresh := self._text.fresh()) and self._on_text is not None:
                self._on_text(GeneratedText(fresh, self._fresh_logprob()))
        if self._stop is None and chunk.end is not None:
            whole = self._raw.startswith(self._healed)
            self._stop = self._text.end(chunk.end) if whole else StopReason.NOT_HEALED
        return self._stop is not None

    def _is_late(self) -> bool:
        spent = (time.perf_counter() - self._first) * 1000.0
        return bool(self._milliseconds) and spent >= self._milliseconds

    def _end_tokens(self) -> None:
        """Let the tokens that came last end where the text now does."""
        missing = len(self._logprobs) - len(self._ends)
        self._ends += [len(self._text.text())] * missing

    def _fresh_logprob(self) -> float | None:
        """Return the log probability of the tokens since the last piece; None if not known."""
        fresh = self._logprobs[self._told :]
        self._told = len(self._logprobs)
        return sum(fresh) if fresh else None

    def _is_healed(self) -> bool:
        return self._raw.startswith(self._healed[: len(self._raw)])

    def generation(self, data: Data) -> Generation:
        """Return the whole answer to a prompt."""
        now = time.perf_counter()
        first = self._first or now
        return Generation(
            text=self._text.text(),
            stop=self._stop or StopReason.END,
            logprobs=tuple(self._logprobs),
            ends=tuple(self._ends),
            prompt_tokens=self._prompt_tokens or (0 if isinstance(data, str) else len(data)),
            reused_tokens=self._reused_tokens,
            timings=Timings(
                prefill=(first - self._started) * 1000.0, decode=(now - first) * 1000.0
            ),
        )

    def nothing(self, data: Data) -> Generation:
        """Return what a prompt that was only evaluated came to."""
        whole = self.generation(data)
        return Generation(
            "",
            StopReason.END,
            prompt_tokens=whole.prompt_tokens,
            reused_tokens=whole.reused_tokens,
            timings=whole.timings,
        )
