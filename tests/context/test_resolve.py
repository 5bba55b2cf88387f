"""Which files and definitions an import means."""

import pytest

from lsp_server.context.filenames import FileNames, joined, nearest
from lsp_server.context.modules import resolve_module, same_package
from lsp_server.context.resolve import STAR_LIMIT, resolve_imports
from lsp_server.syntax.outline import Import, ImportedName
from tests.context.memory import MemoryRepository, outline_of_text

PYTHON = """
    setup.py json.py
    src/shop/__init__.py src/shop/cart.py src/shop/cart.pyi src/shop/json.py
    src/shop/core/__init__.py src/shop/core/types.py src/shop/core/types.pyi
    src/shop/stubs.pyi src/shop/plugins/one.py
    scripts/run.py scripts/common.py tests/test_cart.py tests/common.py
    vendor/lib/shop2/__init__.py vendor/lib/shop2/cart.py
"""
SCRIPT = """
    src/app.ts src/util/index.ts src/util/format.ts src/util/old.js src/button.tsx
    src/types.d.ts src/components/Card/index.tsx lib/components/Card.js src/page.vue
    packages/core/src/index.ts packages/core/src/store.ts packages/core/package.ts
    packages/ui/index.js packages/ui/src/app.ts lodash.ts
"""
GO = """
    main.go client.go client_test.go store/store.go store/disk.go store/store_test.go
    internal/json/encode.go errors/errors.go services/api/go.go services/api/store/pg.go
"""
RUST = """
    src/lib.rs src/main.rs src/error.rs src/store/mod.rs src/store/disk.rs src/net.rs
    src/net/http.rs src/net/http/header.rs tests/all.rs
    crates/my-log/src/lib.rs crates/my-log/src/sink.rs
"""
JAVA = """
    app/src/main/java/org/shop/Cart.java app/src/main/java/org/shop/Item.java
    app/src/main/java/org/shop/core/Store.java app/src/test/java/org/shop/CartTest.java
    app/src/main/java/org/shop/util/List.java
"""
KOTLIN = """
    src/main/kotlin/org/shop/Cart.kt src/main/kotlin/org/shop/util/Text.kt
    src/main/kotlin/org/shop/util/Numbers.kt src/main/java/org/shop/Old.java
"""
C = """
    src/main.c src/main.h src/net/socket.c src/net/socket.h src/net/string.h
    include/shop/socket.h include/shop/list.h lib/list.h
"""
CSHARP = "src/Shop.Core/Models/Item.cs src/Shop.Core/Cart.cs src/Shop.Web/Page.cs Json/Other.cs"
RUBY = "lib/shop.rb lib/shop/cart.rb lib/shop/item.rb test/helper.rb vendor/json.rb"
PHP = "src/Cart.php src/Models/Item.php app/Http/Request.php lib/functions.php"
LUA = "lua/shop/init.lua lua/shop/cart.lua main.lua"

