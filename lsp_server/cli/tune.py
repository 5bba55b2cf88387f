"""`fimbul models tune`: find the fastest variant of a model that keeps its answers.

Makes requantised copies, compares each with the original in one run, keeps the fastest that says
what the original says, and can take that back. Which copies are tried and which is the best is
decided elsewhere, and llama.cpp runs in processes that are thrown away.
"""

import argparse
import asyncio
import contextlib
import datetime
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from lsp_server.catalogue.files import sha256_of
from lsp_server.catalogue.registry import Provenance
from lsp_server.catalogue.store import InstalledModel, ModelStore
from lsp_server.catalogue.table import Model
from lsp_server.cli import loading, samples
from lsp_server.cli.choice import is_allowed, settings_of, use_model
from lsp_server.cli.console import Console, in_units
from lsp_server.cli.variants import (
    AGREEMENT,
    POSITIONS,
    Ask,
    Bench,
    Wish,
    confirmed,
    file_of,
    named,
    table,
    try_all,
)
from lsp_server.completion.serving import load_options
from lsp_server.config.paths import Paths
from lsp_server.errors import (
    ConfigError,
    EngineError,
    ModelError,
    ModelMissing,
    ModelUnusable,
    SetupError,
)
from lsp_server.inference import throwaway
from lsp_server.inference.client import worker_command
from lsp_server.inference.machine import engine_version, machine_key
from lsp_server.inference.pruning import prune
from lsp_server.inference.recipes import LEAST_GAIN, Outcome, fastest, singles, title_of
from lsp_server.inference.selftest import selftest_once
from lsp_server.inference.tensors import read_tensors
from lsp_server.inference.tuning import SERVED_BATCH, Settings

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""

_MEMORY_BESIDE = 1 << 29
"""Bytes of memory that comparing takes besides two models: what they say, and their contexts."""


