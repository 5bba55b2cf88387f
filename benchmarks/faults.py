"""What a user sees of faults, how long until the next suggestion, and whether documents are right.

Each fault is injected once into a session of its own with a real `fimbul serve`. With the scripted
engine, which tells by its answer whether the document is what it should be; with `--engine llama`
those where the model matters run with the default model. Prints a table and one line of JSON; exits
with 1 if there was no suggestion afterwards or a document was wrong.

    python -m benchmarks.faults [--engine scripted|llama] [--only NAME,…]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from benchmarks import faults_documents, faults_engine, faults_machine, faults_wire
from benchmarks.faults_session import Fault, Outcome, Place

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        **faults_engine.FAULTS,
        **faults_machine.FAULTS,
        **faults_wire.FAULTS,
        **faults_documents.FAULTS,
    }
)
"""All faults, by the name that `docs/reliability.md` has for them."""

WITH_MODEL = (*faults_engine.FAULTS, "file of 50 MB", "line of 1 MB", "200 requests at once")
"""Those where the model matters."""

_NO_SUGGESTION = ("editor gone",)
_SAW = 200
"""Characters of a message that are printed."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", choices=("scripted", "llama"), default="scripted")
    parser.add_argument("--only", help="names, with commas between them")
    arguments = parser.parse_args()
    scripted = arguments.engine == "scripted"
    known = [name for name in FAULTS if name not in faults_engine.NEED_A_MODEL]
    names = arguments.only.split(",") if arguments.only else known if scripted else [*WITH_MODEL]
    if unknown := [name for name in names if name not in FAULTS]:
        parser.error(f"there is no fault {unknown[0]!r}; there are {', '.join(FAULTS)}")
    found: dict[str, Outcome] = {}
    for name in names:
        begun = time.perf_counter()
        try:
            found[name] = asyncio.run(inject(name, scripted=scripted))
        except TimeoutError as error:
            found[name] = Outcome(f"it was given up: {error}", None, None)
        sys.stdout.write(f"{row(name, found[name])}  [{time.perf_counter() - begun:.0f} s]\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({name: asdict(one) for name, one in found.items()}) + "\n")
    sys.exit(int(not all(is_fine(name, one) for name, one in found.items())))


async def inject(name: str, *, scripted: bool) -> Outcome:
    """Inject one fault in folders of its own."""
    with tempfile.TemporaryDirectory(prefix="fimbul-fault-") as folder:
        place = Place(Path(folder).resolve(), scripted)
        if not scripted and name not in faults_engine.NEED_A_MODEL:
            place.install_model()
        return await FAULTS[name](place)


def is_fine(name: str, outcome: Outcome) -> bool:
    """Return whether suggestions were back and documents right, as far as that can be told."""
    return outcome.right is not False and (outcome.seconds is not None or name in _NO_SUGGESTION)


def row(name: str, outcome: Outcome) -> str:
    """Return one row of the table."""
    seconds = "never" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    right = {True: "right", False: "WRONG", None: "-"}[outcome.right]
    saw = outcome.saw if len(outcome.saw) <= _SAW else f"{outcome.saw[:_SAW]}…"
    return f"{name:<28}{seconds:>8}  {right:<6} {outcome.note}\n{'':<28}saw: {saw}"


if __name__ == "__main__":
    main()
