"""Make examples of a repository's files: prompts as the server builds them, and what has to follow.

A middle is cut out of a file, and the server's own code is asked what it would show a model at
that place: window, skeleton, other files, order of the parts, text taken back for healing. What the
model has to answer then joins the prompt to what follows it. Examples of a file depend on the
repository's files, the rules and the seed, on nothing else. Knows nothing about files on disk.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec

from fimbul_models.corpus.counting import Vocabulary, counting
from fimbul_models.corpus.middles import Cutter, Kind, Middle
from fimbul_models.corpus.neighbours import Neighbours, neighbours_of
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, dropped
from lsp_server.completion.workspace import Assembled, CountTokens, Workspace
from lsp_server.config.options import (
    CompletionOptions,
    ContextOptions,
    Healing,
    Order,
    PromptOptions,
    Settings,
)
from lsp_server.prompt.build import build_prompt
from lsp_server.prompt.formats import FORMATS, FimFormat
from lsp_server.text import split_lines, without_surrogates
from lsp_server.types import (
    CompletionRequest,
    Document,
    Position,
    Segment,
    Surface,
    TriggerKind,
)

STAGE = "fim"
"""Name of this stage in drops."""

_TRIES = 4
"""Middles of one kind that may have too many tokens before another kind is tried."""

_LSP_NAMES = {"tsx": "typescriptreact"}
_PLAIN_ORDER = "plain"

_SHARES = {
    Kind.LINE.value: 0.40,
    Kind.BODY.value: 0.15,
    Kind.NODE.value: 0.10,
    Kind.ALIGNED.value: 0.15,
    Kind.CHARACTERS.value: 0.10,
    Kind.PLAIN.value: 0.10,
}
"""The research page's mix for an inline tool, from AST-FIM, Mellum and StarCoder2."""

_CONTEXT = ContextOptions()
_COMPLETION = CompletionOptions()


class FimRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How examples are cut. Budgets are those of the server unless they are set."""

    family: str = "qwen2.5-coder"
    """Row of the server's table of FIM formats."""
    model: str = ""
    """Installed model whose vocabulary counts tokens; empty estimates them."""
    shares: dict[str, float] = msgspec.field(default_factory=_SHARES.copy)
    """How often each kind of middle is tried; see `Kind`."""
    orders: dict[str, float] = msgspec.field(
        default_factory=lambda: {
            Order.PREFIX_SUFFIX_MIDDLE.value: 0.5,
            Order.SUFFIX_FIRST.value: 0.5,
        }
    )
    """How often each order of the parts is taken; ``auto`` is what the server takes."""
    bytes_per_example: int = 2000
    """A file gives one example for so many bytes, at least one."""
    most_per_file: int = 4
    """Most examples of one file; one that is to be repeated gives as many times more."""
    middle_characters: int = 700
    """Code points of the longest middle (Mellum's, arXiv 2510.05788)."""
    line_tokens: int = _COMPLETION.max_tokens
    """Tokens of the longest rest of a line."""
    middle_tokens: int = _COMPLETION.body_tokens
    """Tokens of the longest other middle."""
    prefix_tokens: int = _CONTEXT.prefix_tokens
    suffix_tokens: int = _CONTEXT.suffix_tokens
    snippet_tokens: int = _CONTEXT.snippet_tokens
    """Tokens of other files; 0 shows none."""
    without_context: float = 0.25
    """Share of examples that see no other file, as if none had been found; else a model comes to
    rely on them (Repoformer, arXiv 2403.10059, appendix A.3)."""
    without_suffix: float = 0.10
    """Share of examples without what follows, where nothing of the cursor's line does."""
    unhealed: float = 0.0
    """Share of examples whose prompt ends with the unfinished word as it stands, so that a model
    learns to go on from there (EFIM, arXiv 2505.21889)."""
    late: float = 0.0
    """Share of examples with the server's comment above the cursor's line, which names what may
    come next, where other files say so."""
    late_tokens: int = 40
    """Tokens of such a comment."""

    def __post_init__(self) -> None:
        """Refuse what does not exist or cannot be."""
        _check("family", {self.family: 1.0}, set(FORMATS))
        _check("shares", self.shares, {kind.value for kind in Kind})
        _check("orders", self.orders, {order.value for order in Order})
        for name in ("without_context", "without_suffix", "unhealed", "late"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} has to lie between 0 and 1")
        if min(self.bytes_per_example, self.most_per_file, self.middle_characters) < 1:
            raise ValueError(
                "bytes_per_example, most_per_file and middle_characters have to be 1 or more"
            )
        if not FORMATS[self.family].fills and set(self.shares) != {Kind.PLAIN.value}:
            raise ValueError(f"{self.family} cannot fill in; its only share may be plain")


