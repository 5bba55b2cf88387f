"""Choose the lines around the cursor that fit a budget in tokens, and keep them chosen.

What the model has read it need not read again, as long as the prompt begins with the same text.
So a window remembers its last request, and its places move through the edits since: the begin of
the window and the begin of the growing middle stay at their lines and move in jumps, so that
typing and Enter only append. The suffix begins at the line below the cursor, since editors change
the rest of the current line (closing brackets) while its neighbours stay; only code right of the
cursor that the model must fit in front of is part of it.

The suffix that was shown stays as it was while it is little edited, because a change of it makes
the engine evaluate it and the growing middle again. It stays if

- the line it began with is still below the cursor, so that nothing above or at the cursor is
  shown as if it were still to come, and nothing that the cursor has passed;
- between the cursor and that line stand at most three lines, blank or of closing brackets only:
  an editor pushes them there when Enter is pressed between brackets. Without them the model
  closes the brackets itself, at worst once too often; without other lines it would write these
  lines once more;
- its first line that is not blank is unchanged, since the answer has to lead up to that one;
- the rest differs in one place at most, by a tenth of its length at most, and no line that left
  it turned up above the cursor.

Lines that another tool puts in above the growing middle (an import, added when its name was
accepted) stay hidden while they are few: showing them would make everything below them new. They
are shown as soon as the begin of the window moves. Pure: state in, state out; the costs of lines
come in as a function. Knows nothing about tokenizers, files or where snippets come from.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lsp_server.config.options import ContextOptions
from lsp_server.context.changes import (
    Change,
    changes,
    common_head,
    moved_begin,
    moved_line,
)
from lsp_server.text import strip_ending
from lsp_server.types import CompletionRequest, Context, Document, Position, Surface

MAX_LINE = 1000
"""Longest line, in code points, that is taken into a window. A longer one is data or minified
code; the window ends before it."""

TYPED_LIMIT = 2000
"""Most code points kept left of the cursor in its own line."""

TYPED_JUMP = 500
"""Code points by which the begin of an over-long current line moves."""

MIDDLE_LINES = 10
"""Lines that begin the middle after a jump, the cursor's included. With three, answers were a
little worse than with the whole prefix there; with ten, as good (`LOG.md`)."""

MIDDLE_JUMP = 16
"""Lines that are added before the beginning of the growing middle moves. Each move evaluates the
suffix again, so it does not follow every Enter."""

FEWEST_MIDDLE_LINES = 6
"""Lines that are left of the middle when its beginning moves up again, because lines were deleted.
Fewer than MIDDLE_LINES, or an Enter taken back right after a jump would cost another one."""

GROWTH_SHARE = 8
"""A window that begins inside a file leaves this part of the prefix's budget to what is typed next.
Without it the first Enter could make the window jump."""

FAR_LINES = 2 * (MIDDLE_LINES + MIDDLE_JUMP)
"""Lines between the beginning of the middle and the cursor from which on the cursor is far away:
it went there or much was pasted, so that hardly anything of the old window is worth keeping."""

HIDDEN_LINES = 4
"""Most lines put in above the growing middle that are not shown at once."""

CLOSER_LINES = 3
"""Most lines between the cursor and a suffix that is kept."""

KEPT_DIFFERENCE = 0.1
"""Part of a kept suffix, in code points, that may have changed. Copilot's engine draws the line
at the same tenth."""

_RESYNC = 3
"""Most lines of a change inside a kept suffix."""

_JUMPS = (64, 32, 16, 8, 4, 2, 1)

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Hint:
    """A comment that is in the prompt only."""

    line: int
    """Line of the document above which it stands."""
    text: str
    """The line of the prompt, with indentation and ending."""


@dataclass(frozen=True, slots=True)
class Window:
    """What of a document was shown at one request."""

    document: Document
    position: Position
    """The cursor."""
    first: int
    """Line the window begins with."""
    middle: int
    """Line the growing middle begins with."""
    suffix: tuple[str, ...]
    """The lines that were shown as what follows."""
    below: int
    """Line that the first of `suffix` is or was."""
    hidden: tuple[tuple[int, int], ...] = ()
    """Ranges of lines above `middle` that are not shown; the ends are exclusive."""
    hints: tuple[Hint, ...] = ()
    """From top to bottom, all between `middle` and the cursor."""
    skeleton: str = ""
    """What stands for the file above the window; whole lines."""
    skeleton_tokens: int = 0
    """What `skeleton` costs."""
    wants_skeleton: bool = False
    """Whether the window was begun anew below the file's first line: time for `with_skeleton`."""

    @property
    def end(self) -> int:
        """Line after the last one that is shown."""
        return self.below + len(self.suffix)

    def with_skeleton(self, text: str, tokens: int) -> "Window":
        """Return this window below a skeleton that costs `tokens`; it stays while `first` does."""
        return replace(self, skeleton=text, skeleton_tokens=tokens, wants_skeleton=False)

    def with_hint(self, line: int, comment: str) -> "Window":
        """Return this window with `comment`, marks included, above `line` of the growing middle.

        It takes the indentation of `line` as it is now and stays as it is while the window stays.
        A line that has one or is not shown gets none. The next placement counts what it costs.
        """
        taken = any(hint.line == line for hint in self.hints)
        words = " ".join(comment.split())
        if taken or not words or not self.middle <= line <= self.position.line:
            return self
        code = self.document.line(line)
        if line == self.position.line:
            code = code[: self.position.column]
        indentation = code[: len(code) - len(code.lstrip())]
        hint = Hint(line, f"{indentation[:TYPED_LIMIT]}{words}{_ending(self.document)}")
        return replace(self, hints=tuple(sorted((*self.hints, hint), key=lambda one: one.line)))