MODULES = [
    # Python: relative, absolute, layouts, stubs, submodules.
    ("python", PYTHON, "src/shop/cart.py", "from .core.types import Money",
     "src/shop/core/types.py src/shop/core/types.pyi"),
    ("python", PYTHON, "src/shop/core/types.py", "from ..cart import Cart",
     "src/shop/cart.py src/shop/cart.pyi"),
    ("python", PYTHON, "src/shop/core/types.py", "from .. import cart",
     "src/shop/__init__.py src/shop/cart.py src/shop/cart.pyi"),
    ("python", PYTHON, "src/shop/core/__init__.py", "from . import types",
     "src/shop/core/__init__.py src/shop/core/types.py src/shop/core/types.pyi"),
    ("python", PYTHON, "tests/test_cart.py", "import shop.core",
     "src/shop/core/__init__.py"),
    ("python", PYTHON, "tests/test_cart.py", "import shop.stubs", "src/shop/stubs.pyi"),
    ("python", PYTHON, "tests/test_cart.py", "from shop.plugins import one",
     "src/shop/plugins/one.py"),
    ("python", PYTHON, "tests/test_cart.py", "import common", "tests/common.py"),
    ("python", PYTHON, "scripts/run.py", "import common", "scripts/common.py"),
    ("python", PYTHON, "src/shop/cart.py", "import shop2.cart", "vendor/lib/shop2/cart.py"),
    # A module inside of a package is not importable by its bare name.
    ("python", "src/shop/__init__.py src/shop/json.py a.py", "a.py", "import json", ""),
    ("python", PYTHON, "src/shop/cart.py", "import numpy", ""),
    ("python", PYTHON, "src/shop/cart.py", "from ..... import x", ""),
    ("python", "__init__.py core.py tests/a.py", "tests/a.py", "import repo.core", "core.py"),
    ("python", "core.py tests/a.py", "tests/a.py", "import django.core", ""),
    # JavaScript and TypeScript.
    ("typescript", SCRIPT, "src/app.ts", "import { f } from './util'", "src/util/index.ts"),
    ("typescript", SCRIPT, "src/app.ts", "import { f } from './util/format'",
     "src/util/format.ts"),
    ("typescript", SCRIPT, "src/app.ts", "import { f } from './util/format.js'",
     "src/util/format.ts"),
    ("javascript", SCRIPT, "src/util/old.js", "import f from './old.js'", "src/util/old.js"),
    ("tsx", SCRIPT, "src/app.ts", "import { B } from './button.js'", "src/button.tsx"),
    ("typescript", SCRIPT, "src/util/format.ts", "import { f } from '..'", ""),
    ("typescript", SCRIPT, "src/util/format.ts", "import { f } from '.'", "src/util/index.ts"),
    ("typescript", SCRIPT, "src/util/format.ts", "import { f } from '../app'", "src/app.ts"),
    ("typescript", SCRIPT, "src/app.ts", "import { T } from './types'", "src/types.d.ts"),
    ("typescript", SCRIPT, "src/app.ts", "import P from './page.vue'", "src/page.vue"),
    ("typescript", SCRIPT, "src/util/format.ts", "import { C } from '@/components/Card'",
     "src/components/Card/index.tsx"),
    ("typescript", SCRIPT, "src/util/format.ts", "import { b } from '~/button'",
     "src/button.tsx"),
    ("typescript", SCRIPT, "packages/ui/src/app.ts", "import { a } from 'src/app'",
     "packages/ui/src/app.ts"),
    ("typescript", SCRIPT, "packages/ui/index.js", "import { a } from '@shop/core'",
     "packages/core/src/index.ts"),
    ("typescript", SCRIPT, "packages/ui/index.js", "import { a } from '@shop/core/store'",
     "packages/core/src/store.ts"),
    ("typescript", SCRIPT, "src/app.ts", "import { C } from 'components/Card'",
     "src/components/Card/index.tsx"),
    ("typescript", SCRIPT, "src/app.ts", "import _ from 'lodash'", ""),
    ("typescript", SCRIPT, "src/app.ts", "import x from '../../../x'", ""),
    # Go.
    ("go", GO, "main.go", "github.com/me/shop/store", "store/disk.go store/store.go"),
    ("go", GO, "main.go", "example.com/store", "store/disk.go store/store.go"),
    ("go", GO, "main.go", "shop/store", "store/disk.go store/store.go"),
    ("go", GO, "main.go", "github.com/me/shop/services/api/store", "services/api/store/pg.go"),
    ("go", GO, "services/api/go.go", "github.com/me/x/api/store", "services/api/store/pg.go"),
    ("go", GO, "store/disk.go", "github.com/me/repo", "client.go main.go"),
    ("go", GO, "main.go", "encoding/json", ""),
    ("go", GO, "main.go", "errors", ""),
    ("go", GO, "main.go", "github.com/pkg/errors", ""),
    # Rust.
    ("rust", RUST, "src/net/http.rs", "crate::store::disk", "src/store/disk.rs"),
    ("rust", RUST, "src/net/http.rs", "crate::store::Disk", "src/store/mod.rs"),
    ("rust", RUST, "src/net/http.rs", "crate::Shop", "src/lib.rs"),
    ("rust", RUST, "src/net/http.rs", "super::Socket", "src/net.rs"),
    ("rust", RUST, "src/net/http.rs", "self::header", "src/net/http/header.rs"),
    ("rust", RUST, "src/net/http/header.rs", "super::super::Socket", "src/net.rs"),
    ("rust", RUST, "src/store/mod.rs", "super::error::Error", "src/error.rs"),
    ("rust", RUST, "src/store/mod.rs", "disk", "src/store/disk.rs"),
    ("rust", RUST, "src/lib.rs", "store", "src/store/mod.rs"),
    ("rust", RUST, "src/lib.rs", "my_log::sink::Sink", "crates/my-log/src/sink.rs"),
    ("rust", RUST, "tests/all.rs", "repo::error::Error", "src/error.rs"),
    ("rust", RUST, "src/lib.rs", "std::error::Error", ""),
    ("rust", RUST, "src/lib.rs", "serde::Serialize", ""),
    # Java, Kotlin, Scala.
    ("java", JAVA, "app/src/main/java/org/shop/Cart.java", "org.shop.core.Store",
     "app/src/main/java/org/shop/core/Store.java"),
    ("java", JAVA, "app/src/main/java/org/shop/Cart.java", "org.shop.core.Store.Entry",
     "app/src/main/java/org/shop/core/Store.java"),
    ("java", JAVA, "app/src/main/java/org/shop/core/Store.java", "org.shop.*",
     "app/src/main/java/org/shop/Cart.java app/src/main/java/org/shop/Item.java"
     " app/src/test/java/org/shop/CartTest.java"),
    ("java", JAVA, "app/src/main/java/org/shop/Cart.java", "java.util.List", ""),
    ("kotlin", KOTLIN, "src/main/kotlin/org/shop/Cart.kt", "org.shop.util.trimmed",
     "src/main/kotlin/org/shop/util/Numbers.kt src/main/kotlin/org/shop/util/Text.kt"),
    ("kotlin", KOTLIN, "src/main/kotlin/org/shop/Cart.kt", "org.shop.Old",
     "src/main/java/org/shop/Old.java"),
    ("kotlin", KOTLIN, "src/main/kotlin/org/shop/Cart.kt", "kotlin.util.trimmed", ""),
    ("scala", "src/a/b/C.scala src/a/D.scala", "src/a/D.scala", "a.b.C", "src/a/b/C.scala"),
    # C and C++.
    ("c", C, "src/net/socket.c", "socket.h", "src/net/socket.h"),
    ("c", C, "src/net/socket.c", "../main.h", "src/main.h"),
    ("c", C, "src/net/socket.c", "shop/list.h", "include/shop/list.h"),
    ("c", C, "src/main.c", "socket.h", "src/net/socket.h"),
    ("c", C, "src/main.c", "string.h", ""),
    ("c", C, "src/main.c", "stdio.h", ""),
    # C#, Ruby, PHP, Lua, Swift.
    ("csharp", CSHARP, "src/Shop.Web/Page.cs", "Shop.Core", "src/Shop.Core/Cart.cs"),
    ("csharp", CSHARP, "src/Shop.Web/Page.cs", "Shop.Core.Models", ""),
    ("csharp", "src/Core/Models/Item.cs a/Page.cs", "a/Page.cs", "Shop.Core.Models",
     "src/Core/Models/Item.cs"),
    ("csharp", CSHARP, "src/Shop.Web/Page.cs", "Newtonsoft.Json", ""),
    ("csharp", CSHARP, "src/Shop.Web/Page.cs", "System.Json", ""),
    ("ruby", RUBY, "lib/shop.rb", "shop/cart", "lib/shop/cart.rb"),
    ("ruby", RUBY, "lib/shop/cart.rb", "item", "lib/shop/item.rb"),
    ("ruby", RUBY, "test/helper.rb", "../lib/shop", "lib/shop.rb"),
    ("ruby", RUBY, "test/helper.rb", "shop", "lib/shop.rb"),
    ("ruby", RUBY, "lib/shop.rb", "json", ""),
    ("php", PHP, "app/Http/Request.php", "Shop\\Models\\Item", "src/Models/Item.php"),
    ("php", PHP, "app/Http/Request.php", "Shop\\Cart", "src/Cart.php"),
    ("php", PHP, "src/Cart.php", "Symfony\\Component\\HttpFoundation\\Request", ""),
    ("php", PHP, "src/Cart.php", "../lib/functions.php", "lib/functions.php"),
    ("lua", LUA, "main.lua", "shop.cart", "lua/shop/cart.lua"),
    ("lua", LUA, "main.lua", "shop", "lua/shop/init.lua"),
    ("bash", "bin/run.sh lib/log.sh", "bin/run.sh", "../lib/log.sh", "lib/log.sh"),
    ("swift", "Sources/Shop/Cart.swift a.swift", "a.swift", "Shop", "Sources/Shop/Cart.swift"),
    ("cobol", "a.cbl b.cbl", "a.cbl", "b", ""),
]  # fmt: skip


