"""From a recipe to examples: the one module that knows all steps and their order.

What a step does stands in its own module, where it runs in `engines` or `distributed`. A run can be
killed at any moment and called again: what is done is not done again, and the result is the same.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.accounts import (
    Account,
    Composition,
    account_costs,
    account_drops,
    cluster_sizes,
)
from fimbul_models.corpus.balance import Balanced, balance_files
from fimbul_models.corpus.card import About, Tally, card_json, card_markdown, card_of
from fimbul_models.corpus.counting import Vocabulary, vocabulary_of
from fimbul_models.corpus.duplicates import (
    Found,
    Signature,
    TextsOf,
    bands_for,
    find_duplicates,
    sign,
)
from fimbul_models.corpus.engines import Engine
from fimbul_models.corpus.fim import Cutting, Example
from fimbul_models.corpus.gathering import read_unit
from fimbul_models.corpus.keeping import RECORDS, form_of, read_rows, write_text
from fimbul_models.corpus.languages import language_of
from fimbul_models.corpus.licence_costs import strictness_of_run
from fimbul_models.corpus.licences import notice
from fimbul_models.corpus.page import page
from fimbul_models.corpus.recipe import CorpusRecipe, stages_of
from fimbul_models.corpus.records import Drop, Record
from fimbul_models.corpus.running import Run, total
from fimbul_models.corpus.shards import EXAMPLES, digest_of, write_shards
from fimbul_models.corpus.splitting import SIDES, find_leaks, split_files
from fimbul_models.corpus.spread import Spread
from fimbul_models.corpus.steps import (
    Cut,
    Decide,
    Decision,
    Decisions,
    Gather,
    Place,
    Sift,
    rows_of,
    signatures_of,
    write_decisions,
)
from fimbul_models.corpus.units import Kind, Unit

SIGNATURES = form_of(Signature)

LEAK_ROWS = 4
"""Values in the bands by which leaks are looked for, where duplicates are found by more: of pairs
at a similarity of 0.7 all but one in ten million share such a band."""


@dataclass(frozen=True)
class Order:
    """What is to be made, where, and by what."""

    recipe: CorpusRecipe
    folder: Path
    """Where relative paths of the recipe begin."""
    work: Path
    """Folder for what is made on the way."""
    output: Path
    """Folder for examples, card, notice and report."""
    engine: Engine
    processes: int
    tell: Callable[[str], None]
    progress: bool = True


def make_corpus(order: Order, units: Sequence[Unit]) -> Account:
    """Make the corpus of `units`; return what there is to tell.

    Raises SourceError if a folder cannot be written to, EngineError or ModelError if tokens cannot
    be counted with the recipe's model.
    """
    began = time.perf_counter()
    recipe, work = order.recipe, order.work
    vocabulary = vocabulary_of(recipe.fim.model)
    run = Run(work, order.engine, order.tell, progress=order.progress)
    gathering = place_units(units, code_digest(), recipe.gather)
    gathered = run.run(Gather(work, partial(read_unit, rules=recipe.gather)), gathering)
    sifting = depending(gathering, *recipe.sifting(order.folder))
    sifted = run.run(
        Sift(
            work,
            stages=partial(stages_of, recipe, order.folder),
            sign=partial(sign, rules=recipe.duplicates),
            signatures=SIGNATURES,
        ),
        sifting,
    )
    order.tell("Looking for duplicates, forks and leaks over all repositories.")
    made = decide(order, sifting)
    deciding = depending(sifting, *recipe.deciding(), made.digest)
    decided = run.run(Decide(work), deciding)
    cutting = depending(deciding, recipe.fim, vocabulary.digest)
    cut = run.run(
        Cut(work, cut=Cutting(recipe.fim, recipe.seed, vocabulary), examples=EXAMPLES), cutting
    )
    results = [*gathered, *sifted, *decided, *cut]
    account = Account(
        name=recipe.name,
        seed=recipe.seed,
        engine=order.engine.name,
        processes=order.processes,
        repositories=len(units),
        funnel=total(results),
        dropped=account_drops(drop for result in results for drop in result.drops),
        clusters=cluster_sizes(made.found.cluster_of),
        strictness=strictness_of_run(
            total(results), (drop for result in results for drop in result.drops)
        ),
        balance=made.balanced.table,
        costs=account_costs(run.costs),
    )
    _compose(order, account, gathering, sifting, deciding)
    _publish(order, account, cutting, vocabulary)
    account.seconds = time.perf_counter() - began
    write_text(order.output / "report.html", page(account))
    write_text(order.output / "report.json", msgspec.json.encode(account).decode() + "\n")
    return account


@dataclass(frozen=True)
class Decided:
    """What was decided about all files together."""

    found: Found
    balanced: Balanced
    digest: str


def decide(order: Order, places: Sequence[Place]) -> Decided:
    """Decide about all files, now that all are signed, and keep that by repository."""
    recipe = order.recipe
    signatures = [
        one for place in places for one in read_rows(signatures_of(order.work, place), SIGNATURES)
    ]
    place_of = {place.unit.repository: place for place in places}
    texts_of = partial(_texts_of, order.work, place_of)
    found = find_duplicates(signatures, texts_of, recipe.duplicates, order.work)
    side_of = split_files(signatures, found.cluster_of, recipe.split, recipe.seed)
    left = [one for one in signatures if one.key not in found.drops]
    leaks = _leaks(recipe, left, side_of, texts_of)
    kept = [one for one in left if one.key not in leaks]
    labels = _labels_of(order.work, places, recipe.balance.label)
    balanced = balance_files(kept, side_of, labels, recipe.balance, recipe.seed)
    decisions: dict[str, dict[str, Decision]] = {name: {} for name in place_of}
    drops: dict[str, Drop] = {**balanced.drops, **leaks, **found.drops}
    for one in signatures:
        path = one.key.partition("\n")[2]
        decisions[one.repository][path] = Decision(
            side_of[one.key], balanced.repeats.get(one.key, 1), drops.get(one.key)
        )
    for name, place in place_of.items():
        write_decisions(order.work, place, Decisions(decisions[name]))
    return Decided(found, balanced, digest_values(decisions))


def _leaks(
    recipe: CorpusRecipe,
    left: Sequence[Signature],
    side_of: Mapping[str, str],
    texts_of: TextsOf,
) -> dict[str, Drop]:
    """Sign what is left anew, with finer bands, and return what is alike across the split."""
    if recipe.duplicates.similarity == 1 or len(set(side_of.values())) < 2:
        return {}
    finer = msgspec.structs.replace(recipe.duplicates, rows=LEAK_ROWS)
    by_key = {one.key: one for one in left}
    signed = [
        msgspec.structs.replace(by_key[key], bands=bands_for(text, finer))
        for key, text in texts_of([one.key for one in left if one.bands])
    ]
    return {drop.key: drop for drop in find_leaks(signed, side_of, texts_of, finer)}


def _texts_of(
    work: Path, place_of: Mapping[str, Place], keys: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the texts of files that were sifted, one repository after the other."""
    wanted = set(keys)
    for name in sorted({key.partition("\n")[0] for key in wanted}):
        for record in read_rows(rows_of(work, "sifted", place_of[name]), RECORDS):
            if record.key in wanted:
                yield record.key, record.text


