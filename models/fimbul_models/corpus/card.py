"""The data card: what a corpus is made of and how, for people and as JSON.

Counts and settings only, no text of any file, and no date: the same run gives the same card. Knows
nothing about how anything is made.
"""

import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from fimbul_models.corpus.accounts import Dropped
from fimbul_models.corpus.counting import Vocabulary
from fimbul_models.corpus.fim import Example, FimRules
from fimbul_models.corpus.records import Counts
from fimbul_models.corpus.shards import Shard, digest_of

_TOOLS = (
    "fimbul", "fimbul-models", "license-expression", "licenseclassifier", "msgspec", "pyarrow",
    "rensa", "tree-sitter", "xxhash",
)  # fmt: skip
"""Distributions whose version may change what comes out, the grammars apart."""

ASPECTS: Mapping[str, Callable[[Example], str]] = {
    "split": lambda example: example.split or "train",
    "kind": lambda example: example.kind,
    "surface": lambda example: example.surface or "none",
    "order": lambda example: example.order,
    "context": lambda example: example.context or "none",
    "language": lambda example: example.language or "unknown",
    "role": lambda example: example.role,
    "licence": lambda example: example.licence or example.licence_class,
    "licence class": lambda example: example.licence_class,
    "origin": lambda example: example.repository.partition(":")[0],
    "year": lambda example: example.date[:4] or "unknown",
}
"""What examples are told apart by."""


class Amount(msgspec.Struct):
    """How many examples have something in common."""

    examples: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def take(self, example: Example) -> None:
        """Count one."""
        self.examples += 1
        self.prompt_tokens += example.prompt_tokens
        self.completion_tokens += example.completion_tokens


class Tally:
    """Counts examples by every aspect, as they come."""

    def __init__(self) -> None:
        self.total = Amount()
        self.amounts: dict[str, dict[str, Amount]] = {aspect: {} for aspect in ASPECTS}
        self.repositories: set[str] = set()
        self.sources: dict[str, int] = {}
        """How many pieces of other files each source of context gave."""

    def take(self, example: Example) -> Example:
        """Count one example, and give it back."""
        self.total.take(example)
        self.repositories.add(example.repository)
        for aspect, value_of in ASPECTS.items():
            self.amounts[aspect].setdefault(value_of(example), Amount()).take(example)
        for source in example.sources:
            self.sources[source] = self.sources.get(source, 0) + 1
        return example