def written_import(language: str, text: str) -> Import:
    """Read an import statement of Python or TypeScript; of other languages only a module."""
    endings = {"python": "a.py", "typescript": "a.ts", "tsx": "a.ts", "javascript": "a.ts"}
    if language in endings:
        return outline_of_text(endings[language], text + "\n").imports[0]
    return Import(text, (), 0, 1)


@pytest.mark.parametrize(
    ("language", "paths", "importing", "text", "expected"),
    MODULES,
    ids=[f"{row[0]}: {row[3]} in {row[2]}" for row in MODULES],
)
def test_files_of_an_import(
    language: str, paths: str, importing: str, text: str, expected: str
) -> None:
    files = FileNames(paths.split(), "repo")
    found = resolve_module(importing, written_import(language, text), language, files)
    assert list(found) == expected.split()


@pytest.mark.parametrize(
    ("path", "language", "paths", "expected"),
    [
        ("store/store.go", "go", GO, "store/disk.go"),
        ("store/store_test.go", "go", GO, "store/disk.go store/store.go"),
        ("app/src/main/java/org/shop/Cart.java", "java", JAVA,
         "app/src/main/java/org/shop/Item.java app/src/test/java/org/shop/CartTest.java"),
        ("app/src/test/java/org/shop/CartTest.java", "java", JAVA,
         "app/src/main/java/org/shop/Cart.java app/src/main/java/org/shop/Item.java"),
        ("src/Shop.Core/Cart.cs", "csharp", CSHARP + " src/Shop.Core/B.cs", "src/Shop.Core/B.cs"),
        ("src/shop/cart.py", "python", PYTHON, ""),
        ("a.swift", "swift", "a.swift b.swift", "b.swift"),
    ],
)  # fmt: skip
def test_same_package(path: str, language: str, paths: str, expected: str) -> None:
    found = same_package(path, language, FileNames(paths.split()))
    assert sorted(found) == expected.split()


