"""How the engine is built, kept and recognised; pip and the compiler are small scripts here."""

import dataclasses
import os
import shlex
import stat
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from lsp_server.cli.engine_build import (
    EngineBuild,
    build_environment,
    ensure_wheel,
    explain_failure,
    install,
    installed_build,
    installed_version,
    kept_build,
    log_path,
    run_time_requirements,
    wheel_path,
)
from lsp_server.cli.engine_recipe import (
    ENGINE_VERSION,
    RECORD_NAME,
    Compiler,
    Recipe,
    amx_off_flags,
    build_key,
    find_compiler,
    fits,
    make_recipe,
)
from lsp_server.config.paths import Paths
from lsp_server.errors import SetupError
from lsp_server.inference.machine import Cpu, parse_cpuinfo

AMX_OFF = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")
COMPILER = Compiler("/usr/bin/cc", "/usr/bin/c++", "cc 12.2.0", AMX_OFF)
CPU = Cpu("A processor", "0123456789abcdef")
OTHER_CPU = Cpu("Another processor", "fedcba9876543210")
NATIVE = make_recipe(COMPILER, CPU, portable=False)
PORTABLE = make_recipe(COMPILER, CPU, portable=True)

# Makes a wheel of the record it finds where CMake would find it, and counts its runs.
FAKE_PIP = """
import os, pathlib, shlex, sys, zipfile
arguments = sys.argv[1:]
settings = dict(s.removeprefix("-D").split("=", 1) for s in shlex.split(os.environ["CMAKE_ARGS"]))
record = pathlib.Path(settings["CMAKE_PROJECT_llama.cpp_INCLUDE"]).with_name("fimbul-build.json")
runs = pathlib.Path(__file__).with_name("runs")
runs.write_text((runs.read_text() if runs.exists() else "") + shlex.join(arguments) + "\\n")
print("  [1/2] cc one.c")
print("  [2/2] cc two.c")
folder = pathlib.Path(arguments[arguments.index("--wheel-dir") + 1])
name = "llama_cpp_python-" + arguments[-1].partition("==")[2] + "-py3-none-any.whl"
with zipfile.ZipFile(folder / name, "w") as wheel:
    wheel.writestr("llama_cpp/fimbul-build.json", record.read_bytes())
"""

