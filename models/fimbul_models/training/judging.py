"""How well a model fills in what examples ask for, by the engine that serves, one arm at a time.

Answers are kept as they come, so a call that was killed goes on. Whether their texts are kept, too,
is for the caller to say: those of private code are not. Needs the engine, not the extra.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from fimbul_models.corpus.fim import Example
from fimbul_models.evaluation.metrics import edit_similarity, exact_match
from fimbul_models.training.encoding import Encoder
from fimbul_models.training.probe import EngineProbe, Subject
from lsp_server.prompt.formats import FORMATS, FimFormat

Tell = Callable[[str], None]

_Row = TypeVar("_Row")

MOST = 48
"""Tokens of the longest answer; the longest rest of a line in a corpus has as many."""

_EVERY = 20


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one example."""

    key: str
    exact: bool
    """The first line that says something is the one that stood there."""
    similarity: float
    ended: bool
    """The model itself ended the answer."""
    text: str = ""
    """The answer, where texts are kept."""


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What text from left to right costs a model."""

    key: str
    loss: float
    """Mean of its tokens, in nats."""


@dataclass(frozen=True)
class Arm:
    """One way of asking."""

    name: str
    subject: Subject
    encoder: Encoder
    prefix_only: bool = False
    """Show what stands in front of the cursor and nothing else."""


def key_of(example: Example) -> str:
    """Return what tells an example from every other one of a corpus."""
    return f"{example.repository}\n{example.path}\n{example.number}"


def prompt_of(example: Example, arm: Arm) -> list[int]:
    """Return the tokens that an arm is asked with."""
    if not arm.prefix_only:
        return arm.encoder.prompt(example.prompt)
    text = prefix_of(example, FORMATS.values())
    return [*arm.encoder.splitter.starts, *arm.encoder.splitter.tokenize(text)]


def prefix_of(example: Example, formats: Iterable[FimFormat]) -> str:
    """Return the text in front of the cursor, wherever in the prompt its parts stand."""
    wanted = {text for row in formats for text in (row.prefix, row.middle) if text}
    parts, inside = [], False
    for segment in example.prompt:
        if segment.special:
            inside = segment.text in wanted
        elif inside:
            parts.append(segment.text)
    return "".join(parts)


def judge(
    arm: Arm, examples: Sequence[Example], file: Path, tell: Tell, *, keep_texts: bool
) -> dict[str, Judged]:
    """Ask an arm for every example that `file` holds no answer to; return all by key.

    Raises EvaluationError if the engine's process dies.
    """
    kept = {one.key: one for one in read_kept(file, Judged)}
    left = [one for one in examples if key_of(one) not in kept]
    if left:
        with EngineProbe(arm.subject) as probe, _going_on(file) as answers:
            for number, example in enumerate(left, start=1):
                judged = _asked(probe, arm, example, keep_texts=keep_texts)
                answers.write(msgspec.json.encode(judged) + b"\n")
                answers.flush()
                kept[judged.key] = judged
                if number % _EVERY == 0 or number == len(left):
                    tell(f"{arm.name}: {len(kept)} of {len(examples)}")
    return {key: kept[key] for key in map(key_of, examples)}


def _asked(probe: EngineProbe, arm: Arm, example: Example, *, keep_texts: bool) -> Judged:
    wanted = example.completion[: example.healed]
    reply = probe.complete(prompt_of(example, arm), MOST, [arm.encoder.end], wanted)
    return Judged(
        key=key_of(example),
        exact=exact_match(reply.text, example.completion),
        similarity=edit_similarity(reply.text, example.completion),
        ended=reply.ended,
        text=reply.text if keep_texts else "",
    )


def plain_losses(arm: Arm, examples: Sequence[Example], file: Path, tell: Tell) -> dict[str, Lost]:
    """Return what texts from left to right cost an arm, by key; as `judge` keeps and raises."""
    kept = {one.key: one for one in read_kept(file, Lost)}
    left = [one for one in examples if key_of(one) not in kept]
    if left:
        with EngineProbe(arm.subject, logits=True) as probe, _going_on(file) as losses:
            for example in left:
                found = probe.losses(_plain_tokens(example, arm))
                lost = Lost(key=key_of(example), loss=sum(found) / len(found))
                losses.write(msgspec.json.encode(lost) + b"\n")
                losses.flush()
                kept[lost.key] = lost
            tell(f"{arm.name}: left-to-right loss of {len(examples)} texts")
    return {key: kept[key] for key in map(key_of, examples)}


def _plain_tokens(example: Example, arm: Arm) -> list[int]:
    # The name of the file in front is part of the format that one of the arms was not taught.
    tokens = [*arm.encoder.splitter.starts, *arm.encoder.splitter.tokenize(example.completion)]
    return tokens[: arm.encoder.objective.sequence]


def read_kept(file: Path, type_: type[_Row]) -> list[_Row]:
    """Return what `file` holds; a line that was cut off by a kill is none."""
    if not file.is_file():
        return []
    found = []
    for line in file.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=type_))
        except msgspec.DecodeError:
            continue
    return found


def _going_on(file: Path) -> BinaryIO:
    """Open `file` to add lines; one that was cut off by a kill stays a line of its own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stream = file.open("a+b")
    if stream.tell():
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) != b"\n":
            stream.write(b"\n")
    return stream


def exactness(judged: Mapping[str, Judged]) -> dict[str, float]:
    """Return 1 for each exact answer and 0 for each other one."""
    return {key: float(one.exact) for key, one in judged.items()}
