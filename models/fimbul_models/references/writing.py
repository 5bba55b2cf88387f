"""Fingerprints into an index's file: sorted, in as many buckets as suit their number.

Takes them range by range, so that there never have to be many in memory. Knows nothing about
where they come from.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lsp_server.references.fingerprints import VALUE_BITS
from lsp_server.references.indexfile import IndexWriter

Array = npt.NDArray[Any]

FEWEST_BITS = 8
"""Of a value choose its bucket in any index, so an index can be read in 256 ranges."""
_MOST_BITS = 28
_IN_A_BUCKET = 8
"""Fingerprints, on average; halving them costs as much as one more look at them saves."""
_PIECE = 1 << 18


def bits_for(count: int) -> int:
    """Return how many bits choose the bucket where there are up to `count` fingerprints."""
    wanted = (count // _IN_A_BUCKET).bit_length()
    return min(max(wanted, FEWEST_BITS), _MOST_BITS)


def number_kind(most: int) -> str:
    """Return the smallest kind of number that holds all up to `most`."""
    return "<u4" if most < 1 << 32 else "<u8"


def write_fingerprints(
    writer: IndexWriter,
    name: str,
    ranges: Iterable[tuple[Array, Array]],
    most: int,
    tokens: int,
    spool: Path,
) -> None:
    """Write the three sections of fingerprints called `name`.

    `ranges` are values and places, each sorted by value and above those before; `most` is how many
    there are at most, `tokens` how many tokens the index has, `spool` a folder for what is written
    on the way.
    """
    bits = bits_for(most)
    shift = VALUE_BITS - bits
    counts = np.zeros(1 << bits, np.int64)
    kind = number_kind(tokens)
    with tempfile.TemporaryFile(dir=spool) as places_file:

        def rests() -> Iterator[Array]:
            for values, places in ranges:
                buckets = (values >> np.uint64(shift)).astype(np.int64)
                if len(buckets):
                    first = int(buckets[0])
                    some = np.bincount(buckets - first)
                    counts[first : first + len(some)] += some
                places_file.write(np.ascontiguousarray(places, kind).tobytes())
                yield values & np.uint64((1 << shift) - 1)

        writer.write(f"{name}_rests", number_kind((1 << shift) - 1), rests())
        places_file.seek(0)

        def places() -> Iterator[Array]:
            size = np.dtype(kind).itemsize * _PIECE
            while piece := places_file.read(size):
                yield np.frombuffer(piece, kind)

        writer.write(f"{name}_places", kind, places())
    buckets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=buckets[1:])
    writer.write(f"{name}_buckets", number_kind(int(buckets[-1])), [buckets])


def sorted_by_value(values: Array, places: Array) -> tuple[Array, Array]:
    """Return fingerprints by value, those of one value by place."""
    order = np.lexsort((places, values))
    return values[order], places[order]