def add_command(commands: Any) -> None:
    """Add `tune`; it sets `run`, which returns the exit status."""
    explanation = "make a model faster on this machine, as long as its answers stay"
    parser: argparse.ArgumentParser = commands.add_parser(
        "tune",
        help=explanation,
        description="Write copies of an installed model with smaller weights, compare each with"
        " the model itself, and keep the fastest that makes the same choices. The model stays;"
        " --undo goes back to it.",
    )
    parser.add_argument("name", nargs="?", help="default: the model that serves")
    parser.add_argument(
        "--agreement",
        type=float,
        default=AGREEMENT,
        metavar="PERCENT",
        help="least share of equal first choices (default: %(default)s)",
    )
    parser.add_argument(
        "--positions",
        type=int,
        default=POSITIONS,
        metavar="N",
        help="positions at which choices are compared (default: %(default)s)",
    )
    parser.add_argument(
        "--sources",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="files or folders of code to compare on (default: fimbul's own)",
    )
    parser.add_argument(
        "--ascii",
        action="store_true",
        help="leave out tokens that ASCII text cannot use, which costs nothing where code and"
        " comments are in English, and quality where they are not",
    )
    parser.add_argument("--dry-run", action="store_true", help="measure only; keep nothing")
    parser.add_argument(
        "--no-use", action="store_true", help="keep the copy, but go on serving with the model"
    )
    parser.add_argument(
        "--undo", action="store_true", help="delete the copy and serve with the model itself again"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    if arguments.undo:
        undo(paths, arguments.name, console)
        return 0
    if not 0.0 < arguments.agreement <= 100.0 or arguments.positions < 1:
        raise ConfigError("--agreement is a percentage up to 100, --positions at least 1.")
    wish = Wish(
        agreement=arguments.agreement / 100.0,
        positions=arguments.positions,
        sources=tuple(arguments.sources),
        ascii_only=arguments.ascii,
        dry_run=arguments.dry_run,
        use=not arguments.no_use,
    )
    # A closed terminal and a polite kill stop it as Ctrl-C does, so that nothing half stays.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        tune(paths, arguments.name, console, wish)
    except KeyboardInterrupt:
        console.warn("\nStopped; nothing was kept, and the model is as it was.")
        return INTERRUPTED
    return 0


def tune(
    paths: Paths,
    name: str | None,
    console: Console,
    wish: Wish,
    *,
    ask: Ask = throwaway.ask,
    settings: Settings | None = None,
) -> Outcome | None:
    """Tune model `name`, by default the one that serves; return what was found, None if nothing.

    `settings` is how models are loaded; None asks the self-test. Raises FimbulError; whatever
    happens, no half of a file stays.
    """
    store = ModelStore(paths)
    name = name or origin_in_use(paths)
    tuned_name = f"{name}-tuned"
    _check(paths, store, name, tuned_name)
    original = store.require(name)
    if not wish.ascii_only and not singles(read_tensors(original.path)):
        console.say(f"{name} is as small as it gets: no group of its weights could be smaller.")
        return None
    check_room(original, paths.models, copies=3 if wish.ascii_only else 2)
    texts = samples.read_texts(
        wish.sources or samples.default_sources(), wish.positions, ascii_only=wish.ascii_only
    )
    with store.alone(tuned_name), _workplace(store, tuned_name) as folder:
        source = _without_tokens(original, folder, console) if wish.ascii_only else original.path
        bench = Bench(
            original=original,
            source=source,
            tensors=read_tensors(source),
            texts=texts,
            settings=settings or _settings(paths, original),
            wish=wish,
            folder=folder,
            ask=ask,
            console=console,
        )
        tried = try_all(bench, singles(bench.tensors))
        console.say(table(bench, tried))
        best = confirmed(bench, fastest(tried, wish.agreement))
        _advise(bench, file_of(bench, best.recipe) if best else original.path, paths)
        if best is None:
            console.say(_nothing_found(store, name, tried, wish))
            return None
        if wish.dry_run:
            console.say(
                f"{title_of(named(bench, best.recipe))} would be kept; nothing was, as asked"
                " (--dry-run)."
            )
            return best
        kept = _keep(store, bench, tuned_name, best)
    console.say(f"Kept {kept.model.name}: {kept.path}, {in_units(best.size)}.")
    console.say(_gain(best, name))
    if wish.use:
        use_model(paths, tuned_name, console)
        console.say(f"To go back and delete it, run `fimbul models tune --undo {name}`.")
    else:
        console.say(f"To be served by it, run `fimbul models use {tuned_name}`.")
    return best


def undo(paths: Paths, name: str | None, console: Console) -> None:
    """Delete what was tuned from model `name` and serve with that again.

    `name` may also be the tuned model; None is the one that serves. Raises `ModelUnknown`,
    `ModelMissing` if nothing was tuned, and what using and removing models raise.
    """
    store = ModelStore(paths)
    name = name or settings_of(paths).engine.model
    store.get(name)
    tuned = name if store.provenance(name) else store.tuned_from(name)
    provenance = store.provenance(tuned) if tuned else None
    if tuned is None or provenance is None:
        raise ModelMissing(f"Nothing was tuned from {name}; there is nothing to undo.")
    if settings_of(paths).engine.model == tuned:
        use_model(paths, provenance.origin, console)
    freed = store.remove(tuned)
    console.say(f"Removed {tuned}; {in_units(freed)} are free again.")


def origin_in_use(paths: Paths) -> str:
    """Return the model that serves, or the one it was tuned from."""
    name = settings_of(paths).engine.model
    provenance = ModelStore(paths).provenance(name)
    return provenance.origin if provenance else name


def check_room(original: InstalledModel, folder: Path, *, copies: int) -> None:
    """Raise `ModelError` if the disk or the memory has no room for what tuning needs.

    `copies` is how many files may lie there at once, none larger than the original: the best so
    far, the one under trial, and what both are made from if that is not the original.
    """
    size = original.path.stat().st_size
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if free < copies * size:
        raise ModelError(
            f"Tuning needs up to {in_units(copies * size)} of disk space in {folder}, and"
            f" {in_units(free)} are free. Make room and try again."
        )
    memory = psutil.virtual_memory().available
    if memory < 2 * size + _MEMORY_BESIDE:
        raise ModelError(
            f"Tuning loads two copies of {original.model.name}, which takes about"
            f" {in_units(2 * size + _MEMORY_BESIDE)} of memory, and {in_units(memory)} are"
            " available. Close other programs and try again."
        )


def _check(paths: Paths, store: ModelStore, name: str, tuned_name: str) -> None:
    if engine_version() is None:
        raise SetupError("The engine is not installed; run `fimbul setup`.")
    if provenance := store.provenance(name):
        raise ModelUnusable(
            f"{name} was tuned from {provenance.origin}; tune that again, or add --undo."
        )
    settings = settings_of(paths)
    if not is_allowed(settings, tuned_name):
        raise ConfigError(
            f"{paths.policy_file} does not allow a model {tuned_name}, which tuning would make;"
            f" it allows {', '.join(settings.policy.allowed_models)}."
        )


def _settings(paths: Paths, original: InstalledModel) -> Settings:
    """Return how the model is loaded when it serves, as the self-test found it to work."""
    options = load_options(settings_of(paths))
    result = asyncio.run(
        selftest_once(
            worker_command(),
            original.path,
            options,
            file=paths.selftest_file,
            digest=original.sha256,
        )
    )
    held = result.apply(options)
    return Settings(held.threads, held.extra_buffers, SERVED_BATCH)


def _without_tokens(original: InstalledModel, folder: Path, console: Console) -> Path:
    """Write the model without the tokens that ASCII text cannot use; return where."""
    target = folder / "ascii.gguf"
    try:
        count = prune(original.path, target)
    except ModelUnusable as exc:
        raise ModelUnusable(f"--ascii cannot be used with {original.model.name}. {exc}") from exc
    console.warn(f"Left out {count:,} tokens that ASCII text cannot use.")
    return target


def _advise(bench: Bench, file: Path, paths: Paths) -> None:
    try:
        bench.console.say(loading.report(loading.measure(bench, file), paths.user_file))
    except EngineError as error:
        bench.console.warn(f"Threads were not compared. {error}")


@contextlib.contextmanager
def _workplace(store: ModelStore, tuned_name: str) -> Iterator[Path]:
    """Yield an empty folder for variants, and take it away in any case."""
    # A run that was killed may have left one.
    store.clear_partial(tuned_name)
    folder = store.partial_folder(tuned_name)
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as exc:
        raise ModelError(f"{folder} cannot be written: {exc.strerror}.") from exc
    finally:
        store.clear_partial(tuned_name)


def _keep(store: ModelStore, bench: Bench, tuned_name: str, best: Outcome) -> InstalledModel:
    origin, compared = bench.original.model, best.compared
    file = file_of(bench, best.recipe)
    digest = sha256_of(file)
    made = datetime.datetime.now(datetime.UTC)
    provenance = Provenance(
        origin=origin.name,
        origin_sha256=bench.original.sha256,
        types=dict(named(bench, best.recipe)),
        made=made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        engine=engine_version() or "unknown",
        machine=machine_key(),
        texts=samples.digest_of(bench.texts),
        positions=compared.positions,
        agreement=round(best.agreement, 5),
        divergence=round(compared.divergence, 6),
        prefill_ratio=round(compared.prefill_ratio, 4),
        decode_ratio=round(compared.decode_ratio, 4),
    )
    model = Model(
        name=tuned_name,
        title=f"{origin.title}, tuned here",
        file=f"{Path(origin.file).stem}-tuned-{digest[:8]}.gguf",
        licence=origin.licence,
        parameters=origin.parameters,
        context_length=origin.context_length,
        family=origin.family,
        bytes=best.size,
        sha256=digest,
        note=f"made here from {origin.name} ({title_of(provenance.types)}), whose choices it"
        f" makes at {best.agreement:.1%} of {compared.positions:,} positions",
        fim_tokens=origin.fim_tokens,
    )
    return store.keep_tuned(file, model, provenance)


def _gain(best: Outcome, name: str) -> str:
    compared = best.compared
    return (
        f"A request takes {1.0 - best.time_ratio:.0%} less time than with {name}: prefill"
        f" {1.0 / compared.prefill_ratio:.2f} and decode {1.0 / compared.decode_ratio:.2f} times as"
        f" fast. Same first choice at {best.agreement:.1%} of {compared.positions:,} positions,"
        f" mean KL divergence {compared.divergence:.4f}."
    )


def _nothing_found(store: ModelStore, name: str, tried: list[Outcome], wish: Wish) -> str:
    closest = max((outcome.agreement for outcome in tried), default=0.0)
    earlier = store.tuned_from(name)
    stays = f" {earlier} from an earlier run stays." if earlier else ""
    return (
        f"No variant is at least {LEAST_GAIN:.0%} faster and makes {wish.agreement:.1%} of the"
        f" choices of {name} (the most was {closest:.1%}), so nothing changes.{stays}"
        " A lower --agreement allows more."
    )