def _check(setting: str, shares: dict[str, float], known: set[str]) -> None:
    if wrong := sorted(set(shares) - known):
        raise ValueError(f"{setting}: {wrong[0]!r} is none of {', '.join(sorted(known))}")
    if min(shares.values(), default=0.0) < 0.0 or sum(shares.values()) <= 0.0:
        raise ValueError(f"{setting}: shares have to be 0 or more, and one of them more")


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt and what has to follow it, and where both are from."""

    repository: str
    revision: str
    path: str
    number: int
    """Which example of its file, from 0."""
    digest: str
    """sha256 of the file as it was found."""
    date: str
    language: str
    role: str
    licence: str
    licence_class: str
    split: str
    kind: str
    """How the middle was chosen; see `Kind`."""
    surface: str
    """What the server calls the place; empty for plain text."""
    order: str
    """Order of the prompt's parts."""
    context: str
    """``found``, ``nothing`` (no other file had anything to say) or ``withheld`` (on purpose);
    empty for plain text."""
    sources: tuple[str, ...]
    """What found each piece of another file."""
    prompt: tuple[Segment, ...]
    """Text in which no special token is recognised, and special tokens by name."""
    completion: str
    """What follows: text taken back for healing, the middle, the rest of its line if the prompt
    does not show it."""
    healed: int
    """Code points at its begin that were taken off the prompt."""
    ends: bool
    """Whether the token that ends a text has to follow."""
    prompt_tokens: int
    completion_tokens: int
    labels: dict[str, str] = {}


class _InPlace(ThreadPoolExecutor):
    """Runs at once, in the thread that asks, what the server hands to threads.

    Nobody types here meanwhile, and on a busy machine handing over costs more than what is done.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` and return its outcome."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it goes to whoever awaits.
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class Cutting:
    """Cuts examples out of repositories; a value that can be sent to another process."""

    rules: FimRules
    seed: int
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def __call__(self, records: Sequence[Record]) -> list[Example | Drop]:
        """Return the examples of one repository's files, in their order.

        A file that gives none is dropped. A file sees others of its own split only. Raises
        EngineError if the vocabulary cannot be read.
        """
        return asyncio.run(self._cut(records)) if records else []

    async def _cut(self, records: Sequence[Record]) -> list[Example | Drop]:
        asyncio.get_running_loop().set_default_executor(_InPlace())
        made: dict[str, list[Example | Drop]] = {}
        async with counting(self.vocabulary) as count:
            for split in sorted({record.split for record in records}):
                own = [record for record in records if record.split == split]
                with neighbours_of(own[0].repository, own) as neighbours:
                    for record in own:
                        one = _File(self, record, neighbours, count)
                        examples = [example async for example in one.examples()]
                        none = dropped(record, STAGE, Reason.NO_PLACE)
                        made[record.key] = [*examples] or [none]
        return [one for record in records for one in made[record.key]]


class _File:
    """The examples of one file."""

    def __init__(
        self, cutting: Cutting, record: Record, neighbours: Neighbours, count: CountTokens
    ) -> None:
        self._rules = cutting.rules
        self._fim = FORMATS[cutting.rules.family]
        self._record = record
        self._neighbours = neighbours
        self._count = count
        self._seen: set[tuple[int, int]] = set()
        # Repeatable, not secret.
        self._random = Random(f"{cutting.seed}:fim:{record.key}")  # noqa: S311
        self._cutter = Cutter(
            record.text, record.language, self._rules.middle_characters, self._random
        )

    async def examples(self) -> AsyncIterator[Example]:
        """Yield as many as the file is good for, no middle twice."""
        rules = self._rules
        wanted = min(
            rules.most_per_file, max(1, round(self._record.size / rules.bytes_per_example))
        )
        for number in range(wanted * self._record.repeats):
            kind = Kind(_drawn(self._random, rules.shares))
            if kind is Kind.PLAIN:
                example = await self._plain(number)
            else:
                middle = await self._middle(kind)
                example = None if middle is None else await self._filled(number, middle)
            if example is not None:
                yield example

    async def _middle(self, kind: Kind) -> Middle | None:
        """Return a middle of `kind`, or of a simpler kind where the file has none such.

        None where all that were found had been cut out before.
        """
        rules = self._rules
        for wanted in dict.fromkeys((kind, Kind.LINE, Kind.CHARACTERS)):
            limit = rules.line_tokens if wanted is Kind.LINE else rules.middle_tokens
            used_up = False
            for _ in range(_TRIES):
                middle = self._cutter.cut(wanted)
                if middle is None:
                    break
                span = middle.start, middle.end
                if span in self._seen:
                    used_up = True
                elif await self._tokens(self._record.text[slice(*span)]) <= limit:
                    self._seen.add(span)
                    return middle
            if used_up:
                return None
        return None

    async def _filled(self, number: int, middle: Middle) -> Example | None:
        place = _place_of(self._record, middle, self._neighbours.folder)
        rules, random = self._rules, self._random
        order = Order(_drawn(random, rules.orders))
        withheld = random.random() < rules.without_context
        late = _happens(random, rules.late) and not withheld
        healing = Healing.OFF if _happens(random, rules.unhealed) else Healing.AUTO
        settings = _settings(rules, withheld=withheld, late=late)
        workspace = Workspace(self._neighbours)
        text = self._record.text[middle.start : middle.end]
        if workspace.secrecy.reveals(place.typed, text):
            # What the server would never show is not taught.
            return None
        assembled = await workspace.assemble(place.request, settings, self._count)
        context = assembled.context
        shows_rest = context.surface is Surface.MIDDLE
        if random.random() < rules.without_suffix and not shows_rest:
            context = replace(context, suffix="")
        prompt = build_prompt(context, self._fim, PromptOptions(order=order, healing=healing))
        completion = prompt.healed + text + ("" if shows_rest else place.rest)
        return await self._example(
            number,
            prompt.segments,
            completion,
            kind=middle.kind.value,
            surface=context.surface.value,
            order=(self._fim.order if order is Order.AUTO else order).value,
            context=_what_was_found(assembled, withheld=withheld),
            sources=tuple(snippet.source for snippet in context.snippets),
            healed=len(prompt.healed),
            ends=True,
        )

    async def _plain(self, number: int) -> Example | None:
        """Return a stretch of whole lines that fills what a prompt and its answer may have."""
        rules, lines = self._rules, self._cutter.lines
        budget = rules.prefix_tokens + rules.suffix_tokens + rules.middle_tokens
        first = self._random.randrange(len(lines))
        # Files that fit are shown whole.
        counts = await self._count(lines)
        if sum(counts[line] for line in lines) <= budget:
            first = 0
        last, spent = first, 0
        while last < len(lines) and (spent := spent + counts[lines[last]]) <= budget:
            last += 1
        text = "".join(lines[first:last])
        if not text.strip():
            return None
        return await self._example(
            number,
            _heading(self._fim, self._record.path),
            text,
            kind=Kind.PLAIN.value,
            surface="",
            order=_PLAIN_ORDER,
            context="",
            sources=(),
            healed=0,
            ends=last == len(lines),
        )

    async def _example(
        self, number: int, prompt: tuple[Segment, ...], completion: str, **what: Any
    ) -> Example:
        record = self._record
        prompt_tokens = sum([1 if one.special else await self._tokens(one.text) for one in prompt])
        completion = without_surrogates(completion)
        values: dict[str, Any] = {
            "number": number,
            "role": record.role.value,
            "licence_class": record.licence_class.value,
            "prompt": prompt,
            "completion": completion,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": await self._tokens(completion),
            **what,
        }
        same = set(Example.__struct_fields__) - set(values)
        return Example(**values, **{name: getattr(record, name) for name in sorted(same)})

    async def _tokens(self, text: str) -> int:
        return (await self._count([text]))[text]


@dataclass(frozen=True)
class _Place:
    """A document with its middle taken out, and the cursor where that was."""

    request: CompletionRequest
    typed: str
    """Left of the cursor in its line."""
    rest: str
    """Right of it, the line's ending included."""