def surface_of(rest_of_line: str) -> Surface:
    """Return the surface for what stands right of the cursor.

    Brackets and quotes that an editor closed by itself do not make it the middle of a line.
    """
    return Surface.MIDDLE if _has_words(rest_of_line) else Surface.LINE


def lines_to_count(
    request: CompletionRequest, options: ContextOptions, previous: Window | None = None
) -> list[str]:
    """Return the texts whose token counts `place_window` may ask for.

    A line costs at least one token, so a budget of n tokens reaches at most n lines.
    """
    document, position = request.document, request.position
    above = _reach(document, _upwards(position, options))
    below = _reach(document, _downwards(document, position, options))
    hints = () if previous is None else (hint.text for hint in previous.hints)
    typed, rest = _split_current(document, position)
    return list(dict.fromkeys((*above, *below, *hints, typed, rest)))


def place_window(
    request: CompletionRequest,
    options: ContextOptions,
    count_tokens: CountTokens,
    previous: Window | None = None,
    *,
    skeleton_tokens: int = 0,
) -> Window:
    """Return the window for `request`; `previous` is the same document's last one.

    A window that begins anew below the file's first line leaves `skeleton_tokens` free and says
    that it wants a skeleton. It is then a function of the document and the cursor only.
    """
    room = _Room(request.document, request.position, options, count_tokens, skeleton_tokens)
    if previous is None or previous.document.uri != request.document.uri:
        return _fresh(room)
    changed = changes(previous.document.lines, request.document.lines)
    first = moved_begin(previous.first, changed, behind=False)
    if first is None or first > request.position.line:
        return _fresh(room)
    # Where Enter was pressed at the very begin of the middle, the new line is part of it.
    apart = previous.position.line > previous.middle
    middle = moved_begin(previous.middle, changed, behind=apart)
    window = _followed(room, previous, changed, (first, middle))
    if _fits(room, window):
        return window
    near = middle is not None and 0 <= request.position.line - middle < FAR_LINES
    return _jumped(room, window) if near else _fresh(room)


def context_of(window: Window) -> Context:
    """Return what the model sees through `window`."""
    document, position = window.document, window.position
    typed, rest = _split_current(document, position)
    surface = surface_of(rest)
    suffix = "".join(window.suffix)
    if surface is Surface.MIDDLE:
        ending = document.lines[position.line][len(document.line(position.line)) :]
        suffix = rest + ending + suffix
    return Context(
        older=window.skeleton + "".join(_older(window)),
        recent="".join(_recent(window)) + typed,
        suffix=suffix,
        rest_of_line=rest,
        path=document.path,
        surface=surface,
    )


def build_context(
    request: CompletionRequest, options: ContextOptions, count_tokens: CountTokens
) -> Context:
    """Return what the model may see of a document that it has not seen before."""
    return context_of(place_window(request, options, count_tokens))


@dataclass(frozen=True, slots=True)
class _Room:
    """What a window has to fit in."""

    document: Document
    position: Position
    options: ContextOptions
    count_tokens: CountTokens
    skeleton_tokens: int


def _older(window: Window) -> Iterator[str]:
    begin = window.first
    for start, end in (*window.hidden, (window.middle, window.middle)):
        yield from window.document.lines[begin:start]
        begin = end


def _recent(window: Window) -> Iterator[str]:
    hints = {hint.line: hint.text for hint in window.hints}
    for number in range(window.middle, window.position.line + 1):
        if number in hints:
            yield hints[number]
        if number < window.position.line:
            yield window.document.lines[number]


