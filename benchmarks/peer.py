"""The peer's client: what llama.vim does at every key, driven as the editor would drive it.

Written anew from reading `autoload/llama.vim` (its repository is ggml-org/llama.vim, state of
January 2026); every constant bears the name of its option there, or says which function it stands
in. Left out: highlighting, key maps, and the ring of chunks of other files, which stays empty
(chunks are taken only from files without changes and sent only in normal mode or after three
seconds without a key), so that the peer's prompts are as short as they can be. Knows nothing about
servers: whoever uses it says how a request is answered.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

N_PREFIX = 256
"""``n_prefix``: lines above the cursor."""
N_SUFFIX = 64
"""``n_suffix``: lines below the cursor."""
N_PREDICT = 128
"""``n_predict``: most tokens of an answer."""
T_MAX_PROMPT_MS = 500
"""``t_max_prompt_ms``, which the server does not look at."""
T_MAX_PREDICT_MS = 1000
"""``t_max_predict_ms``: time for an answer, looked at from its second line on."""
T_FIRST_PREDICT_MS = 250
"""Instead of that, for requests that do not look ahead (`llama#fim`)."""
MAX_LINE_SUFFIX = 8
"""``max_line_suffix``: bytes right of the cursor above which nothing is asked by itself."""
MAX_CACHE_KEYS = 250
"""``max_cache_keys``."""
TRIMMED_LINES = 3
"""Lines by which the beginning of the prefix may have moved on in the keys (`llama#fim`)."""
LOOK_BACK = 128
"""Characters that may have been typed since a suggestion was made (`s:fim_try_hint`)."""
RETRY = 0.1
"""Seconds until a request is tried again if one is under way (`llama#fim`)."""
SAMPLING = {"top_k": 40, "top_p": 0.90, "samplers": ["top_k", "top_p", "infill"]}
"""As in `llama#fim`."""

Ask = Callable[[dict[str, Any]], Awaitable[str | None]]
"""Sends one request; returns the answer's text, None if there was none."""
Show = Callable[[str], None]
"""Is told what stands behind the cursor now; an empty text is nothing."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """What the editor shows."""

    lines: tuple[str, ...]
    """Without line endings."""
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Local:
    """The surroundings of the cursor, as a request has them (`s:fim_ctx_local`)."""

    prefix: str
    middle: str
    suffix: str
    rest_of_line: str
    indent: int

    @property
    def key(self) -> str:
        """What an answer is kept under."""
        # The plugin hashes this text; an equal text has an equal hash.
        return f"{self.prefix}{self.middle}\N{LATIN CAPITAL LETTER I WITH CIRCUMFLEX}{self.suffix}"

    def keys(self) -> list[str]:
        """Return the key, and those without the first lines of the prefix."""
        found, trimmed = [self.key], self
        for _ in range(TRIMMED_LINES):
            _, newline, rest = trimmed.prefix.partition("\n")
            if not newline or not rest:
                break
            trimmed = Local(rest, self.middle, self.suffix, self.rest_of_line, self.indent)
            found.append(trimmed.key)
        return found


class Cache:
    """Answers by key, the one not used for longest forgotten first."""

    def __init__(self, most: int = MAX_CACHE_KEYS) -> None:
        self._most = most
        self._answers: OrderedDict[str, str] = OrderedDict()

    def insert(self, key: str, answer: str) -> None:
        """Keep an answer."""
        if len(self._answers) > self._most - 1:
            self._answers.popitem(last=False)
        self._answers[key] = answer
        self._answers.move_to_end(key)

    def get(self, key: str) -> str | None:
        """Return an answer, which counts as a use."""
        if key not in self._answers:
            return None
        self._answers.move_to_end(key)
        return self._answers[key]

    def hint(self, local: Local) -> str | None:
        """Return the answer for a place, or what is left of one that is being typed."""
        found = self.get(local.key)
        if found is not None:
            return found
        before, best = local.prefix + local.middle, 0
        for count in range(1, min(LOOK_BACK, len(before)) + 1):
            earlier = Local(before[:-count], "", local.suffix, "", 0)
            answer = self.get(earlier.key)
            if answer is None or answer[:count] != before[-count:] or not answer[count:]:
                continue
            rest = answer[count:]
            # The first one found counts as having no length: so it is there.
            if found is None:
                found = rest
            elif len(rest) > best:
                best, found = len(rest), rest
        return found


@dataclass(frozen=True, slots=True)
class Windows:
    """How much of the file a request has."""

    n_prefix: int = N_PREFIX
    n_suffix: int = N_SUFFIX
    trim_suffix: Callable[[str], str] = lambda text: text
    """Shortens the suffix further, for the row with windows that are not the peer's own."""


