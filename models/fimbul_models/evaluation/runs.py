"""Runs: named sets of server options under which the same items are completed.

A run is written ``NAME:key=value,key=value``. Knows the server's table of options, so a wrong
key is found before anything is started.
"""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.errors import RecipeError
from lsp_server.catalogue.store import ModelStore
from lsp_server.config.layers import POLICY_MAY, Layer, merge, read_file
from lsp_server.config.options import Entry, Healing, Settings, entries
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError

BASELINE = "baseline"
"""Name of the run that goes straight to the model, without the server."""

ORACLE = "oracle"
"""Name of the run that sees the definition that is asked for, and nothing else of other files."""

ORACLE_COMMENT = "oracle-comment"
"""Name of the run whose documents hold that definition as a comment."""


class Asked(enum.Enum):
    """Who is asked, and about what."""

    SERVER = "server"
    ORACLE = "oracle"
    """The server's pipeline, which is handed the definition that is to be found elsewhere."""
    ORACLE_COMMENT = "oracle-comment"
    """The server, about documents that hold the definition."""
    MODEL = "model"
    """The model alone."""


ORACLES = (Asked.ORACLE, Asked.ORACLE_COMMENT)
"""Whose answers say what context could gain at best; the first one that there is counts."""


@dataclass(frozen=True, slots=True)
class Run:
    """One set of options, and what it is called."""

    name: str
    options: Mapping[str, Mapping[str, Any]]
    """Section by section, as the server takes them."""
    asked: Asked = Asked.SERVER

    @property
    def served(self) -> bool:
        """Whether the server answers, started as a process."""
        return self.asked in (Asked.SERVER, Asked.ORACLE_COMMENT)

    def settings(self) -> Settings:
        """Return the settings the server has under these options and the user's own files."""
        paths = Paths.of_user()
        user, _ = read_file(paths.user_file, None)
        policy, _ = read_file(paths.policy_file, POLICY_MAY)
        return merge([*user, Layer(self.name, self.options), *policy])[0]


class Identity(msgspec.Struct, frozen=True):
    """Everything that decides an answer; answers are reused only under the same one."""

    run: str
    command: tuple[str, ...]
    """What started the server; empty for the model alone."""
    options: dict[str, Any]
    model: str
    model_sha256: str
    """Empty where the model is not in the catalogue, as with a scripted engine."""
    version: str
    """Of the server and of llama.cpp's binding."""
    code_sha256: str
    """Over the server's installed files, so that a change in a working copy counts too."""
    settings_sha256: str
    """Over the user's settings and the machine's policy, which the server reads as well."""
    asked: str = Asked.SERVER.value
    """A value of `Asked`."""
    reach: str = "open"
    """How places are reached."""
    workspace: str = ""
    """Digest of the files around the documents; empty if there are none."""

    def digest(self) -> str:
        """Return a short name of all of it."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:12]


def parse_run(text: str) -> Run:
    """Read a run from ``NAME:key=value,key=value``; the options may be missing.

    Values of lists are joined by ``+``. Raises RecipeError naming the option that does not fit.
    """
    name, _, rest = text.partition(":")
    if not name or not name.replace("-", "").replace("_", "").isalnum() or name in _TAKEN:
        raise RecipeError(
            f"{text!r} does not begin with a name of letters, digits, - and _"
            f" ({', '.join(_TAKEN)} are taken); write NAME:key=value,key=value."
        )
    options: dict[str, dict[str, Any]] = {}
    for pair in filter(None, rest.split(",")):
        key, _, value = pair.partition("=")
        section, _, option = key.partition(".")
        options.setdefault(section, {})[option] = _value(name, key, value)
    run = Run(name, options)
    problems = merge([Layer(f"run {name}", options)])[1]
    if problems:
        raise RecipeError(" ".join(problems))
    return run


def baseline_of(run: Run) -> Run:
    """Return the baseline for `run`: its options, with token healing off, and no server."""
    prompt = {**run.options.get("prompt", {}), "healing": Healing.OFF.value}
    return Run(BASELINE, {**run.options, "prompt": prompt}, Asked.MODEL)


def oracle_of(run: Run) -> Run:
    """Return the oracle for `run`: its options, and the definition that is asked for."""
    return Run(ORACLE, run.options, Asked.ORACLE)


def oracle_comment_of(run: Run) -> Run:
    """Return the other oracle for `run`: the definition is in the document, as a comment."""
    return Run(ORACLE_COMMENT, run.options, Asked.ORACLE_COMMENT)


def with_context(run: Run, name: str, *, sources: Sequence[str], hint: bool) -> Run:
    """Return `run` under another name, with these sources of context and no others.

    `hint` says whether the comment above the current line stays as it is, or is switched off.
    """
    context = {**run.options.get("context", {}), "sources": list(sources)}
    if not hint:
        context["hint_tokens"] = 0
    return Run(name, {**run.options, "context": context}, run.asked)


def identify(
    run: Run, model: str, command: Sequence[str], *, reach: str = "open", workspace: str = ""
) -> Identity:
    """Return what decides the answers of `run`, given by `model` in the server of `command`."""
    paths = Paths.of_user()
    return Identity(
        run=run.name,
        command=tuple(command) if run.served else (),
        options=dict(run.options),
        model=model,
        model_sha256=model_digest(paths, model),
        version=f"fimbul {_version('fimbul')}, llama_cpp_python {_version('llama_cpp_python')}",
        code_sha256=_code_digest(),
        settings_sha256=_digest_of([paths.user_file, paths.policy_file]),
        asked=run.asked.value,
        reach=reach,
        workspace=workspace,
    )


def _value(name: str, key: str, text: str) -> Any:
    entry = _TABLE.get(key)
    if entry is None:
        raise RecipeError(
            f"Run {name}: {key} is not an option of the server; it has {', '.join(_TABLE)}."
        )
    if entry.type is bool and text in ("true", "false"):
        return text == "true"
    if entry.type is int and text.removeprefix("-").isdecimal():
        return int(text)
    # What fits neither stays text, and the server's own table says what is wrong with it.
    return [item for item in text.split("+") if item] if isinstance(entry.default, tuple) else text


_TAKEN = (BASELINE, ORACLE, ORACLE_COMMENT)

_TABLE: Mapping[str, Entry] = {entry.key: entry for entry in entries()}


def model_digest(paths: Paths, model: str) -> str:
    """Return the SHA-256 of an installed model; empty if it is not in the catalogue."""
    try:
        return ModelStore(paths).require(model).sha256
    except FimbulError:
        return ""


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _code_digest() -> str:
    folder = Path(str(files("lsp_server")))
    return _digest_of(sorted(path for path in folder.rglob("*") if path.suffix != ".pyc"))


def _digest_of(paths: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        if path.is_file():
            whole.update(f"{path.name}\n".encode() + path.read_bytes())
    return whole.hexdigest()[:16]