def _fresh(room: _Room) -> Window:
    """Place a window without regard to any earlier one."""
    line = room.position.line
    budget = room.options.prefix_tokens
    first = _first_line(room, budget)
    if first > 0:
        first = _first_line(room, budget - budget // GROWTH_SHARE - room.skeleton_tokens)
    return Window(
        room.document,
        room.position,
        first=first,
        middle=max(first, line - MIDDLE_LINES + 1),
        suffix=_suffix(room),
        below=line + 1,
        wants_skeleton=_has_room_above(room, first),
    )


def _jumped(room: _Room, window: Window) -> Window:
    """Let the window begin so that half of the lines' budget is free; show all that is hidden."""
    budget = room.options.prefix_tokens - room.skeleton_tokens
    first = room.position.line - len(_affordable(room, budget // 2))
    window = replace(
        _begun(room, replace(window, first=first)),
        hidden=(),
        skeleton="",
        skeleton_tokens=0,
        wants_skeleton=_has_room_above(room, first),
    )
    return window if _fits(room, window) else replace(window, hints=())


def _begun(room: _Room, window: Window) -> Window:
    """Let the growing middle begin anew, with what follows the cursor now."""
    line = room.position.line
    middle = max(window.first, line - MIDDLE_LINES + 1)
    return replace(
        window,
        middle=middle,
        suffix=_suffix(room),
        below=line + 1,
        hidden=tuple(lines for lines in window.hidden if lines[1] <= middle),
        hints=tuple(hint for hint in window.hints if middle <= hint.line <= line),
    )


def _followed(
    room: _Room, previous: Window, changed: Sequence[Change], begins: tuple[int, int | None]
) -> Window:
    """Move the places of the last window through the edits since; `begins` are there already."""
    line = room.position.line
    first, middle = begins
    usable = middle is not None and first <= middle <= line
    window = replace(
        previous,
        document=room.document,
        position=room.position,
        first=first,
        middle=middle if middle is not None and usable else line,
        wants_skeleton=False,
    )
    window = replace(
        window,
        hidden=_hidden(previous, changed, window),
        hints=_hints(previous, changed, window),
    )
    if not usable or _stale(window):
        return _begun(room, window)
    # Among equal lines, such as blank ones, nobody can tell which one Enter has put in.
    for below in (moved_begin(previous.below, changed, behind=True), line + 1):
        if below is not None and _keeps(room, window, below):
            return replace(window, below=below)
    return _begun(room, window)


def _stale(window: Window) -> bool:
    """Whether the growing middle has become too long or too short."""
    lines = window.position.line - window.middle + 1
    if lines >= MIDDLE_LINES + MIDDLE_JUMP:
        return True
    return lines < FEWEST_MIDDLE_LINES and window.middle > window.first


def _hidden(
    previous: Window, changed: Sequence[Change], window: Window
) -> tuple[tuple[int, int], ...]:
    """Return the ranges that stay hidden, and those that were put in just now.

    Where one was split or there are too many lines, all are shown.
    """
    ranges: list[tuple[int, int]] = []
    for start, end in previous.hidden:
        now = moved_begin(start, changed, behind=True), moved_begin(end, changed, behind=False)
        if now[0] is None or now[1] is None or now[1] - now[0] not in (0, end - start):
            return ()
        ranges.append((now[0], now[1]))
    ranges += (
        (change.new_start, change.new_end)
        for change in changed
        if change.inserts and previous.first <= change.start < previous.position.line
    )
    ranges = sorted(one for one in ranges if one[0] < one[1] <= window.middle)
    if sum(end - start for start, end in ranges) > HIDDEN_LINES:
        return ()
    return tuple(ranges)


def _hints(previous: Window, changed: Sequence[Change], window: Window) -> tuple[Hint, ...]:
    """Return the hints whose lines are still there, between the begin of the middle and the cursor.

    A line that was emptied has lost what its hint was about.
    """
    kept: list[Hint] = []
    for hint in previous.hints:
        now = moved_line(hint.line, changed)
        if now is None or not window.middle <= now <= window.position.line:
            continue
        emptied = not window.document.lines[now].strip()
        if emptied and previous.document.lines[hint.line].strip():
            continue
        if not kept or kept[-1].line < now:
            kept.append(replace(hint, line=now))
    return tuple(kept)


def _keeps(room: _Room, window: Window, begin: int) -> bool:
    """Whether the suffix stays that began with what is line `begin` now; see the module."""
    lines, line = room.document.lines, room.position.line
    between = lines[line + 1 : begin]
    if begin <= line or len(between) > CLOSER_LINES or any(map(_has_words, between)):
        return False
    now = lines[begin : begin + len(window.suffix) + _RESYNC]
    fresh = _suffix(room)
    if len(fresh) > 2 * (len(window.suffix) + _RESYNC) or (now and fresh and not window.suffix):
        return False
    above = {text.strip() for text in lines[window.first : line + 1]}
    return _little_edited(window.suffix, now, above)


def _little_edited(kept: Sequence[str], now: Sequence[str], above: set[str]) -> bool:
    head = common_head(kept, now)
    if head == len(kept):
        return True
    if not "".join(kept[:head]).strip():
        return False
    was, became = kept[head:], now[head:]
    for gone, come in _resyncs():
        if was[gone:] == became[come : come + max(0, len(was) - gone)]:
            lost = {text.strip() for text in was[:gone]} - {""}
            size = _difference("".join(was[:gone]), "".join(became[:come]))
            return size <= KEPT_DIFFERENCE * len("".join(kept)) and lost.isdisjoint(above)
    return False


def _resyncs() -> list[tuple[int, int]]:
    counts = range(_RESYNC + 1)
    pairs = itertools.product(counts, counts)
    return sorted(pairs, key=lambda pair: (sum(pair), pair))


def _difference(was: str, became: str) -> int:
    """Return the code points that one replacement has to take out or put in."""
    head = common_head(was, became)
    was, became = was[head:], became[head:]
    return max(len(was), len(became)) - common_head(was[::-1], became[::-1])


def _fits(room: _Room, window: Window) -> bool:
    """Whether what stands before the cursor is within the budget and no line is too long.

    The typed text may exceed it, but then nothing else is shown.
    """
    above = room.position.line - window.first
    extra = window.skeleton_tokens + sum(room.count_tokens(hint.text) for hint in window.hints)
    budget = room.options.prefix_tokens - extra
    if extra and _typed_cost(room) > budget:
        return False
    return len(_affordable(room, budget, above)) == above


def _typed_cost(room: _Room) -> int:
    return room.count_tokens(_split_current(room.document, room.position)[0])


def _has_room_above(room: _Room, first: int) -> bool:
    """Whether there is something above the window, and room to tell of it."""
    free = room.options.prefix_tokens - _typed_cost(room)
    return first > 0 and 0 < room.skeleton_tokens <= free


def _affordable(room: _Room, budget: int, limit: int | None = None) -> list[int]:
    """Return the costs of the lines above the cursor, upwards, that `budget` pays for."""
    spent = _typed_cost(room)
    costs: list[int] = []
    lines = _reach(room.document, _upwards(room.position, room.options))
    for line in itertools.islice(lines, limit):
        cost = room.count_tokens(line)
        spent += cost
        if spent > budget:
            break
        costs.append(cost)
    return costs


def _first_line(room: _Room, budget: int) -> int:
    line = room.position.line
    costs = _affordable(room, budget)
    first = line - len(costs)
    if first == 0:
        return 0
    for jump in _JUMPS:
        start = -(-first // jump) * jump
        if start <= line and sum(costs[: line - start]) * 2 >= sum(costs):
            return start
    return first


def _suffix(room: _Room) -> tuple[str, ...]:
    taken: list[str] = []
    spent = 0
    for line in _reach(room.document, _downwards(room.document, room.position, room.options)):
        spent += room.count_tokens(line)
        if spent > room.options.suffix_tokens:
            break
        taken.append(line)
    return tuple(taken)


def _split_current(document: Document, position: Position) -> tuple[str, str]:
    line = strip_ending(document.lines[position.line])
    typed, rest = line[: position.column], line[position.column :]
    if len(typed) > TYPED_LIMIT:
        typed = typed[-(-(len(typed) - TYPED_LIMIT) // TYPED_JUMP) * TYPED_JUMP :]
    return typed, rest[:MAX_LINE]


def _upwards(position: Position, options: ContextOptions) -> range:
    stop = max(-1, position.line - 1 - options.prefix_tokens)
    return range(position.line - 1, stop, -1)


def _downwards(document: Document, position: Position, options: ContextOptions) -> range:
    start = position.line + 1
    return range(start, min(len(document.lines), start + options.suffix_tokens))


def _reach(document: Document, numbers: range) -> Iterator[str]:
    for number in numbers:
        line = document.lines[number]
        if len(line) > MAX_LINE:
            return
        yield line


def _has_words(text: str) -> bool:
    return any(character.isalnum() or character == "_" for character in text)


def _ending(document: Document) -> str:
    first = document.lines[0]
    return first[len(strip_ending(first)) :] or "\n"
