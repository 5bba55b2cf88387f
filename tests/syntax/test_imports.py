"""What import statements bring in, by language."""

import pytest

from lsp_server.syntax.imports import read_imports

CASES = [
    ("python", "from .. import a", "..: a"),
    ("python", "from . a import b as c", ".a: b as c"),
    ("python", "import a.b as c, d", "a.b as c; d"),
    ("python", "from a import (b,  # one, two\n  c)", "a: b, c"),
    ("javascript", "import {type A, default as B} from './x'", "./x: A, default as B"),
    ("javascript", "import D, * as ns from \"x\"", "x as ns: default as D"),
    ("javascript", "export * as ns from 'x'", "x as ns"),
    ("javascript", "import 'http://x/y.js'", "http://x/y.js"),
    ("javascript", "const {a: b = 1, c} = require('x').y", "x: a as b, c"),
    ("javascript", "const x = other('y')", ""),
    ("typescript", "import type { A } from 'x'", "x: A"),
    ("rust", "use a;", "a"),
    ("rust", "use a::b as c;", "a: b as c"),
    ("rust", "pub(crate) use a::{b::{self, c}, d::*};", "a::d: *; a::b; a::b: c"),
    ("rust", "use {a::b, c};", "c; a: b"),
    ("java", "import static a.b.C.*;", "a.b.C: *"),
    ("kotlin", "import a.b.C as D", "a.b: C as D"),
    ("scala", "import a.{b => c, d}, e.f", "a: b as c, d; e: f"),
    ("csharp", "using static System.Math;", "System.Math: *"),
    ("php", "use A\\B;", "A: B"),
    ("php", "use A\\{B, C as D};", "A: B, C as D"),
    ("swift", "import class A.B", "A: B"),
    ("go", '. "a/b"', "a/b: *"),
    ("c", '# include "a/b.h"', "a/b.h"),
    ("ruby", "require_relative 'a'", "./a"),
    ("ruby", "puts 'a'", ""),
    ("lua", "local a = require [[b.c]]", "b.c as a"),
    ("bash", "source 'a.sh'", "a.sh"),
    ("css", "@import url(a.css);", "a.css"),
    ("html", "<link rel=x href=a.css>", "a.css"),
    ("html", "<a href=b.html>", ""),
    ("toml", "anything", ""),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected"), CASES)
def test_imports(language: str, text: str, expected: str) -> None:
    shown = []
    for module, names, alias in read_imports(language, text):
        parts = [n.name if n.name == n.alias else f"{n.name} as {n.alias}" for n in names]
        shown.append(
            module + (f" as {alias}" if alias else "") + (f": {', '.join(parts)}" if parts else "")
        )
    assert "; ".join(shown) == expected
