"""What manifests of packages say about licences, each in its own format.

Whatever is broken in one says nothing; whether that matters is for others to judge. Knows nothing
about other files.
"""

import configparser
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from email.parser import HeaderParser
from types import MappingProxyType
from typing import Any

import msgspec

from fimbul_models.corpus.licence_names import expression_of, names_all, names_choice
from fimbul_models.corpus.licence_policy import UNKNOWN, all_of
from fimbul_models.corpus.licence_texts import said_in_licence

_LONG = 300
"""Code points from which a field holds a licence text rather than a name."""

_CLASSIFIER = re.compile(r"License\s*::\s*(?:OSI Approved\s*(?:::\s*)?)?(?P<named>.*)")


def declared_in(path: str, text: str) -> str | None:
    """Return the SPDX expression that the manifest at `path` declares.

    It is empty if the manifest says nothing, and None if the file is no manifest.
    """
    name = path.rpartition("/")[2]
    reader = _BY_NAME.get(name) or next(
        (reader for ending, reader in _BY_ENDING.items() if name.endswith(ending)), None
    )
    if reader is None:
        return None
    try:
        return reader(text)
    except (ValueError, TypeError, AttributeError, configparser.Error, RecursionError):
        return ""


def scope_of(path: str) -> str:
    """Return the folder that a manifest speaks for: its own, or that of what it describes."""
    folder = path.rpartition("/")[0]
    last = folder.rpartition("/")[2]
    if last.endswith((".dist-info", ".egg-info")) or last in {"debian", ".reuse"}:
        return folder.rpartition("/")[0]
    return folder


def _value(value: Any) -> str:
    """Return the expression of a licence field, which may hold a whole text."""
    if not isinstance(value, str):
        return ""
    if len(value) > _LONG or "\n\n" in value.strip():
        return said_in_licence(value).expression
    return expression_of(value)


def _of_classifiers(classifiers: Iterable[Any]) -> str:
    matches = (_CLASSIFIER.fullmatch(one.strip()) for one in classifiers if isinstance(one, str))
    return names_all([match["named"] for match in matches if match and match["named"]])


def _either(first: str, second: str) -> str:
    """Return `first`, unless it says nothing that is known; both where they may differ."""
    if first and first != UNKNOWN:
        return first
    return second or first


def _toml(text: str) -> dict[str, Any]:
    # The same error as of other formats.
    return tomllib.loads(text)


def _pyproject(text: str) -> str:
    tables = _toml(text)
    project = tables.get("project") or {}
    poetry = (tables.get("tool") or {}).get("poetry") or {}
    told = project.get("license", poetry.get("license"))
    if isinstance(told, dict):
        told = told.get("text")
    classifiers = [*project.get("classifiers", []), *poetry.get("classifiers", [])]
    return _either(_value(told), _of_classifiers(classifiers))


