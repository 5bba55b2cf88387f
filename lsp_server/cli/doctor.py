"""`fimbul doctor`: what is installed, whether it works, and what to do where it does not.

Nothing it prints holds text of the user's code; `--report` also hides the home folder's name.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsp_server.catalogue.store import InstalledModel, ModelStore
from lsp_server.cli import adapters, engine_build, last, privacy
from lsp_server.cli.setup import describe, describe_result, reason_to_install
from lsp_server.completion.serving import load_options
from lsp_server.config.layers import POLICY_MAY, merge, read_file
from lsp_server.config.options import Settings, entries
from lsp_server.config.paths import Paths
from lsp_server.config.private import can_write
from lsp_server.errors import FimbulError
from lsp_server.inference.address import remote_options
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.machine import default_threads, engine_version, find_cpu
from lsp_server.inference.selftest import remember, result_key, run_selftest
from lsp_server.prompt.formats import special_texts


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    found: str
    advice: str = ""
    """What to do; empty if all is well."""
    private: str = ""
    """What a report leaves out of both; empty is nothing."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `doctor`."""
    explanation = "check this installation and say what to do about problems"
    parser = subparsers.add_parser("doctor", help=explanation, description=explanation + ".")
    parser.add_argument(
        "--report", action="store_true", help="as Markdown for a bug report, without code text"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.of_user()
    findings = list(examine(paths))
    text = as_markdown(findings) if arguments.report else as_text(findings)
    sys.stdout.write(text)
    return 1 if any(finding.advice for finding in findings) else 0


def examine(paths: Paths) -> Iterable[Finding]:
    """Look at everything, one finding after the other."""
    yield Finding("Python", f"{platform.python_version()} in {sys.prefix}")
    yield Finding("System", f"{platform.platform()}")
    yield Finding("Processor", f"{find_cpu().name}, {default_threads()} threads used by default")
    yield _engine()
    yield _vector_features()
    settings, finding = _settings(paths)
    yield finding
    model, finding = _model(paths, settings)
    yield finding
    if model is not None and engine_version() is not None:
        yield from asyncio.run(_selftest(paths, settings, model))
    yield from (Finding(*row) for row in privacy.findings(settings))
    yield asyncio.run(_server(settings))
    yield Finding("Adapters", *adapters.state_here(paths, settings))
    yield Finding("Limits", limits(settings))
    yield from _references(paths, settings)
    yield from _records(paths, settings)
    yield from _places(paths)


def _engine() -> Finding:
    version = engine_version()
    if version is None:
        return Finding("Engine", "not installed", "Run `fimbul setup`.")
    build = engine_build.installed_build()
    found = f"llama-cpp-python {version}"
    if build is not None:
        found = f"{describe(build)}; {build.recipe.compiler}; {' '.join(build.recipe.flags)}"
    reason = reason_to_install(build, version, find_cpu(), None)
    return Finding("Engine", found, f"Run `fimbul setup`: {reason}." if reason else "")


def _vector_features() -> Finding:
    wanted = ("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "asimd")
    there = [feature for feature in wanted if feature in find_cpu().instructions]
    return Finding("CPU features", " ".join(there) or "the system does not tell")


def _settings(paths: Paths) -> tuple[Settings, Finding]:
    layers, messages = read_file(paths.user_file, None)
    policy, wrong = read_file(paths.policy_file, POLICY_MAY)
    settings, more = merge([*layers, *policy])
    sources = [layer.name for layer in (*layers, *policy)] or ["defaults"]
    return settings, Finding("Settings", ", ".join(sources), " ".join([*messages, *wrong, *more]))


def _model(paths: Paths, settings: Settings) -> tuple[InstalledModel | None, Finding]:
    name = settings.engine.model
    try:
        model = ModelStore(paths).require(name)
    except FimbulError as error:
        return None, Finding("Model", f"{name} cannot be used", str(error))
    return model, Finding("Model", f"{name}, {model.path}")


async def _selftest(paths: Paths, settings: Settings, model: InstalledModel) -> list[Finding]:
    try:
        options = load_options(settings)
        result = await run_selftest(worker_command(), model.path, options)
        remember(paths.selftest_file, result_key(model.sha256), result)
        worker = await WorkerClient.start(worker_command())
        try:
            loaded = await worker.load(str(model.path), result.apply(options))
        finally:
            await worker.close()
    except FimbulError as error:
        return [Finding("Self-test", "failed", str(error))]
    advice = "" if result.full_speed else "Run `fimbul setup --rebuild` for full speed."
    return [
        Finding("Self-test", describe_result(result), advice),
        Finding("Engine uses", loaded.system),
    ]


async def _server(settings: Settings) -> Finding:
    """Ask the server that the settings name what it is; no code is sent."""
    try:
        options = remote_options(settings.engine, os.environ)
    except FimbulError as error:
        return Finding("Server", "cannot be used", str(error), settings.engine.remote_url)
    if options is None:
        return Finding("Server", "none; everything runs on this machine")
    # The HTTP client is loaded where a server is named, and nowhere else.
    from lsp_server.inference.remote import RemoteEngine

    engine = RemoteEngine(options, special_texts())
    try:
        await engine.open()
    except FimbulError as error:
        return Finding("Server", f"{options.url} does not answer", str(error), options.url)
    finally:
        await engine.close()
    healing = "with token healing" if engine.heals else "without token healing"
    advice = "Others on the way can read what is sent over http; use https."
    return Finding(
        "Server",
        f"{options.url} answers as {engine.name}, {healing}; prompts are sent there",
        advice if options.is_in_the_clear else "",
        options.url,
    )


def _references(paths: Paths, settings: Settings) -> Iterable[Finding]:
    """Say with which indexes of published code suggestions are compared, and what is wrong."""
    if not settings.references.enable:
        yield Finding("References", "not compared (references.enable is off)")
        return
    # What reads indexes is loaded where there is one, and nowhere else.
    from lsp_server.references.library import open_library

    allowed = settings.policy.allowed_indexes
    library = open_library(paths.reference_indexes, allowed, ())
    found = [
        f"{info.name}{f' {info.version}' if info.version else ''} ({info.projects:,} projects)"
        for info in (library.indexes if library else ())
    ]
    problems = " ".join(library.problems) if library else ""
    advice = f"{problems} Suggestions go on without." if problems else ""
    none = "no index; suggestions are not compared with published code"
    yield Finding("References", ", ".join(found) or none, advice)
    where = paths.reference_log if settings.references.log else "not kept (references.log is off)"
    yield Finding("Reference log", str(where))


def limits(settings: Settings) -> str:
    """Return which limits on memory and time are others than by default."""
    found = [
        f"{entry.key} = {value} {entry.option.unit}"
        for entry in entries()
        if entry.section == "limits"
        and (value := getattr(settings.limits, entry.name)) != entry.default
    ]
    return ", ".join(found) or "as by default (limits.*)"


def _records(paths: Paths, settings: Settings) -> Iterable[Finding]:
    """Say what became of the newest server's requests, and whether its files can be written."""
    yield Finding("Requests", last.newest(paths.requests) if settings.log.requests else "not kept")
    for name, wanted, option, folder in (
        ("Request files", settings.log.requests, "log.requests", paths.requests),
        ("Log files", settings.log.file, "log.file", paths.logs),
    ):
        if not wanted:
            yield Finding(name, f"none ({option} is off)")
        elif can_write(folder):
            yield Finding(name, f"{folder}{'' if folder.exists() else ' (not there)'}")
        else:
            advice = f"Make {folder} writable for yourself, or set {option} = false."
            yield Finding(name, f"{folder} cannot be written", advice)


def _places(paths: Paths) -> Iterable[Finding]:
    for name, path in (
        ("Your settings", paths.user_file),
        ("Policy", paths.policy_file),
        ("Models", paths.models),
        ("Model registry", paths.registry_file),
        ("Adapters", paths.adapters),
        ("Feedback", paths.feedback_file),
        ("Reference indexes", paths.reference_indexes),
        ("Self-tests", paths.selftest_file),
        ("Built engines", paths.engine),
    ):
        yield Finding(name, f"{path}{'' if path.exists() else ' (not there)'}")


def as_text(findings: Iterable[Finding]) -> str:
    """Return findings for a terminal."""
    lines = []
    for finding in findings:
        mark = "!" if finding.advice else " "
        lines.append(f"{mark} {finding.name + ':':<16}{finding.found}")
        if finding.advice:
            lines.append(f"  {'':<16}→ {finding.advice}")
    return "\n".join(lines) + "\n"


def as_markdown(findings: Iterable[Finding]) -> str:
    """Return findings for a bug report, the names of the home folder and of servers left out."""
    home = str(Path.home())
    rows = ["| what | found | problem |", "| --- | --- | --- |"]
    for finding in findings:
        cells = [finding.name, finding.found, finding.advice]
        if finding.private:
            cells = [cell.replace(finding.private, "(left out)") for cell in cells]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows).replace(home, "~") + "\n"
