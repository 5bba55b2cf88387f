"""From repositories to an index: each becomes a part by itself, then all parts are merged.

Gathering and licences are the corpus's own steps, with its engines; what was done is not done
again, so a second run with the same work folder only does what is new. Nothing is left out for its
licence: what is copyleft is what one wants to know of.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import psutil

from fimbul_models.corpus.engines import Engine
from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.guarding import pass_through
from fimbul_models.corpus.keeping import RECORDS, read_rows
from fimbul_models.corpus.languages import Languages
from fimbul_models.corpus.licence_policy import LicenceRules
from fimbul_models.corpus.licences import LicenceStage
from fimbul_models.corpus.pipeline import code_digest, depending, digest_values, place_units
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop, LicenceClass, Record, dropped
from fimbul_models.corpus.running import Run
from fimbul_models.corpus.steps import Cost, Gather, Place, finish
from fimbul_models.corpus.units import Kind, Unit
from fimbul_models.errors import SourceError
from fimbul_models.references.drafting import draft_index
from fimbul_models.references.merging import merge_indexes
from lsp_server.references.indexfile import ENDING, FORMAT, About
from lsp_server.references.tokens import LEXER, Lexer

EVERY_LICENCE = LicenceRules(keep=tuple(LicenceClass), deny=())
"""Nothing is left out; the class goes into the index."""


@dataclass(frozen=True)
class Order:
    """What is to be built, where, and by what."""

    about: About
    """Name, version, date and origins."""
    work: Path
    """Folder for what is made on the way."""
    output: Path
    """The index."""
    engine: Engine
    tell: Callable[[str], None]
    gather: GatherRules
    progress: bool = True


def build_index(order: Order, units: Sequence[Unit], gathered: Sequence[Path] = ()) -> About:
    """Build the index of `units`, and of the files of records in the folders `gathered`.

    Raises SourceError if a source cannot be read, ReferencesError if the index cannot be written.
    """
    run = Run(order.work, order.engine, order.tell, progress=order.progress)
    parts: list[Path] = []
    if units:
        places = place_units(units, code_digest(), order.gather)
        run.run(Gather(order.work, partial(read_unit, rules=order.gather)), places)
        parts += _fingerprinted(run, order.work, "gathered", places, "indexed")
    for number, folder in enumerate(gathered):
        places = kept_places(folder)
        before = str(folder.absolute())
        parts += _fingerprinted(run, order.work, before, places, f"indexed-{number}")
    if not parts:
        raise SourceError("There is nothing to index: name a recipe, folders or records.")
    order.tell(f"Merging {len(parts)} repositories.")
    return merge_indexes(parts, order.output, order.about)


def _fingerprinted(
    run: Run, work: Path, before: str, places: Sequence[Place], name: str
) -> list[Path]:
    run.run(Fingerprint(work, before=before, name=name), depending(places, LEXER, FORMAT))
    return [part_of(work, name, place) for place in places]


def part_of(work: Path, name: str, place: Place) -> Path:
    """Return where the index of one repository is kept."""
    return work / name / f"{place.name}{ENDING}"


def kept_places(folder: Path) -> list[Place]:
    """Return a place for each file of records that a corpus has left in `folder`.

    Raises SourceError if there is none.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise SourceError(f"There are no records in {folder}; name the folder with *.parquet.")
    places = []
    for path in paths:
        unit = Unit(kind=Kind.NOTHING, source="records", repository=path.stem, place=str(path))
        status = path.stat()
        depends = digest_values(code_digest(), path.stem, status.st_size, status.st_mtime_ns)
        places.append(Place(path.stem, unit, depends))
    return places


@dataclass(frozen=True)
class Fingerprint:
    """Make the index of one repository, a step as in `corpus.steps`."""

    work: Path
    before: str
    """Folder of the records, in `work` if it is relative."""
    name: str = "indexed"
    leave_out: tuple[str, ...] = ()
    """Keys of files that have ended a process."""
    only: tuple[str, ...] | None = None
    """On trial, whether these end it, too."""

    def __call__(self, place: Place) -> Cost:
        """Find languages and licences, and write the part."""
        began = time.perf_counter()
        records = list(read_rows(self.work / self.before / f"{place.name}.parquet", RECORDS))
        if self.only is not None:
            records = [record for record in records if record.key in self.only]
        left_out = [record for record in records if record.key in self.leave_out]
        known, counts, drops = _known([r for r in records if r.key not in self.leave_out])
        drops += [dropped(record, self.name, Reason.CRASHED) for record in left_out]
        path = part_of(self.work, self.name, place)
        if self.only is not None:
            path = path.with_suffix(".trial")
        draft_index(path, place.name, known, _lexer())
        if self.only is not None:
            path.unlink(missing_ok=True)
        else:
            finish(self.work, self.name, place, counts, drops)
        took = time.perf_counter() - began
        return Cost(self.name, place.name, took, psutil.Process().memory_info().rss)


def _known(records: Sequence[Record]) -> tuple[Sequence[Record], list[Counts], list[Drop]]:
    """Return records with language and licence; those that a corpus has sifted have both."""
    if any(record.licence for record in records):
        return records, [], []
    passage = pass_through(records, (Languages(), LicenceStage(EVERY_LICENCE)))
    return passage.records, passage.counts, passage.drops


@lru_cache(maxsize=1)
def _lexer() -> Lexer:
    """Return what keeps the hashes of tokens, one in each process."""
    return Lexer()
