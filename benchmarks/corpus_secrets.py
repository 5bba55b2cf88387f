# ruff: noqa: E501  # A kind a row is read at a glance, and as several lines is not.
"""How many planted secrets and personal data are left in a corpus, how much innocent text changes.

    python -m benchmarks.corpus_secrets [--seed N] [--each N] [--code FOLDER …] [--show N]

Needs no model. The files are those of `benchmarks.secrets`, with one value each, and files with one
personal datum each. A value is left if eight characters in a row of it are in the text after the
stage (of a personal datum, all of it). `--code` counts what is replaced in real files and
shows some. Ends with one line of JSON, and with exit code 1 if a share is above its goal.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.secret_files import LANGUAGES, Planted, innocents, secrets
from benchmarks.secrets import ALTERED_GOAL, EACH, GOAL, SEED, has_reached
from fimbul_models.corpus.languages import language_of
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.redaction import PERSONAL, Redaction, RedactionRules

PERSONAL_GOAL = 0.02
"""Largest share of personal data that is left, and of texts that look like some and change."""

REDACTION = Redaction(RedactionRules(most_secrets=0))
"""The stage, without dropping: a file that is dropped would hide what it misses."""

_SYLLABLES = ("ba", "du", "ke", "li", "mo", "na", "ri", "so", "ta", "ve")
_COMMENT = {"python": "#"}
_CODE = {
    "python": "def total(cart):\n    return sum(cart.prices)\n",
    "typescript": "export const total = (cart: Cart): number => cart.sum();\n",
    "go": "package shop\n\nfunc total(c *Cart) int {\n\treturn c.Sum()\n}\n",
    "java": "class Cart {\n    int total() { return items.size(); }\n}\n",
    "csharp": "class Cart\n{\n    int Total() => items.Count;\n}\n",
}
_ENDING = {"python": "py", "typescript": "ts", "go": "go", "java": "java", "csharp": "cs"}


@dataclass(frozen=True, slots=True)
class Text:
    """One file that may hold one personal datum."""

    kind: str
    language: str
    text: str
    value: str
    """What is personal in it, or would be if it were."""


Make = Callable[[random.Random], str]


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=3))


def _name(chance: random.Random) -> str:
    between = chance.choice((" ", " ", " van ", " de ", f" {_word(chance)[0].upper()}. "))
    return f"{_word(chance).title()}{between}{_word(chance).title()}"


def _email(chance: random.Random) -> str:
    host = f"{_word(chance)}.{chance.choice(('org', 'de', 'com', 'ac.uk', 'edu', 'io', 'fr'))}"
    return f"{_word(chance)}{chance.choice(('.', '_', '+', ''))}{_word(chance)}@{host}"


def _ip(chance: random.Random) -> str:
    if chance.random() < 0.25:
        return f"2a0{chance.randrange(10)}:4f8:" + ":".join(
            f"{chance.randrange(4096, 65536):x}" for _ in range(6)
        )
    return ".".join(
        str(chance.randrange(low, high)) for low, high in ((77, 95), (2, 250), (2, 250), (2, 250))
    )


def _phone(chance: random.Random) -> str:
    digits = "".join(chance.choices("23456789", k=7))
    form = chance.choice(("+49 30 {} {}", "+44 20 {} {}", "+33 1{}-{}", "+1 (617) {}-{}"))
    return form.format(digits[:3], digits[3:])


_PLANTED: tuple[tuple[str, Make, tuple[str, ...]], ...] = (
    ("email", _email, ("COMMENT Send patches to VALUE.", "COMMENT <VALUE>", 'x = "VALUE"', 'x = "mailto:VALUE?subject=a"')),
    ("ip", _ip, ('host = "VALUE"', "COMMENT It runs on VALUE.", "COMMENT ping VALUE first")),
    ("phone", _phone, ("COMMENT Call VALUE if it fails.", "COMMENT Tel. VALUE", "COMMENT Phone: VALUE")),
    ("name", _name, ("COMMENT Author: VALUE", "COMMENT @author VALUE", "COMMENT Written by VALUE", "COMMENT Maintainer: VALUE, 2024", "COMMENT Authors: VALUE and others")),
)  # fmt: skip

_INNOCENT: tuple[tuple[str, Make, tuple[str, ...]], ...] = (
    ("reserved", lambda chance: f"{_word(chance)}@example.{chance.choice(('com', 'org', 'net'))}", ('x = "VALUE"', "COMMENT as in VALUE")),
    ("remote", lambda chance: f"git@{_word(chance)}.org:{_word(chance)}/shop.git", ('x = "VALUE"', "COMMENT clone VALUE")),
    ("package", lambda chance: f"@{_word(chance)}/{_word(chance)}@1.{chance.randrange(30)}.0", ('x = "VALUE"',)),
    ("version", lambda chance: f"{chance.randrange(9, 99)}.{chance.randrange(9)}.{chance.randrange(99)}.{chance.randrange(1, 9)}", ('version = "VALUE"', "COMMENT Since version VALUE of it.")),
    ("private-ip", lambda chance: f"192.168.{chance.randrange(255)}.{chance.randrange(2, 250)}", ('host = "VALUE"',)),
    ("documentation-ip", lambda chance: f"203.0.113.{chance.randrange(2, 250)}", ('host = "VALUE"',)),
    ("object-id", lambda chance: f"1.3.6.1.4.1.{chance.randrange(999)}.{chance.randrange(99)}", ('oid = "VALUE"',)),
    ("number", lambda chance: f"+{chance.randrange(10**9)}", ("COMMENT from -10 to VALUE",)),
    ("date", lambda chance: f"2024-0{chance.randrange(1, 9)}-1{chance.randrange(9)} 12:30:{chance.randrange(10, 59)}", ("COMMENT VALUE", 'x = "VALUE"')),
    ("prose", lambda chance: f"the author of {_word(chance).title()}", ("COMMENT It thanks VALUE for it.",)),
    ("field", lambda chance: _name(chance), ('book = {"author": "VALUE"}',)),
    ("holder", lambda chance: f"{_word(chance).title()} Foundation", ("COMMENT Copyright 2020 VALUE",)),
)  # fmt: skip


def personal(
    seed: int, each: int, rows: Sequence[tuple[str, Make, tuple[str, ...]]]
) -> Iterator[Text]:
    """Yield files with `each` texts of every kind of `rows`, the languages by turns."""
    chance = random.Random(seed)  # noqa: S311  # The same files at every run.
    for kind, make, around in rows:
        for number in range(each):
            language = LANGUAGES[number % len(LANGUAGES)]
            value = make(chance)
            mark = _COMMENT.get(language, "//")
            line = chance.choice(around).replace("COMMENT", mark).replace("VALUE", value)
            end = ";" if line[-1] in "\"'}" and language in ("typescript", "java", "csharp") else ""
            yield Text(kind, language, f"{line}{end}\n\n{_CODE[language]}", value)


def _record(path: str, language: str, text: str) -> Record:
    return Record(
        source="planted",
        repository="planted:one",
        path=path,
        text=text,
        digest="",
        language=language,
    )


def cleaned(path: str, language: str, text: str) -> Record:
    """Return what the stage makes of a file."""
    (came,) = REDACTION([_record(path, language, text)])
    assert isinstance(came, Record)
    return came


def _cleaned(planted: Planted) -> str:
    document = planted.request.document
    return cleaned(document.uri, document.language, "".join(document.lines)).text


def measure_secrets(planted: Sequence[Planted]) -> dict[str, Any]:
    """Count the secrets that are left, by kind, and those that no stage would leave."""
    left = Counter(one.kind for one in planted if has_reached(one, _cleaned(one)))
    known = {one.kind for one in planted if one.is_known}
    return {
        "secrets": len(planted),
        "kinds": len({one.kind for one in planted}),
        "left": left.total(),
        "share": left.total() / len(planted),
        "left_known": sum(left[kind] for kind in known),
        "without": sum(has_reached(one, "".join(one.request.document.lines)) for one in planted),
        "by_kind": dict(sorted(left.items())),
    }


def measure_innocents(planted: Sequence[Planted]) -> dict[str, Any]:
    """Count the files without a secret that change."""
    altered = Counter(
        one.kind for one in planted if _cleaned(one) != "".join(one.request.document.lines)
    )
    return {
        "innocents": len(planted),
        "altered": altered.total(),
        "share": altered.total() / len(planted),
        "by_kind": dict(sorted(altered.items())),
    }


def measure_personal(texts: Sequence[Text], harmless: Sequence[Text]) -> dict[str, Any]:
    """Count the personal data that are left, and the texts that only look like some and change."""
    left = Counter(
        one.kind
        for one in texts
        if one.value in cleaned(f"a.{_ENDING[one.language]}", one.language, one.text).text
    )
    altered = Counter(
        one.kind
        for one in harmless
        if cleaned(f"a.{_ENDING[one.language]}", one.language, one.text).text != one.text
    )
    return {
        "personal": len(texts),
        "left": left.total(),
        "share": left.total() / len(texts),
        "by_kind": dict(sorted(left.items())),
        "innocents": len(harmless),
        "altered": altered.total(),
        "altered_share": altered.total() / len(harmless),
        "altered_by_kind": dict(sorted(altered.items())),
    }


def real_files(folders: Iterable[Path]) -> Iterator[tuple[str, str, str]]:
    """Yield path, language and text of the files in `folders` whose language is known."""
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            if file.is_symlink() or file.stat().st_size > 1_000_000:
                continue
            try:
                text = file.read_bytes().decode("utf-8")
            except UnicodeDecodeError:
                continue
            if "\0" not in text and (language := language_of(str(file), text)):
                yield str(file), language, text


def measure_code(folders: Sequence[Path], show: int) -> dict[str, Any]:
    """Clean real files; print some of the lines that change, drawn by chance."""
    kinds: Counter[str] = Counter()
    changed: list[str] = []
    files = size = 0
    started = time.process_time()
    for path, language, text in real_files(folders):
        files, size = files + 1, size + len(text)
        came = cleaned(path, language, text)
        kinds.update(came.redacted)
        pairs = zip(text.split("\n"), came.text.split("\n"), strict=True)
        if came.redacted and len(changed) < 100_000:
            changed += [f"{path}\n  {one.strip()[:160]}\n  {other.strip()[:160]}"
                        for one, other in pairs if one != other]  # fmt: skip
    seconds = time.process_time() - started
    drawn = random.Random(SEED).sample(changed, min(show, len(changed)))  # noqa: S311
    sys.stdout.write("".join(f"{one}\n" for one in drawn))
    return {
        "files": files,
        "characters": size,
        "lines_changed": len(changed),
        "by_kind": {kind: kinds[kind] for kind in sorted(kinds)},
        "personal": sum(kinds[kind] for kind in PERSONAL),
        "characters_per_cpu_second": round(size / max(seconds, 1e-9)),
    }


def arguments_of(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED, help="of the planted values")
    parser.add_argument("--each", type=int, default=EACH, help="values of each kind")
    parser.add_argument("--code", type=Path, nargs="*", default=[], help="folders of real code")
    parser.add_argument("--show", type=int, default=0, help="changed real lines to print")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 if a share is above its goal."""
    arguments = arguments_of(given)
    seed, each = arguments.seed, arguments.each
    figures: dict[str, Any] = {
        "secrets": measure_secrets(list(secrets(seed, each))),
        "innocents": measure_innocents(list(innocents(seed, each + each // 3))),
        "personal": measure_personal(
            list(personal(seed, 10 * each, _PLANTED)), list(personal(seed, 4 * each, _INNOCENT))
        ),
    }
    if arguments.code:
        figures["code"] = measure_code(arguments.code, arguments.show)
    for name, values in figures.items():
        sys.stdout.write(f"{name}: {values}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    found, harm, people = figures["secrets"], figures["innocents"], figures["personal"]
    is_good = (
        found["left_known"] == 0
        and found["share"] <= GOAL
        and harm["share"] <= ALTERED_GOAL
        and max(people["share"], people["altered_share"]) <= PERSONAL_GOAL
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