def _setup_cfg(text: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    if not parser.has_section("metadata"):
        return ""
    metadata = parser["metadata"]
    classifiers = metadata.get("classifiers", metadata.get("classifier", "")).splitlines()
    return _either(_value(metadata.get("license", "")), _of_classifiers(classifiers))


def _core_metadata(text: str) -> str:
    headers = HeaderParser().parsestr(text)
    if expression := headers.get("License-Expression"):
        return expression_of(expression)
    classifiers = headers.get_all("Classifier") or []
    told = re.sub(r"\n\s*\|?", "\n", headers.get("License") or "")
    return _either(_value(told), _of_classifiers(classifiers))


def _json(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def _package_json(text: str) -> str:
    tables = _json(text)
    told = tables.get("license")
    if isinstance(told, dict):
        told = told.get("type") or told.get("name")
    if isinstance(told, str) and told:
        return _value(told)
    # npm reads the old list, and composer its own, as a choice.
    many = told if isinstance(told, list) else tables.get("licenses") or []
    many = many if isinstance(many, list) else [many]
    names = [one.get("type") or one.get("name") if isinstance(one, dict) else one for one in many]
    return names_choice([name for name in names if isinstance(name, str)])


def _cpan(text: str) -> str:
    told = _json(text).get("license")
    names = told if isinstance(told, list) else [told]
    return names_all([name for name in names if isinstance(name, str)])


def _cargo(text: str) -> str:
    tables = _toml(text)
    workspace = (tables.get("workspace") or {}).get("package") or {}
    told = (tables.get("package") or {}).get("license", workspace.get("license"))
    return _value(told)


def _pom(text: str) -> str:
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    block = re.search(r"<licenses>(.*?)</licenses>", text, re.DOTALL)
    # Where there are several, Maven lets the user choose.
    return names_choice(re.findall(r"<name>\s*(.*?)\s*</name>", block[1], re.S) if block else [])


def _nuspec(text: str) -> str:
    told = re.search(r"<license\s+type=\"expression\">\s*(.*?)\s*</license>", text, re.S)
    address = re.search(r"<licenseUrl>\s*https?://licenses\.nuget\.org/(.*?)\s*</licenseUrl>", text)
    found = told or address
    return expression_of(found[1].replace("%20", " ")) if found else ""


def _description(text: str) -> str:
    """R's: ``GPL (>= 2) | file LICENSE``."""
    headers = HeaderParser().parsestr(text)
    return _value(headers.get("License"))


def _quoted(text: str) -> list[str]:
    return [one or other for one, other in re.findall(r"\"([^\"]+)\"|'([^']+)'", text)]


def _assigned(pattern: str) -> Callable[[str], str]:
    """Return a reader of what is assigned in a language that we do not run."""
    line = re.compile(pattern, re.MULTILINE | re.DOTALL)

    def read(text: str) -> str:
        return all_of(names_all(_quoted(match[1])) for match in line.finditer(text))

    return read


def _bare(pattern: str) -> Callable[[str], str]:
    line = re.compile(pattern, re.MULTILINE | re.IGNORECASE)

    def read(text: str) -> str:
        match = line.search(text)
        return expression_of(match[1]) if match else ""

    return read


_LIST = r"(\[[^\]]*\]|%w[\[(][^\])]*[\])]|\{[^}]*\}|\"[^\"]*\"|'[^']*')"


def _gemspec(text: str) -> str:
    words = re.search(r"\.licenses?\s*=\s*%w[\[({]([^\])}]*)", text)
    return names_all(words[1].split()) if words else _GEM(text)


def _podspec(text: str) -> str:
    typed = re.search(
        r"\.license\s*=\s*\{[^}]*?:?type['\"]?\s*(?:=>|:)\s*['\"]([^'\"]+)", text, re.S
    )
    return expression_of(typed[1]) if typed else _GEM(text)


_GEM = _assigned(rf"\.licenses?\s*=\s*{_LIST}")

_BY_NAME: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "pyproject.toml": _pyproject,
        "setup.cfg": _setup_cfg,
        "METADATA": _core_metadata,
        "PKG-INFO": _core_metadata,
        "package.json": _package_json,
        "bower.json": _package_json,
        "composer.json": _package_json,
        "META.json": _cpan,
        "META.yml": _bare(r"^license:\s*['\"]?([^'\"\n]+)"),
        "Cargo.toml": _cargo,
        "pom.xml": _pom,
        "DESCRIPTION": _description,
        "dune-project": _bare(r"\(license\s+\"?([^)\"]+)"),
        "meson.build": _assigned(rf"\blicense\s*:\s*{_LIST}"),
        "mix.exs": _assigned(rf"\blicenses:\s*{_LIST}"),
    }
)

_BY_ENDING: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        ".gemspec": _gemspec,
        ".podspec": _podspec,
        ".nuspec": _nuspec,
        ".csproj": _bare(r"<PackageLicenseExpression>\s*([^<]+?)\s*<"),
        ".cabal": _bare(r"^\s*license:\s*(\S[^\n]*)"),
        ".opam": _assigned(rf"^license:\s*{_LIST}"),
        ".rockspec": _assigned(rf"\blicense\s*=\s*{_LIST}"),
    }
)
