# ruff: noqa: E501  # A kind a row is read at a glance, and as several lines is not.
"""Realistic files with one planted value each, in five languages, for `benchmarks.secrets`.

What stands around a value is code as people write it: constants, arguments, fields, tables, tests,
comments and texts over several lines. Seeded: the same files each time.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.secret_values import EXPRESSIONS, INNOCENTS, SECRETS, Secret
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position

LANGUAGES = ("python", "typescript", "go", "java", "csharp")
_SUFFIX = {"python": "py", "typescript": "ts", "go": "go", "java": "java", "csharp": "cs"}
_COMMENT = {"python": "#"}

_PLACES: dict[str, tuple[str, ...]] = {
    "python": (
        'NAME = "VALUE"',
        "    NAME='VALUE',",
        '    "NAME": "VALUE",',
        '        self.NAME = "VALUE"',
        'client = connect(host, NAME="VALUE", timeout=3)',
        '    NAME: str = "VALUE"',
        "    monkeypatch.setenv('NAME', 'VALUE')",
        'assert settings.NAME == "VALUE"',
    ),
    "typescript": (
        'const NAME = "VALUE";',
        "  NAME: 'VALUE',",
        "export const NAME: string = `VALUE`;",
        '    private readonly NAME = "VALUE";',
        '  client.configure({ NAME: "VALUE", retries: 2 });',
        '  expect(options.NAME).toBe("VALUE");',
    ),
    "go": (
        'const NAME = "VALUE"',
        '\tNAME: "VALUE",',
        '\tNAME := "VALUE"',
        '\tvar NAME string = "VALUE"',
        "\tcfg.NAME = `VALUE`",
        '\tt.Setenv("NAME", "VALUE")',
    ),
    "java": (
        '    private static final String NAME = "VALUE";',
        '        config.put("NAME", "VALUE");',
        '        String NAME = "VALUE";',
        '        this.NAME = "VALUE";',
        '    @Value("NAME") String NAME = "VALUE";',
        '        builder.NAME("VALUE").build();',
    ),
    "csharp": (
        '    private const string NAME = "VALUE";',
        '        NAME = "VALUE",',
        '        var NAME = "VALUE";',
        '    public string NAME { get; set; } = "VALUE";',
        '        settings["NAME"] = "VALUE";',
        '        options.NAME = "VALUE";',
    ),
}
_NEUTRAL = ("value", "DEFAULT", "header", "item1", "config", "argument", "fixture", "X")

_BEFORE: dict[str, str] = {
    "python": "import os\nfrom shop.store import Store\n\n\nclass Cart:\n    def __init__(self, store: Store) -> None:\n        self.store = store\n        self.items: list[str] = []\n\n",
    "typescript": "import { Store } from './store';\n\nexport class Cart {\n  private items: string[] = [];\n\n  constructor(private readonly store: Store) {}\n\n  total(): number {\n    return this.items.length;\n  }\n}\n\n",
    "go": "package shop\n\nimport \"os\"\n\ntype Cart struct {\n\tstore *Store\n\titems []string\n}\n\nfunc (c *Cart) Total() int {\n\treturn len(c.items)\n}\n\n",
    "java": "package shop;\n\nimport java.util.List;\n\npublic class Cart {\n    private final List<String> items;\n\n    public int total() {\n        return items.size();\n    }\n\n",
    "csharp": "using System;\n\nnamespace Shop;\n\npublic class Cart\n{\n    private readonly List<string> items = new();\n\n    public int Total() => items.Count;\n\n",
}  # fmt: skip
_AFTER: dict[str, str] = {
    "python": "\n\ndef total(cart: Cart) -> int:\n    count = █\n    return count\n",
    "typescript": "\nexport function total(cart: Cart): number {\n  const count = █\n  return count;\n}\n",
    "go": "\nfunc count(c *Cart) int {\n\tcount := █\n\treturn count\n}\n",
    "java": "\n    int count() {\n        int count = █\n        return count;\n    }\n}\n",
    "csharp": "\n    int Count()\n    {\n        var count = █\n        return count;\n    }\n}\n",
}


@dataclass(frozen=True, slots=True)
class Planted:
    """One file with one value."""

    kind: str
    is_known: bool
    value: str
    """What must not reach a prompt, or must stay as it is."""
    request: CompletionRequest

    def parts(self) -> list[str]:
        """Return pieces of the value by any of which it is betrayed, or has been altered."""
        rows = self.value.replace("\\n", "\n").split("\n")
        return [row for row in rows if row and not row.startswith("-----")]


def secrets(seed: int, each: int) -> Iterator[Planted]:
    """Yield files with `each` secrets of every kind, the languages by turns."""
    chance = random.Random(seed)  # noqa: S311  # The same files at every run.
    for kind in SECRETS:
        for number in range(each):
            language = LANGUAGES[(number + chance.randrange(5)) % 5]
            value = kind.value(chance)
            lines = (
                _block(kind, value, language, chance)
                if kind.is_block
                else [_line(kind, value, language, chance)]
            )
            yield _file(kind.name, value, language, lines, known=kind.known)


def innocents(seed: int, each: int) -> Iterator[Planted]:
    """Yield files with `each` innocent texts of every kind, and as many expressions a language."""
    chance = random.Random(seed)  # noqa: S311  # The same files at every run.
    for name, make, names in INNOCENTS:
        for _ in range(each):
            language = chance.choice(LANGUAGES)
            value = make(chance)
            line = _placed(chance, language, chance.choice(names), value.replace("\\", "\\\\"))
            yield _file(name, line, language, [line])
    for language, expressions in EXPRESSIONS.items():
        for expression in expressions:
            for _ in range(max(1, each // 3)):
                name = chance.choice(("password", "token", "apiKey", "secret", "client_secret"))
                line = f"NAME = {expression}".replace("NAME", name).replace("{}", name.upper())
                end = ";" if language in ("typescript", "java", "csharp") else ""
                yield _file("expression", line + end, language, [line + end])


def _line(kind: Secret, value: str, language: str, chance: random.Random) -> str:
    text = chance.choice(kind.around).format(value)
    name = chance.choice(kind.names or _NEUTRAL)
    mark = _COMMENT.get(language, "//")
    if not kind.names and chance.random() < 0.25:
        return f"{mark} {text}"
    if '"' in text:
        # A text with quotes stands in a literal of the other kind, as it would not compile else.
        quotes = {"python": "'''", "go": "`", "typescript": "`", "java": '"""', "csharp": '"""'}
        return f"x = {quotes[language]}{text}{quotes[language]}"
    return _placed(chance, language, name, text)


def _placed(chance: random.Random, language: str, name: str, text: str) -> str:
    return chance.choice(_PLACES[language]).replace("NAME", name).replace("VALUE", text)


def _block(kind: Secret, value: str, language: str, chance: random.Random) -> list[str]:
    rows = value.split("\n")
    if kind.name != "pgp-key" and chance.random() < 0.4:
        # A string a line, joined by the language's means.
        join = {"python": "", "go": " +", "typescript": " +", "java": " +", "csharp": " +"}[
            language
        ]
        return ["const KEY = (", *(f'    "{row}\\n"{join}' for row in rows), '    "")']
    if language == "python" or chance.random() < 0.5:
        return ['KEY = """' + rows[0], *rows[1:-1], rows[-1] + '"""']
    mark = _COMMENT.get(language, "//")
    if chance.random() < 0.3:
        return [f"{mark} {row}" for row in rows]
    return ["const key = `" + rows[0], *rows[1:-1], rows[-1] + "`;"]


def _file(
    kind: str, value: str, language: str, lines: list[str], *, known: bool = False
) -> Planted:
    marked = _BEFORE[language] + "\n".join(lines) + "\n" + _AFTER[language]
    before, _, after = marked.partition("█")
    rows = split_lines(before)
    suffix = _SUFFIX[language]
    document = Document(
        f"file:///shop/planted.{suffix}", language, 1, tuple(split_lines(before + after))
    )
    request = CompletionRequest(document, Position(len(rows) - 1, len(rows[-1])))
    return Planted(kind, known, value, request)
