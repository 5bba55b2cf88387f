"""The steps of ``fimbul setup``, without building, fetching or loading anything."""

import argparse
import dataclasses
import errno
import io
import shutil
import sys
from pathlib import Path

import pytest

from lsp_server.cli import setup
from lsp_server.cli.console import Console
from lsp_server.cli.engine_build import EngineBuild, ensure_wheel, installed_build
from lsp_server.cli.engine_recipe import (
    ENGINE_VERSION,
    Compiler,
    build_key,
    find_compiler,
    make_recipe,
)
from lsp_server.config.paths import Paths
from lsp_server.errors import SetupError
from lsp_server.inference.machine import Cpu, find_cpu
from lsp_server.inference.selftest import SelfTestResult

CPU = Cpu("A processor", "0123456789abcdef")
OTHER_CPU = Cpu("Another processor", "fedcba9876543210")
COMPILER = Compiler("/usr/bin/cc", "/usr/bin/c++", "cc 12.2.0", ())
NATIVE = EngineBuild(make_recipe(COMPILER, CPU, portable=False), "2026-01-02T03:04:05+00:00")
PORTABLE = EngineBuild(make_recipe(COMPILER, OTHER_CPU, portable=True), NATIVE.date)
OLD = EngineBuild(dataclasses.replace(NATIVE.recipe, version="0.3.1"), NATIVE.date)

FAKE_PIP = """
import pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--wheel-dir") + 1])
(folder / "llama_cpp_python-1-py3-none-any.whl").write_bytes(b"a wheel")
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    home = tmp_path / "home"
    return Paths(home / "config", home / "data", home / "cache", home / "state", home / "policy")


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(out, io.StringIO()), out


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    setup.add_parser(parser.add_subparsers())
    return parser.parse_args(["setup", *words])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ("hub", False, False, None)),
        (("--source", "any"), ("any", False, False, None)),
        (("--no-model", "--rebuild"), ("hub", True, True, None)),
        (("--wheel", "dist"), ("hub", False, False, Path("dist"))),
    ],
)
def test_arguments(words: tuple[str, ...], expected: tuple[object, ...]) -> None:
    found = parse(*words)
    assert (found.source, found.no_model, found.rebuild, found.wheel) == expected
    assert callable(found.run)


def test_an_unknown_source_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--source", "elsewhere")
    assert "mirror" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("version", "bits", "expected"),
    [((3, 11), 64, "Python 3.11"), ((3, 14), 64, "Python 3.14")],
)
def test_a_python_that_serves(version: tuple[int, int], bits: int, expected: str) -> None:
    assert setup.check_python(version, bits) == expected


@pytest.mark.parametrize(
    ("version", "bits", "complaint"),
    [((3, 10), 64, "3.10 is too old"), ((2, 7), 64, "needs 3.11"), ((3, 12), 32, "32-bit")],
)
def test_a_python_that_does_not(version: tuple[int, int], bits: int, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint):
        setup.check_python(version, bits)


@pytest.mark.parametrize(
    ("present", "version", "wanted", "reason"),
    [
        (None, None, NATIVE.key, "not installed"),
        (None, ENGINE_VERSION, NATIVE.key, "not built by fimbul"),
        (NATIVE, ENGINE_VERSION, NATIVE.key, None),
        (NATIVE, ENGINE_VERSION, None, None),
        (NATIVE, ENGINE_VERSION, "another key", "other flags"),
        (OLD, "0.3.1", NATIVE.key, "0.3.1 is not the version"),
        (PORTABLE, ENGINE_VERSION, NATIVE.key, None),
    ],
)
def test_the_engine_is_installed_only_for_a_reason(
    present: EngineBuild | None, version: str | None, wanted: str | None, reason: str | None
) -> None:
    found = setup.reason_to_install(present, version, CPU, wanted)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert reason in found


def test_a_native_engine_of_another_processor_is_replaced() -> None:
    found = setup.reason_to_install(NATIVE, ENGINE_VERSION, OTHER_CPU, "another key")
    assert found is not None
    assert "another machine (A processor)" in found


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (SelfTestResult(True, False, (), 1.0, 130.4, 35.1), "full speed: prefill 130 tokens/s"),
        (SelfTestResult(False, False, ("died",), 1.0, 65.0, 40.0), "plain buffers only"),
        (SelfTestResult(False, True, ("died", "died"), 1.0, 9.0, 99.0), "one thread only"),
    ],
)
def test_a_self_test_is_told_in_a_line(result: SelfTestResult, expected: str) -> None:
    assert expected in setup.describe_result(result)
    assert ("--rebuild" in setup.describe_result(result)) is not result.full_speed


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "/a/b"), "set XDG_CACHE_HOME"),
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "make that folder writable"),
        (OSError("odd"), "odd; `fimbul doctor`"),
    ],
)
def test_what_the_system_refuses_is_told_in_a_sentence(error: OSError, expected: str) -> None:
    assert expected in setup.explain_os_error(error)


@pytest.mark.skipif(shutil.which("c++") is None, reason="no compiler on this machine")
def test_a_portable_wheel_that_was_built_before_is_copied(paths: Paths, tmp_path: Path) -> None:
    pip = tmp_path / "pip.py"
    pip.write_text(FAKE_PIP, encoding="utf-8")
    compiler = find_compiler()
    recipe = make_recipe(compiler, find_cpu(), portable=True)
    build = ensure_wheel(paths, recipe, compiler, [sys.executable, str(pip)], progress=False)
    stream, out = console()
    wheel = setup.make_wheel(paths, stream, tmp_path / "new" / "dist")
    assert wheel.read_bytes() == b"a wheel"
    assert build.sha256 in out.getvalue()
    assert "building" not in out.getvalue()


@pytest.mark.skipif(shutil.which("c++") is None, reason="no compiler on this machine")
def test_an_engine_that_is_installed_is_left_alone(paths: Paths) -> None:
    build, cpu = installed_build(), find_cpu()
    wanted = build_key(make_recipe(find_compiler(), cpu, portable=False))
    if build is None or setup.reason_to_install(build, build.recipe.version, cpu, wanted):
        pytest.skip("no engine that this fimbul built for this machine is installed")
    stream, out = console()
    assert setup.ensure_engine(paths, stream, rebuild=False) == build
    assert "installed" in out.getvalue()
    assert not paths.engine.exists()