def _place_of(record: Record, middle: Middle, folder: str) -> _Place:
    before, behind = record.text[: middle.start], record.text[middle.end :]
    lines = split_lines(before + behind)
    above = split_lines(before)
    position = Position(len(above) - 1, len(above[-1]))
    document = Document(
        uri=f"file:///{record.path}",
        language=_LSP_NAMES.get(record.language, record.language),
        version=1,
        lines=tuple(lines),
        path=record.path,
        folder=folder,
    )
    rest = lines[position.line][position.column :]
    return _Place(CompletionRequest(document, position, TriggerKind.INVOKED), above[-1], rest)


def _happens(random: Random, share: float) -> bool:
    """Draw only where a rule asks for it, so that other examples do not depend on it."""
    return share > 0 and random.random() < share


def _settings(rules: FimRules, *, withheld: bool, late: bool) -> Settings:
    return Settings(
        context=ContextOptions(
            prefix_tokens=rules.prefix_tokens,
            suffix_tokens=rules.suffix_tokens,
            snippet_tokens=0 if withheld else rules.snippet_tokens,
            hint_tokens=rules.late_tokens if late else 0,
        )
    )


def _what_was_found(assembled: Assembled, *, withheld: bool) -> str:
    if withheld:
        return "withheld"
    return "found" if assembled.context.snippets else "nothing"


def _heading(fim: FimFormat, path: str) -> tuple[Segment, ...]:
    if not fim.separator:
        return ()
    return Segment(fim.separator, special=True), Segment(f"{without_surrogates(path)}\n")


def _drawn(random: Random, shares: dict[str, float]) -> str:
    """Return one of the names, each as often as its share says, whatever order they come in."""
    names = sorted(shares)
    return random.choices(names, [shares[name] for name in names])[0]


def examples_in(made: Iterable[Example | Drop]) -> list[Example]:
    """Return the examples among what was made."""
    return [one for one in made if isinstance(one, Example)]