def test_nearest_first() -> None:
    paths = ("a/z.py", "a/b/c/y.py", "x.py", "a/b/x.py")
    assert nearest("a/b/me.py", paths) == ("a/b/x.py", "a/b/c/y.py", "a/z.py", "x.py")


@pytest.mark.parametrize(
    ("folder", "relative", "expected"),
    [
        ("a/b", "../c", "a/c"),
        ("", "./c", "c"),
        ("a", "../..", None),
        ("a", "", "a"),
        ("a", "b//c/.", "a/b/c"),
    ],
)
def test_joined(folder: str, relative: str, expected: str | None) -> None:
    assert joined(folder, relative) == expected


SHOP = {
    "shop/__init__.py": "from .client import Client as Client\nfrom . import deep\n",
    "shop/client.py": "class Client:\n    def get(self):\n        return 1\n\ndef make(): pass\n",
    "shop/deep/__init__.py": "from .one import *\n",
    "shop/deep/one.py": "from .two import Three\ndef public(): pass\ndef _private(): pass\n",
    "shop/deep/two.py": "class Three: pass\n",
    "shop/loop.py": "from .loop2 import Gone\n",
    "shop/loop2.py": "from .loop import Gone\n",
}
WEB = {
    "src/index.ts": "export { Client } from './client';\nexport * from './util';\n",
    "src/client.ts": "export class Client { get(): string { return '' } }\n",
    "src/util.ts": "export function format(a: string): string { return a }\n",
    "src/Card.tsx": "export default function Card() { return null }\n",
    "src/store.ts": "const store = 1;\nexport default store;\n",
}

