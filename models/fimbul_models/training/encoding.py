"""Examples as numbers: tokens, and what each of them weighs when the loss is taken.

A prompt's text and what follows are split into tokens apart, as they are when a model serves, so
an unfinished word at the cursor stays one. Pure; knows nothing about where tokens come from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fimbul_models.corpus.fim import Example
from fimbul_models.corpus.middles import Kind
from fimbul_models.training.recipe import Objective
from lsp_server.types import Segment

Tokens = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float32]


class Splitter(Protocol):
    """How one model's texts become tokens."""

    @property
    def starts(self) -> tuple[int, ...]:
        """The tokens that every sequence begins with."""

    @property
    def end(self) -> int:
        """The token that ends a text."""

    def tokenize(self, text: str) -> Sequence[int]:
        """Return the tokens of `text`, in which no special token is recognised."""

    def special(self, text: str) -> int:
        """Return the special token spelled `text`; raise FimbulError if there is none."""


@dataclass(frozen=True)
class Encoded:
    """One example."""

    tokens: Tokens
    weights: Weights
    """What each token weighs as something to be foretold; 0 where it is only read."""
    file: str
    """Which file it is from: repository, a line break, path."""
    plain: bool
    """Whether it is text from left to right."""
    ends: bool
    """Whether its last token is the one that ends a middle."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)


@dataclass
class Encoder:
    """Turns examples into tokens for one model."""

    splitter: Splitter
    objective: Objective
    too_long: int = field(default=0, init=False)
    """Examples that did not fit a sequence and were left out."""

    def encode(self, example: Example) -> Encoded | None:
        """Return `example` as tokens; None if it is longer than a sequence.

        Text from left to right is cut to the sequence instead. Raises FimbulError if the model
        lacks a token.
        """
        plain = example.kind == Kind.PLAIN
        prompt = self.prompt(example.prompt)
        completion = list(self.splitter.tokenize(example.completion))
        weights = [self.objective.prompt_weight] * len(prompt) + [1.0] * len(completion)
        if example.ends:
            completion.append(self.end)
            weights.append(1.0 if plain else self.objective.end_weight)
        tokens = prompt + completion
        # What stands first follows from nothing.
        weights[0] = 0.0
        most, ends = self.objective.sequence, example.ends and not plain
        if len(tokens) > most and not plain:
            self.too_long += 1
            return None
        return Encoded(
            np.array(tokens[:most], dtype=np.int64),
            np.array(weights[:most], dtype=np.float32),
            f"{example.repository}\n{example.path}",
            plain,
            ends,
        )

    def prompt(self, segments: Iterable[Segment]) -> list[int]:
        """Return the tokens of a prompt, sentinels in the place of what they stand for."""
        tokens = list(self.splitter.starts)
        for segment in segments:
            if segment.special:
                tokens.append(self.special(segment.text))
            else:
                tokens += self.splitter.tokenize(segment.text)
        return tokens

    def special(self, text: str) -> int:
        """Return the token of the model that stands for a special token of the format."""
        return self.splitter.special(self.objective.sentinels.get(text, text))

    @property
    def end(self) -> int:
        """The token that ends a middle."""
        named = self.objective.end
        return self.splitter.special(named) if named else self.splitter.end


def sentinel_tokens(splitter: Splitter, sentinels: Mapping[str, str]) -> list[int]:
    """Return the numbers of the spare tokens that serve as sentinels, in ascending order."""
    return sorted(splitter.special(text) for text in sentinels.values())
