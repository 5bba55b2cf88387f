"""What a file is for, as its path tells: code, tests or documentation.

Knows nothing about contents, but the language that was found.
"""

import re

from fimbul_models.corpus.records import Role

_PROSE = {"markdown", "restructuredtext", "latex", "bibtex"}
"""Languages in which nothing but documentation is written."""

_TEST_FOLDERS = re.compile(
    r"_?tests?|testing|testlib|testsuite|unittests?|__tests__|__mocks__|specs?|e2e|testdata|test[-_]data"
    r"|fixtures?|mocks?|cypress|androidTest|\w+[-_.]tests?|tests?[-_]\w+|\w+\.Tests?",
    re.IGNORECASE,
)
_TEST_NAMES = re.compile(
    r"test|tests|test[_-].*|.*[_.-](?:tests?|specs?|e2e|mocks?|fixtures?)|conftest|.*[a-z0-9](?:Tests?|Spec|IT|TestCase)"
    r"|Test[A-Z]\w*"
)
_DOCUMENTATION_FOLDERS = re.compile(
    r"docs?|documentation|manual|manpages?|man|wiki|website", re.IGNORECASE
)
_DOCUMENTATION_NAMES = re.compile(
    r"(?:readme|changes|changelog|contributing|history|news|todo|faq|install)(?:[-_.].*)?",
    re.IGNORECASE,
)
_TEST_ENDINGS = re.compile(r".*\.(?:t|phpt|bats|feature|snap)")


def role_of(path: str, language: str) -> Role:
    """Return what the file at `path` is for."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0] or name
    if any(map(_TEST_FOLDERS.fullmatch, folders)):
        return Role.TEST
    if _TEST_NAMES.fullmatch(stem) or _TEST_ENDINGS.fullmatch(name):
        return Role.TEST
    if language in _PROSE or any(map(_DOCUMENTATION_FOLDERS.fullmatch, folders)):
        return Role.DOCUMENTATION
    if _DOCUMENTATION_NAMES.fullmatch(name):
        return Role.DOCUMENTATION
    return Role.CODE