FAILING_PIP = """
import sys
print("  Building wheel for llama_cpp_python")
print({said!r})
print("  a line that says nothing")
sys.exit(1)
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    home = tmp_path / "home"
    return Paths(home / "config", home / "data", home / "cache", home / "state", home / "policy")


def script(folder: Path, text: str) -> tuple[str, str]:
    file = folder / "pip.py"
    file.write_text(text, encoding="utf-8")
    return sys.executable, str(file)


def runs(folder: Path) -> list[str]:
    return (folder / "runs").read_text(encoding="utf-8").splitlines()


def compiler_script(folder: Path, refused: tuple[str, ...]) -> str:
    file = folder / "cc"
    cases = "\n".join(f"    {flag}) echo unknown option >&2; exit 1 ;;" for flag in refused)
    loop = f'for word in "$@"; do case "$word" in\n{cases}\nesac; done\n' if refused else ""
    file.write_text(f"#!/bin/sh\n{loop}echo 'cc (Test) 1.0'\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


# Recipes and keys


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"version": "0.3.35"}, False),
        ({"flags": (*NATIVE.flags, "GGML_OPENMP=OFF")}, False),
        ({"platform": "linux_aarch64"}, False),
        ({"cpu_features": OTHER_CPU.features}, False),
        ({"compiler": "cc 14.0.0"}, True),
        ({"cpu": "The same processor under another name"}, True),
    ],
)
def test_builds_share_a_key_only_if_they_are_interchangeable(
    change: dict[str, object], same: bool
) -> None:
    changed = dataclasses.replace(NATIVE, **change)  # type: ignore[arg-type]  # A table of fields.
    assert (build_key(changed) == build_key(NATIVE)) is same


def test_a_portable_build_is_the_same_on_every_processor() -> None:
    assert build_key(make_recipe(COMPILER, OTHER_CPU, portable=True)) == build_key(PORTABLE)
    assert build_key(PORTABLE) != build_key(NATIVE)


def test_native_flags_use_the_processor_but_never_amx() -> None:
    assert "GGML_NATIVE=ON" in NATIVE.flags
    assert f"CMAKE_C_FLAGS={' '.join(AMX_OFF)}" in NATIVE.flags
    assert f"CMAKE_CXX_FLAGS={' '.join(AMX_OFF)}" in NATIVE.flags


def test_portable_flags_choose_at_run_time() -> None:
    assert {"GGML_NATIVE=OFF", "GGML_BACKEND_DL=ON", "GGML_CPU_ALL_VARIANTS=ON"} <= set(
        PORTABLE.flags
    )
    assert "CMAKE_C_FLAGS=" in PORTABLE.flags


@pytest.mark.parametrize(
    ("recipe", "cpu", "expected"),
    [
        (NATIVE, CPU, True),
        (NATIVE, OTHER_CPU, False),
        (PORTABLE, OTHER_CPU, True),
        (dataclasses.replace(PORTABLE, version="0.3.35"), CPU, False),
        (dataclasses.replace(PORTABLE, platform="linux_riscv64"), CPU, False),
    ],
)
def test_a_build_fits_its_version_platform_and_processor(
    recipe: Recipe, cpu: Cpu, expected: bool
) -> None:
    assert fits(recipe, cpu) is expected


@pytest.mark.parametrize(
    ("refused", "machine", "expected"),
    [
        ((), "x86_64", AMX_OFF),
        ((), "AMD64", AMX_OFF),
        (("-mno-amx-bf16",), "x86_64", AMX_OFF[:2]),
        (AMX_OFF, "x86_64", ()),
        ((), "aarch64", ()),
    ],
)
def test_amx_flags_are_those_the_compiler_knows(
    refused: tuple[str, ...], machine: str, expected: tuple[str, ...], tmp_path: Path
) -> None:
    assert amx_off_flags(compiler_script(tmp_path, refused), machine) == expected


def test_a_compiler_that_compiles_nothing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot compile an empty file"):
        amx_off_flags(compiler_script(tmp_path, ("-c",)), "x86_64")


def test_the_compiler_is_the_one_that_the_user_names(tmp_path: Path) -> None:
    named = compiler_script(tmp_path, ())
    found = find_compiler({"PATH": os.environ.get("PATH", ""), "CC": named, "CXX": named})
    assert (found.c, found.cxx, found.version) == (named, named, "cc (Test) 1.0")


def test_a_missing_compiler_is_named_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="build-essential"):
        find_compiler({"PATH": str(tmp_path)})


CPUINFO = (
    "processor\t: 0\nmodel name\t: Fast One\nflags\t\t: {}\n\nprocessor\t: 1\nflags\t\t: none\n"
)


@pytest.mark.parametrize(
    ("flags", "same"),
    [
        ("fpu sse2 avx2 fma ibrs", True),
        ("avx2 fma sse2", True),
        ("fpu sse2 avx2 fma avx512f", False),
        ("fpu sse2 avx2 fma amx_tile", False),
        ("fpu sse2 fma", False),
    ],
)
def test_the_digest_of_a_processor_tells_its_instructions(flags: str, same: bool) -> None:
    known = parse_cpuinfo(CPUINFO.format("fpu sse2 avx2 fma tsc"))
    assert known.name == "Fast One"
    assert (parse_cpuinfo(CPUINFO.format(flags)).features == known.features) is same


def test_an_arm_processor_is_known_by_its_features() -> None:
    one, other = (parse_cpuinfo(f"Features\t: asimd {more}\n") for more in ("sve", "bf16"))
    assert one.features != other.features


# The store


def test_a_build_is_made_once_and_then_reused(paths: Paths, tmp_path: Path) -> None:
    pip = script(tmp_path, FAKE_PIP)
    first = ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    second = ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    assert first == second == kept_build(paths, NATIVE)
    assert wheel_path(paths, first).is_file()
    assert first.recipe == NATIVE
    assert "[2/2] cc two.c" in log_path(paths, NATIVE).read_text(encoding="utf-8")
    assert len(runs(tmp_path)) == 1
    assert runs(tmp_path)[0].endswith(f"llama-cpp-python=={ENGINE_VERSION}")


def test_nothing_but_the_build_its_log_and_its_lock_is_left(paths: Paths, tmp_path: Path) -> None:
    build = ensure_wheel(paths, NATIVE, COMPILER, script(tmp_path, FAKE_PIP), progress=False)
    left = {file.name for file in paths.engine.iterdir()}
    assert left <= {build.key, f"{build.key}.log", f"{build.key}.lock"}


def test_a_rebuild_replaces_what_was_kept(paths: Paths, tmp_path: Path) -> None:
    pip = script(tmp_path, FAKE_PIP)
    ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    build = ensure_wheel(paths, NATIVE, COMPILER, pip, rebuild=True, progress=False)
    assert len(runs(tmp_path)) == 2
    assert kept_build(paths, NATIVE) == build


def test_another_processor_gets_a_build_of_its_own(paths: Paths, tmp_path: Path) -> None:
    pip = script(tmp_path, FAKE_PIP)
    ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    other = make_recipe(COMPILER, OTHER_CPU, portable=False)
    assert kept_build(paths, other) is None
    ensure_wheel(paths, other, COMPILER, pip, progress=False)
    assert len(runs(tmp_path)) == 2
    assert kept_build(paths, NATIVE) is not None


@pytest.mark.parametrize("damage", ["record", "record gone", "wheel", "wheel gone", "name"])
def test_a_damaged_build_is_made_again(damage: str, paths: Paths, tmp_path: Path) -> None:
    pip = script(tmp_path, FAKE_PIP)
    build = ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    wheel = wheel_path(paths, build)
    record = wheel.with_name("build.json")
    match damage:
        case "record":
            record.write_bytes(record.read_bytes()[:40])
        case "record gone":
            record.unlink()
        case "wheel":
            wheel.write_bytes(wheel.read_bytes()[:-1])
        case "wheel gone":
            wheel.unlink()
        case "name":
            record.write_text(record.read_text().replace(wheel.name, f"../{wheel.name}"))
    assert kept_build(paths, NATIVE) is None
    again = ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    assert len(runs(tmp_path)) == 2
    assert kept_build(paths, NATIVE) == again


# Building


def test_the_environment_of_a_build_holds_its_settings_and_no_others(tmp_path: Path) -> None:
    given = {
        "PATH": "/bin",
        "PIP_INDEX_URL": "http://127.0.0.1/simple",
        "CMAKE_ARGS": "-DGGML_CUDA=ON",
        "CFLAGS": "-march=native",
        "SKBUILD_CMAKE_ARGS": "-DX=Y",
    }
    environment = build_environment(NATIVE, COMPILER, tmp_path, given)
    settings = shlex.split(environment["CMAKE_ARGS"])
    assert [f"-D{flag}" for flag in NATIVE.flags] == settings[:-1]
    assert settings[-1] == f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={tmp_path / 'trim.cmake'}"
    assert environment["PIP_INDEX_URL"] == given["PIP_INDEX_URL"]
    assert not {"CFLAGS", "SKBUILD_CMAKE_ARGS"} & environment.keys()
    assert (environment["CC"], environment["CXX"]) == (COMPILER.c, COMPILER.cxx)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("ggml.c:1:10: fatal error: stdio.h: No such file or directory", "build-essential"),
        ("ERROR: No matching distribution found for llama-cpp-python", "pip config list"),
    ],
)
def test_a_failed_build_says_why_what_to_do_and_where_its_log_is(
    said: str, advice: str, paths: Paths, tmp_path: Path
) -> None:
    pip = script(tmp_path, FAILING_PIP.format(said=said))
    with pytest.raises(SetupError) as failure:
        ensure_wheel(paths, NATIVE, COMPILER, pip, progress=False)
    message = str(failure.value)
    log = log_path(paths, NATIVE)
    assert said in message
    assert advice in message
    assert str(log) in message
    assert "a line that says nothing" not in message
    assert "a line that says nothing" in log.read_text(encoding="utf-8")
    assert kept_build(paths, NATIVE) is None


def test_a_failure_without_a_reason_shows_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)), encoding="utf-8")
    message = explain_failure(log)
    assert "line 99" in message
    assert "line 50" not in message


def test_a_pip_that_builds_nothing_is_reported(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="built no wheel"):
        ensure_wheel(paths, NATIVE, COMPILER, script(tmp_path, ""), progress=False)


def test_a_pip_that_does_not_start_is_reported(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not start"):
        ensure_wheel(paths, NATIVE, COMPILER, [str(tmp_path / "pip")], progress=False)


# What is installed


def site_packages(folder: Path, record: bytes | None, version: str = ENGINE_VERSION) -> Path:
    information = folder / f"llama_cpp_python-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: {version}\n", encoding="utf-8"
    )
    (folder / "llama_cpp").mkdir()
    if record is not None:
        (folder / "llama_cpp" / RECORD_NAME).write_bytes(record)
    return folder


def test_the_record_inside_the_wheel_tells_what_is_installed(paths: Paths, tmp_path: Path) -> None:
    build = ensure_wheel(paths, NATIVE, COMPILER, script(tmp_path, FAKE_PIP), progress=False)
    with zipfile.ZipFile(wheel_path(paths, build)) as wheel:
        record = wheel.read(f"llama_cpp/{RECORD_NAME}")
    found = installed_build([str(site_packages(tmp_path / "site", record))])
    assert found == EngineBuild(build.recipe, build.date)
    assert found.identity == build.identity


@pytest.mark.parametrize("record", [None, b"", b"{}", b'{"recipe": 3}'])
def test_a_binding_without_our_record_is_somebody_elses(
    record: bytes | None, tmp_path: Path
) -> None:
    site = [str(site_packages(tmp_path / "site", record, "0.3.30"))]
    assert installed_build(site) is None
    assert installed_version(site) == "0.3.30"


def test_no_binding_is_no_version(tmp_path: Path) -> None:
    assert installed_build([str(tmp_path)]) is None
    assert installed_version([str(tmp_path)]) is None


def test_a_failed_installation_shows_what_pip_said(tmp_path: Path) -> None:
    pip = script(tmp_path, FAILING_PIP.format(said="ERROR: externally-managed-environment"))
    with pytest.raises(SetupError, match="externally-managed-environment"):
        install(tmp_path / "some.whl", pip, None)


def test_extras_are_not_needed_at_run_time(tmp_path: Path) -> None:
    site = site_packages(tmp_path / "site", None)
    metadata = next(site.glob("*.dist-info")) / "METADATA"
    with metadata.open("a", encoding="utf-8") as file:
        file.write("Requires-Dist: numpy>=1.20\nRequires-Dist: uvicorn; extra == 'server'\n")
    assert run_time_requirements(next(iter(distributions(path=[str(site)])))) == ["numpy>=1.20"]
    assert run_time_requirements(None) == []