class Card(msgspec.Struct, kw_only=True):
    """Everything that the card says."""

    name: str
    description: str
    seed: int
    digest: str
    """Of all shards."""
    repositories: int
    total: Amount
    amounts: dict[str, dict[str, Amount]]
    """By aspect and value."""
    sources: dict[str, int]
    stated: dict[str, dict[str, float]]
    """The shares that were asked for: of kinds, of orders, without context and suffix."""
    vocabulary: str
    """What tokens were counted with, and its digest."""
    family: str
    """Row of the server's table of FIM formats."""
    funnel: list[Counts]
    dropped: dict[str, Dropped]
    settings: dict[str, Any]
    """Tables of the recipe."""
    tools: dict[str, str]
    """Versions of what it was made with."""
    shards: list[Shard]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the recipe and the run have to say for the card."""

    name: str
    description: str = ""
    seed: int
    settings: dict[str, Any] = {}
    funnel: Sequence[Counts] = ()
    dropped: dict[str, Dropped] = {}


def card_of(
    about: About, rules: FimRules, vocabulary: Vocabulary, tally: Tally, shards: Sequence[Shard]
) -> Card:
    """Return the card of a corpus whose examples were counted by `tally` into `shards`."""
    return Card(
        name=about.name,
        description=about.description,
        seed=about.seed,
        digest=digest_of(shards),
        repositories=len(tally.repositories),
        total=tally.total,
        amounts={
            aspect: dict(sorted(values.items(), key=lambda item: (-item[1].examples, item[0])))
            for aspect, values in tally.amounts.items()
        },
        sources=dict(sorted(tally.sources.items())),
        stated={
            "kind": dict(sorted(rules.shares.items())),
            "order": dict(sorted(rules.orders.items())),
            "other": {
                "without context": rules.without_context,
                "without suffix": rules.without_suffix,
            },
        },
        vocabulary=f"{vocabulary.name} {vocabulary.digest}".strip(),
        family=rules.family,
        funnel=list(about.funnel),
        dropped=dict(about.dropped),
        settings=about.settings,
        tools=tool_versions(),
        shards=list(shards),
    )


def tool_versions() -> dict[str, str]:
    """Return the versions of what decides about the bytes of a corpus; of what is not here none."""
    grammars = {
        name
        for one in importlib.metadata.distributions()
        if (name := one.metadata["Name"] or "").startswith("tree-sitter-")
    }
    versions = {"python": platform.python_version()}
    for name in sorted({*_TOOLS, *grammars}):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def card_json(card: Card) -> str:
    """Return the card as JSON; the same card always gives the same text."""
    encoded = msgspec.json.encode(card, order="deterministic")
    return msgspec.json.format(encoded, indent=1).decode() + "\n"


def card_markdown(card: Card) -> str:
    """Return the card as Markdown."""
    total = card.total
    parts = [
        f"# {_cell(card.name)}\n\n{card.description}".rstrip(),
        f"{total.examples:,} examples of {card.repositories:,} repositories:"
        f" {total.prompt_tokens:,} tokens of prompts, {total.completion_tokens:,} of completions"
        f" (vocabulary: {card.vocabulary}; format: {card.family}). Seed {card.seed}."
        f" Digest of all shards: `{card.digest}`.",
        "Each row of a shard has a prompt (JSON: texts, and special tokens by name, which are"
        " recognised in no text), the completion that has to follow it, and where both are from."
        " Where `ends` is true the token that ends a text follows. Files are in the order of"
        " repositories: shuffle them.",
    ]
    for aspect, values in card.amounts.items():
        parts.append(f"## By {aspect}\n\n{_amounts(values, total, card.stated.get(aspect, {}))}")
    parts.append(
        "## Other shares that were asked for\n\n"
        + _table(
            ("what", "share"),
            [(name, f"{share:.0%}") for name, share in card.stated["other"].items()],
        )
    )
    parts.append(
        "## Pieces of other files, by what found them\n\n"
        + _table(
            ("source", "pieces"), [(name, f"{number:,}") for name, number in card.sources.items()]
        )
    )
    parts.append(f"## What went through each stage\n\n{_funnel(card.funnel)}")
    parts.append(f"## What was dropped\n\n{_dropped(card.dropped)}")
    parts.append(
        "## Shards\n\n"
        + _table(
            ("file", "examples", "bytes", "sha256"),
            [(one.name, f"{one.examples:,}", f"{one.size:,}", one.sha256) for one in card.shards],
        )
    )
    parts.append("## Made with\n\n" + _table(("tool", "version"), list(card.tools.items())))
    settings = msgspec.json.format(msgspec.json.encode(card.settings, order="sorted")).decode()
    parts.append(f"## Settings\n\n```json\n{settings}\n```")
    return "\n\n".join(parts) + "\n"


def _amounts(values: Mapping[str, Amount], total: Amount, stated: Mapping[str, float]) -> str:
    whole = sum(stated.values())
    rows = []
    for name, one in values.items():
        row = [
            name,
            f"{one.examples:,}",
            _part(one.examples, total.examples),
            f"{one.prompt_tokens + one.completion_tokens:,}",
        ]
        if stated:
            row.append(f"{stated.get(name, 0.0) / whole:.1%}")
        rows.append(row)
    return _table(("", "examples", "share", "tokens", *(("asked for",) if stated else ())), rows)


def _funnel(funnel: Sequence[Counts]) -> str:
    rows = [
        (
            one.stage,
            f"{one.files_in:,}",
            f"{one.files_out:,}",
            _part(one.files_out, one.files_in),
            f"{one.bytes_in:,}",
            f"{one.bytes_out:,}",
        )
        for one in funnel
    ]
    return _table(("stage", "files in", "files out", "kept", "bytes in", "bytes out"), rows)


def _dropped(dropped: Mapping[str, Dropped]) -> str:
    rows = [
        (reason, one.sentence, f"{one.files:,}", f"{one.bytes:,}")
        for reason, one in dropped.items()
    ]
    return _table(("reason", "what it means", "files", "bytes"), rows)


def _part(one: int, whole: int) -> str:
    return f"{one / whole:.1%}" if whole else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