IMPORTED = [
    ("a.py", "from shop import Client", SHOP, "Client=shop/client.py:Client"),
    ("a.py", "from shop import Client as C", SHOP, "C=shop/client.py:Client"),
    ("a.py", "from shop import deep", SHOP, "deep=shop/deep/__init__.py"),
    ("a.py", "from shop import client", SHOP, "client=shop/client.py"),
    ("a.py", "import shop.client", SHOP, "shop.client=shop/client.py"),
    ("a.py", "import shop.client as c", SHOP, "c=shop/client.py"),
    ("a.py", "from shop.client import Client, make", SHOP,
     "Client=shop/client.py:Client make=shop/client.py:make"),
    ("a.py", "from shop.deep import Three", SHOP, "Three=shop/deep/two.py:Three"),
    ("a.py", "from shop.deep.one import *", SHOP, "public=shop/deep/one.py:public"),
    ("a.py", "from shop.loop import Gone", SHOP, ""),
    ("a.py", "from shop.client import Missing", SHOP, ""),
    ("a.py", "from requests import Client", SHOP, ""),
    ("src/a.ts", "import { Client } from '.'", WEB, "Client=src/client.ts:Client"),
    ("src/a.ts", "import { Client as C, format } from './index'", WEB,
     "C=src/client.ts:Client format=src/util.ts:format"),
    ("src/a.ts", "import * as util from './util'", WEB, "util=src/util.ts"),
    ("src/a.ts", "import Tile from './Card'", WEB, "Tile=src/Card.tsx:Card"),
    ("src/a.ts", "import state from './store'", WEB, "state=src/store.ts:store"),
    ("src/a.ts", "const { format } = require('./util')", WEB, "format=src/util.ts:format"),
    ("src/a.ts", "import './util'", WEB, ""),
    ("src/a.ts", "import { Client } from 'other'", WEB, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text", "texts", "expected"), IMPORTED, ids=[row[1] for row in IMPORTED]
)
def test_definitions_of_an_import(
    path: str, text: str, texts: dict[str, str], expected: str
) -> None:
    repository = MemoryRepository(texts)
    files = FileNames(repository.paths(), repository.name)
    language = "python" if path.endswith(".py") else "typescript"
    outline = outline_of_text(path, text + "\n")
    found = resolve_imports(path, language, outline, repository, files)
    written = [
        f"{item.alias}={item.path}" + (f":{item.found.definition.name}" if item.found else "")
        for item in found
    ]
    assert written == expected.split()


def test_star_imports_are_limited() -> None:
    many = "".join(f"def f{number}(): pass\n" for number in range(STAR_LIMIT + 10))
    repository = MemoryRepository({"many.py": many})
    outline = outline_of_text("a.py", "from many import *\n")
    files = FileNames(repository.paths())
    found = resolve_imports("a.py", "python", outline, repository, files)
    assert len(found) == STAR_LIMIT


def test_names_without_files() -> None:
    names = (ImportedName("*", "*"), ImportedName("", ""), ImportedName("x", "x"))
    for language in ("python", "typescript", "go", "rust", "java", "c", "csharp", "php", "lua"):
        for module in ("", ".", "..", "::", "/", "\\", "*", "a.", ".a", "a//b", "@", "@/", "crate"):
            text = Import(module, names, 0, 1)
            assert resolve_module("a/b.x", text, language, FileNames([])) == ()
