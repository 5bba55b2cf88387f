"""Made projects in TypeScript and C: files of any length that import other files and use them.

The same at every run and on every machine. Knows nothing about what is measured with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LENGTHS = (100, 800, 3000)
"""Lines of the files that are typed in, one of each in every language."""

STORES = 20
"""Modules that each made project imports from, and that many more import them too."""

_TS_STORE = """\
import {{ Clock }} from "./clock";

export interface Entry{number} {{
  key: string;
  amount: number;
  at: Date;
}}

export class Store{number} {{
  private readonly entries = new Map<string, Entry{number}>();

  constructor(private readonly clock: Clock, public readonly limit: number = {number}0) {{}}

  fetch(key: string, fallback: number = 0): Entry{number} {{
    return this.entries.get(key) ?? {{ key, amount: fallback, at: this.clock.now() }};
  }}

  record(key: string, amount: number): void {{
    this.entries.set(key, {{ key, amount, at: this.clock.now() }});
  }}
}}

export function openStore{number}(clock: Clock): Store{number} {{
  return new Store{number}(clock);
}}
"""

_TS_HEAD = """\
import {{ Clock }} from "./clock";
import {{ Entry{number}, Store{number}, openStore{number} }} from "./store{number}";

"""

_TS_CLASS = """\
export class Ledger{serial} {{
  private readonly store: Store{number};
  private total = 0;

  constructor(clock: Clock) {{
    this.store = openStore{number}(clock);
  }}

  post(key: string, amount: number): Entry{number} {{
    const before = this.store.fetch(key, {serial});
    if (before.amount + amount > this.store.limit) {{
      throw new Error(`too much for ${{key}}: ${{before.amount}}`);
    }}
    this.store.record(key, before.amount + amount);
    this.total += amount;
    return this.store.fetch(key);
  }}

  balance(keys: readonly string[]): number {{
    let sum = 0;
    for (const key of keys) {{
      const entry = this.store.fetch(key);
      sum += entry.amount;
    }}
    return sum - this.total;
  }}

  report(): string {{
    return [`total ${{this.total}}`, `limit ${{this.store.limit}}`].join(", ");
  }}

  clear(keys: readonly string[]): void {{
    keys.forEach((key) => this.store.record(key, 0));
    this.total = 0;
  }}
}}

"""

_C_STORE = """\
#ifndef STORE{number}_H
#define STORE{number}_H

#include <stddef.h>

struct store{number} {{
    const char *name;
    size_t used;
    size_t limit;
    long amounts[{number}8];
}};

int store{number}_open(struct store{number} *store, const char *name, size_t limit);
long store{number}_fetch(const struct store{number} *store, size_t at, long fallback);
int store{number}_record(struct store{number} *store, size_t at, long amount);

#endif
"""

_C_HEAD = """\
#include <stdio.h>
#include <string.h>

#include "store{number}.h"

"""

_C_FUNCTION = """\
int ledger{serial}_post(struct store{number} *store, const char *keys, long amount)
{{
    size_t length = strlen(keys);
    long total = 0;

    if (store->used + length > store->limit) {{
        fprintf(stderr, "%s: too many entries\\n", store->name);
        return -1;
    }}
    for (size_t at = 0; at < length; at++) {{
        long before = store{number}_fetch(store, at, {serial});
        if (keys[at] == '-') {{
            before -= amount;
        }} else if (keys[at] == '+') {{
            before += amount;
        }}
        if (store{number}_record(store, at, before) != 0) {{
            fprintf(stderr, "%s: entry %zu is full\\n", store->name, at);
            return -1;
        }}
        total += before;
    }}
    store->used += length;
    for (size_t at = 0; at < store->used; at++) {{
        if (store->amounts[at] < 0) {{
            store->amounts[at] = 0;
        }}
    }}
    printf("%s: %ld\\n", store->name, total);
    if (total > (long)store->limit) {{
        long over = total - (long)store->limit;
        fprintf(stderr, "%s: %ld over the limit\\n", store->name, over);
        return store{number}_record(store, 0, total - over);
    }}
    for (size_t at = length; at > 0; at--) {{
        total -= store{number}_fetch(store, at - 1, 0);
    }}
    return 0;
}}

"""


@dataclass(frozen=True)
class Language:
    """How a made project is written."""

    folder: str
    store: str
    store_name: str
    head: str
    piece: str
    ending: str


MADE = (
    Language("made_ts", _TS_STORE, "store{number}.ts", _TS_HEAD, _TS_CLASS, ".ts"),
    Language("made_c", _C_STORE, "store{number}.h", _C_HEAD, _C_FUNCTION, ".c"),
)


def made_file(language: Language, lines: int) -> str:
    """Return the source of a file of about `lines` lines that imports another one."""
    number = lines % STORES
    text = language.head.format(number=number)
    each = language.piece.count("\n")
    pieces = max(2, round(lines / each))
    return text + "".join(
        language.piece.format(number=number, serial=serial) for serial in range(pieces)
    )


def make_projects(root: Path) -> list[str]:
    """Write the made projects below `root`; return the paths of the files to be typed in."""
    found = []
    for language in MADE:
        folder = root / language.folder
        folder.mkdir(parents=True)
        make_stores(root, language, range(STORES))
        for lines in LENGTHS:
            name = f"ledger_{lines}{language.ending}"
            (folder / name).write_text(made_file(language, lines))
            found.append(f"{language.folder}/{name}")
    return found


def make_stores(root: Path, language: Language, numbers: Iterable[int]) -> None:
    """Write modules of a made project."""
    for number in numbers:
        name = language.store_name.format(number=number)
        (root / language.folder / name).write_text(language.store.format(number=number))