def _labels_of(work: Path, places: Sequence[Place], task: str) -> dict[str, str]:
    if not task:
        return {}
    return {
        record.key: record.labels[task]
        for place in places
        for record in read_rows(rows_of(work, "sifted", place), RECORDS)
        if task in record.labels
    }


def _compose(
    order: Order,
    account: Account,
    gathering: Sequence[Place],
    sifting: Sequence[Place],
    deciding: Sequence[Place],
) -> None:
    """Count what was gathered, what is used, and what is judged by."""
    before, after, judged = Composition(), Composition(), Composition()
    spread = Spread()
    sides = {side: {"repositories": 0, "files": 0, "bytes": 0, "examples": 0} for side in SIDES}
    for record in _records(order.work, "gathered", gathering):
        language = language_of(record.path, record.text)
        before.take(msgspec.structs.replace(record, language=language))
        spread.take(record.repository, language, record.size)
    for aspect in ("licence", "licence class"):
        # Nothing is known of them before the stage that finds them; `strictness` tells.
        del before.shares[aspect]
    for record in _records(order.work, "sifted", sifting):
        for kind, many in record.redacted.items():
            account.redacted[kind] = account.redacted.get(kind, 0) + many
    seen: set[tuple[str, str]] = set()
    for record in _records(order.work, "decided", deciding):
        after.take(record)
        if record.split == "test":
            judged.take(record)
        side = sides[record.split]
        side["files"] += 1
        side["bytes"] += record.size
        side["repositories"] += (record.split, record.repository) not in seen
        seen.add((record.split, record.repository))
    notices = notice(_records(order.work, "decided", deciding))
    write_text(order.output / "NOTICE", "".join(f"{line}\n" for line in notices))
    account.before, account.after = before.shares, after.shares
    account.languages = spread.shares()
    account.evaluation, account.splits = judged.shares, sides


