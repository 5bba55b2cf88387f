"""The rows of ARCHITECTURE.md, held against the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROWS = {
    0: {"types", "text", "errors", "guard", "patience", "processes"},
    1: {"config"},
    2: {"syntax"},
    3: {
        "trigger", "cache", "catalogue", "context", "prompt", "inference",
        "postprocess", "privacy", "references", "feedback",
    },
    4: {"completion"},
    5: {"server"},
    6: {"cli"},
}  # fmt: skip
ROW_OF = {name: row for row, names in ROWS.items() for name in names}

HOMES = {
    "pygls": (
        "lsp_server/server/",
        "models/fimbul_models/evaluation/driver.py",
        "models/fimbul_models/evaluation/child.py",
    ),
    "lsprotocol": ("lsp_server/server/", "models/fimbul_models/evaluation/driver.py"),
    "llama_cpp": (
        "lsp_server/inference/llama.py",
        "lsp_server/inference/kvcache.py",
        "lsp_server/inference/loras.py",
        "lsp_server/inference/vocabulary.py",
        "lsp_server/inference/quantize.py",
        "models/fimbul_models/evaluation/baseline.py",
        "models/fimbul_models/training/tokens.py",
        "models/fimbul_models/training/probe_child.py",
        "models/fimbul_models/adoption/llama.py",
    ),
    "huggingface_hub": ("lsp_server/cli/pull.py",),
    "httpx2": ("lsp_server/inference/connection.py",),
    "cryptography": ("lsp_server/catalogue/signing.py",),
    "tree_sitter": ("lsp_server/syntax/",),
    "sqlite3": ("lsp_server/feedback/", "lsp_server/context/index/"),
    **dict.fromkeys(
        ("torch", "transformers", "peft", "accelerate", "opacus", "safetensors", "gguf"),
        ("models/fimbul_models/training/",),
    ),
    "pyarrow": ("models/fimbul_models/corpus/",),
    "rensa": ("models/fimbul_models/corpus/near.py",),
    "sklearn": ("models/fimbul_models/corpus/",),
    "ray": ("models/fimbul_models/corpus/distributed.py",),
    "licenseclassifier": ("models/fimbul_models/corpus/",),
    "license_expression": ("models/fimbul_models/corpus/",),
}

NETWORK = {
    "socket", "ssl", "http", "urllib.request", "ftplib", "httpx", "httpx2", "httpcore2", "requests",
    "aiohttp",
}  # fmt: skip
"""Modules that open connections. Only the command line's pull may import one, and the connection
to a server that the user or the machine's policy has named."""
CONNECTING = {"lsp_server/cli/pull.py", "lsp_server/inference/connection.py"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def component(module: str) -> str:
    """`lsp_server.inference.client` belongs to `inference`."""
    parts = module.split(".")
    return parts[1] if parts[0] == "lsp_server" and len(parts) > 1 else ""


def component_of_file(path: Path) -> str:
    return path.relative_to(ROOT / "lsp_server").parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path", modules("lsp_server"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_go_one_way(path: Path) -> None:
    own = component_of_file(path)
    if own == "__init__":
        assert not imports(path)
        return
    for module in imports(path):
        other = component(module)
        if other and other != own:
            assert ROW_OF[other] < ROW_OF[own], f"{own} imports {module}"


def test_every_component_has_a_row() -> None:
    found = {component_of_file(path) for path in modules("lsp_server")} - {"__init__"}
    assert found <= ROW_OF.keys()


@pytest.mark.parametrize("library", HOMES)
def test_foreign_libraries_stay_at_home(library: str) -> None:
    users = [
        str(path.relative_to(ROOT))
        for folder in ("lsp_server", "models")
        for path in modules(folder)
        if any(module.split(".")[0] == library for module in imports(path))
    ]
    assert all(user.startswith(HOMES[library]) for user in users), users


def test_server_never_imports_models_or_benchmarks() -> None:
    for path in modules("lsp_server"):
        assert not {module.split(".")[0] for module in imports(path)} & {
            "fimbul_models",
            "benchmarks",
            "tests",
        }, path


def test_models_import_the_server_only_up_to_completion() -> None:
    for path in modules("models/fimbul_models"):
        for module in imports(path):
            if other := component(module):
                assert ROW_OF[other] <= 4, f"{path} imports {module}"


def test_nothing_but_pull_and_a_named_server_opens_connections() -> None:
    for path in modules("lsp_server"):
        if str(path.relative_to(ROOT)) not in CONNECTING:
            assert not imports(path) & NETWORK, path


def test_of_models_only_the_client_of_code_hosts_opens_connections() -> None:
    for path in modules("models/fimbul_models"):
        if path.name != "hosting.py":
            assert not imports(path) & NETWORK, path


def test_the_http_client_is_imported_only_where_a_server_is_named() -> None:
    for path in modules("lsp_server"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_the_top = {
            node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module
        }
        if path.name != "remote.py":
            assert "lsp_server.inference.connection" not in at_the_top, path
        assert "lsp_server.inference.remote" not in at_the_top, path
    script = (
        "import sys, lsp_server.server.handlers, lsp_server.cli.session\n"
        "assert not {'httpx2', 'httpcore2', 'lsp_server.inference.connection'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "path", [*modules("lsp_server"), *modules("models/fimbul_models")], ids=str
)
def test_packages_hold_a_docstring_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path} says not what it does"
    if path.name == "__init__.py":
        assert len(tree.body) == 1
