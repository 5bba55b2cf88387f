"""Leave the tokens out of a model that ASCII text can never use.

In a byte-level vocabulary every token is made by merging two others, so tokens of ASCII
characters are made of such tokens alone: without all the others ASCII text is split exactly as
before, and the model says exactly what it said about the tokens that are left. What goes are
rows of the embedding and of the output matrix, which every generated token reads whole. Text in
other scripts still works, byte by byte, which the model was never taught. Pure but for reading
and writing the files.
"""

import mmap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from lsp_server.errors import ModelUnusable
from lsp_server.inference.container import (
    Container,
    Entry,
    Stored,
    read_container,
    write_container,
)
from lsp_server.inference.tensors import TYPES

_VOCABULARY = "tokenizer.ggml."

_BYTE_LEVEL = "gpt2"
"""What files call a vocabulary whose tokens are merged from bytes."""

_ASCII = frozenset([*map(chr, range(33, 127)), *map(chr, range(256, 290))])
"""The characters that stand for ASCII bytes in such a vocabulary: the printable ones for
themselves, the other 34 in their order from 256 on."""

_SPECIAL = frozenset({3, 4})
"""Kinds of tokens that stay whatever they are called: control tokens and the user's own."""

_MATRICES = ("token_embd.weight", "output.weight")
"""The tensors with a row for each token."""

_MULTIPLE = 32
"""The number of tokens stays a multiple of this, which the fast kernels need."""


def kept_tokens(container: Container) -> list[int]:
    """Return the numbers of the tokens that stay, in their order.

    Raises `ModelUnusable` for a vocabulary that is not made of bytes.
    """
    model = container.entry(f"{_VOCABULARY}model")
    if model is None or model.text() != _BYTE_LEVEL:
        raise ModelUnusable("Its vocabulary is not made of bytes, so no token can be left out.")
    tokens = [token.decode() for token in _entry(container, "tokens").strings()]
    kinds = _entry(container, "token_type").numbers()
    kept = {
        number
        for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in _SPECIAL or len(token) == 1 or _ASCII.issuperset(token)
    }
    others = (number for number in range(len(tokens)) if number not in kept)
    while len(kept) % _MULTIPLE and (number := next(others, None)) is not None:
        kept.add(number)
    return sorted(kept)


def prune(source: Path, target: Path) -> int:
    """Write `source` without those tokens to `target`; return how many were left out.

    Raises `ModelUnusable` if its vocabulary does not allow it, or nothing could be left out, and
    `OSError`.
    """
    container = read_container(source)
    kept = kept_tokens(container)
    before = len(_entry(container, "tokens").strings())
    if len(kept) == before:
        raise ModelUnusable("All of its tokens are of use for ASCII text.")
    cut = Container(
        tuple(_pruned_entry(container, entry, kept) for entry in container.entries),
        tuple(_pruned_shape(tensor, before, len(kept)) for tensor in container.tensors),
    )
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        sizes = _sizes(container, len(data))
        with memoryview(data) as view:
            write_container(
                target,
                cut,
                [
                    _data(view, tensor, sizes[tensor.name], kept, before)
                    for tensor in container.tensors
                ],
            )
    return before - len(kept)


def _entry(container: Container, name: str) -> Entry:
    entry = container.entry(_VOCABULARY + name)
    if entry is None:
        raise ModelUnusable(f"Its file has no entry {_VOCABULARY}{name}.")
    return entry


def _pruned_entry(container: Container, entry: Entry, kept: Sequence[int]) -> Entry:
    name = entry.key.removeprefix(_VOCABULARY)
    if name == "tokens":
        tokens = entry.strings()
        return entry.with_strings([tokens[number] for number in kept])
    if name in ("token_type", "scores"):
        numbers = entry.numbers()
        return entry.with_numbers([numbers[number] for number in kept])
    if name == "merges":
        tokens = _entry(container, "tokens").strings()
        return entry.with_strings(_merges(entry.strings(), {tokens[number] for number in kept}))
    if name.endswith("_token_id"):
        # Special tokens stay, so each has a new number; one that points nowhere keeps its own.
        places = {number: place for place, number in enumerate(kept)}
        return entry.with_number(places.get(entry.number(), entry.number()))
    if entry.key.endswith(".vocab_size"):
        return entry.with_number(len(kept))
    return entry


def _merges(merges: Sequence[bytes], kept: set[bytes]) -> list[bytes]:
    """Return the merges whose parts and result are all kept, in their order."""
    found = []
    for merge in merges:
        left, _, right = merge.partition(b" ")
        if left in kept and right in kept and left + right in kept:
            found.append(merge)
    return found


def _pruned_shape(tensor: Stored, before: int, after: int) -> Stored:
    if tensor.name not in _MATRICES:
        return tensor
    if tensor.shape[1] != before:
        raise ModelUnusable(f"{tensor.name} has {tensor.shape[1]} rows for {before} tokens.")
    return Stored(tensor.name, (tensor.shape[0], after), tensor.type, tensor.offset)


def _sizes(container: Container, end: int) -> dict[str, int]:
    """Return the bytes of each tensor; of unknown types those up to the next one."""
    known = {kind.number: kind for kind in TYPES.values()}
    ordered = sorted(container.tensors, key=lambda tensor: tensor.offset)
    offsets = [*(tensor.offset for tensor in ordered), end]
    sizes = {}
    for tensor, (start, after) in zip(ordered, pairwise(offsets), strict=True):
        weights = 1
        for length in tensor.shape:
            weights *= length
        kind = known.get(tensor.type)
        sizes[tensor.name] = weights // kind.block * kind.block_bytes if kind else after - start
    return sizes


def _data(
    view: memoryview, tensor: Stored, size: int, kept: Sequence[int], before: int
) -> tuple[int, Iterator[memoryview]]:
    whole = view[tensor.offset : tensor.offset + size]
    if tensor.name not in _MATRICES:
        return size, iter((whole,))
    row = size // before
    return row * len(kept), _rows(whole, row, kept)


def _rows(whole: memoryview, row: int, kept: Sequence[int]) -> Iterator[memoryview]:
    """Yield the rows that are kept, those that follow each other in one piece."""
    start = previous = kept[0]
    for number in (*kept[1:], -1):
        if number != previous + 1:
            yield whole[start * row : (previous + 1) * row]
            start = number
        previous = number