def _records(work: Path, step: str, places: Sequence[Place]) -> Iterator[Record]:
    for place in places:
        yield from read_rows(rows_of(work, step, place), RECORDS)


def _publish(
    order: Order, account: Account, places: Sequence[Place], vocabulary: Vocabulary
) -> None:
    """Write examples and card, and say of the examples what the account lacks."""
    recipe, tally = order.recipe, Tally()

    def examples() -> Iterator[Example]:
        for place in places:
            for example in read_rows(rows_of(order.work, "cut", place), EXAMPLES):
                account.examples[example.kind] = account.examples.get(example.kind, 0) + 1
                account.splits[example.split]["examples"] += 1
                yield tally.take(example)

    shards = write_shards(order.output, examples(), recipe.shards)
    account.digest = digest_of(shards)
    about = About(
        name=recipe.name,
        description=recipe.description,
        seed=recipe.seed,
        settings=recipe.settings(),
        funnel=account.funnel,
        dropped=account.dropped,
    )
    card = card_of(about, recipe.fim, vocabulary, tally, shards)
    write_text(order.output / "card.json", card_json(card))
    write_text(order.output / "README.md", card_markdown(card))


def place_units(units: Sequence[Unit], *depends: Any) -> list[Place]:
    """Give each repository its place; its name sorts as the units do and can be a file's."""
    return [
        Place(
            f"{number:06d}-{digest_values(unit.repository)[:8]}",
            unit,
            digest_values(unit, state_of(unit), *depends),
        )
        for number, unit in enumerate(units)
    ]


def state_of(unit: Unit) -> str:
    """Return a digest that changes when the files of a unit do, without reading them."""
    place = Path(unit.place)
    whole = hashlib.sha256()
    if unit.kind is Kind.FOLDER:
        for folder, folders, names in os.walk(place):
            folders.sort()
            for name in sorted(names):
                whole.update(_stamp(Path(folder) / name))
    elif unit.kind in {Kind.ARCHIVE, Kind.ROWS}:
        whole.update(_stamp(place))
    return whole.hexdigest()[:32]


def _stamp(path: Path) -> bytes:
    try:
        status = path.lstat()
    except OSError as error:
        return f"{path}: {error.errno}\n".encode("utf-8", "surrogateescape")
    told = f"{path}: {status.st_size} {status.st_mtime_ns}\n"
    return told.encode("utf-8", "surrogateescape")


def depending(places: Sequence[Place], *on: Any) -> list[Place]:
    """Return the places of a later step, whose results depend on more."""
    return [replace(place, depends=digest_values(place.depends, *on)) for place in places]


def code_digest() -> str:
    """Return a digest of the code that makes corpora, and of the server's that it uses."""
    whole = hashlib.sha256()
    for package in ("fimbul_models.corpus", "lsp_server"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix in {".py", ".toml", ".scm", ".json"}:
                whole.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return whole.hexdigest()[:16]


def digest_values(*values: Any) -> str:
    """Return a digest of values of any kind that JSON can hold."""
    whole = hashlib.sha256()
    for value in values:
        whole.update(msgspec.json.encode(value, order="deterministic") + b"\n")
    return whole.hexdigest()[:32]