@dataclass
class LlamaVim:
    """The plugin, for one editor window."""

    ask: Ask
    show: Show = lambda _text: None
    windows: Windows = field(default_factory=Windows)
    cache: Cache = field(default_factory=Cache)
    _buffer: Buffer = Buffer(("",), 0, 0)
    _job: asyncio.Task[None] | None = None
    _timer: asyncio.TimerHandle | None = None
    _hint: list[str] | None = None
    """Lines of the suggestion that is shown, with the rest of the line; None if none is."""
    _can_accept: bool = False
    _indent_last: int = -1

    def moved(self, buffer: Buffer) -> None:
        """Take in that the text or the cursor changed (`CursorMovedI`)."""
        self._buffer = buffer
        self._hint = None
        self._try_hint()
        self._fim(None, ())

    def request_at(self, buffer: Buffer) -> dict[str, Any]:
        """Return what would be asked at a place if nothing was known about it."""
        self._buffer = buffer
        return request_of(self._local(buffer.row, ()), first=True)

    async def close(self) -> None:
        """End the timer and the request that is under way."""
        if self._timer is not None:
            self._timer.cancel()
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    def _fim(self, row: int | None, previous: Sequence[str]) -> None:
        """Ask for the cursor's place, or for the one after `previous` is accepted (`llama#fim`)."""
        if self._job is not None:
            if self._timer is not None:
                self._timer.cancel()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(RETRY, self._fim, row, previous)
            return
        local = self._local(self._buffer.row if row is None else row, previous)
        if len(local.rest_of_line.encode()) > MAX_LINE_SUFFIX:
            return
        keys = local.keys()
        if any(self.cache.get(key) is not None for key in keys):
            return
        self._indent_last = local.indent
        self._job = asyncio.create_task(self._run(request_of(local, first=not previous), keys))

    async def _run(self, request: dict[str, Any], keys: Sequence[str]) -> None:
        try:
            answer = await self.ask(request)
            if answer is not None:
                for key in keys:
                    self.cache.insert(key, answer)
                if self._hint is None or not self._can_accept:
                    self._try_hint()
        finally:
            self._job = None

    def _try_hint(self) -> None:
        """Show what the cache has for this place, and ask for what follows it."""
        answer = self.cache.hint(self._local(self._buffer.row, ()))
        if answer is None:
            return
        self._render(answer)
        assert self._hint is not None
        self._fim(self._buffer.row, tuple(self._hint))

    def _render(self, answer: str) -> None:
        """Show an answer, or find that it repeats what is there (`s:fim_render`)."""
        lines, row = self._buffer.lines, self._buffer.row
        content = answer.rstrip("\n").split("\n")
        self._can_accept = content != [""]
        current = lines[row]
        if not current.strip():
            blank = len(content[0]) - len(content[0].lstrip())
            lead = min(blank, len(current))
            current, content[0] = content[0][:lead], content[0][lead:]
        typed, rest = current[: self._buffer.column], current[self._buffer.column :]
        if is_repetition(content, lines, row, typed, rest):
            content = [""]
        shown = "\n".join(content)
        content[-1] += rest
        if not "".join(content).strip():
            self._can_accept = False
        self._hint = content
        self.show(shown if self._can_accept else "")

    def _local(self, row: int, previous: Sequence[str]) -> Local:
        lines = self._buffer.lines
        row = min(row, len(lines) - 1)
        above = list(lines[max(0, row - self.windows.n_prefix) : row])
        below = lines[row + 1 : row + 1 + self.windows.n_suffix]
        if previous:
            if len(previous) == 1:
                typed = lines[row] + previous[0]
            else:
                typed = previous[-1]
                first = max(0, row - self.windows.n_prefix + len(previous) - 1)
                above = [*lines[first:row], lines[row] + previous[0], *previous[1:-1]]
            rest, indent = "", self._indent_last
        else:
            typed, rest = lines[row][: self._buffer.column], lines[row][self._buffer.column :]
            indent = len(lines[row]) - len(lines[row].lstrip())
            if not lines[row].strip():
                typed, rest, indent = "", "", 0
        suffix = self.windows.trim_suffix(f"{rest}\n" + "\n".join(below) + "\n")
        return Local("\n".join(above) + "\n", typed, suffix, rest, indent)


def request_of(local: Local, *, first: bool) -> dict[str, Any]:
    """Return what is sent for a place; `first` says that it does not look ahead."""
    return {
        "id_slot": 0,
        "input_prefix": local.prefix,
        "input_suffix": local.suffix,
        "input_extra": [],
        "prompt": local.middle,
        "n_predict": N_PREDICT,
        "stop": [],
        "n_indent": local.indent,
        **SAMPLING,
        "stream": False,
        "cache_prompt": True,
        "t_max_prompt_ms": T_MAX_PROMPT_MS,
        "t_max_predict_ms": T_FIRST_PREDICT_MS if first else T_MAX_PREDICT_MS,
        "response_fields": ["content", "timings", "truncated", "tokens_cached"],
    }


def is_repetition(
    content: Sequence[str], lines: Sequence[str], row: int, typed: str, rest: str
) -> bool:
    """Tell whether a suggestion says what stands right of the cursor or below (`s:fim_render`)."""
    after = list(content[1:])
    if len(content) == 1 and content[0] == rest:
        return True
    if after and content[0] == "" and after == list(lines[row + 1 : row + len(content)]):
        return True
    below = row + 1
    while below < len(lines) - 1 and not lines[below].strip():
        below += 1
    if below >= len(lines) or typed + content[0] != lines[below]:
        return False
    following = list(lines[below + 1 : below + len(content)])
    if len(content) == 2:
        return bool(following) and following[0].startswith(content[1])
    return after == following
