"""The licence of every file of a repository, and whether a recipe takes it.

What a file says of itself counts for it: tag, text or notice in its header, its REUSE side file,
what ``debian/copyright`` or REUSE's tables say of it by name. Otherwise the nearest folder above
it with a licence file counts, together with manifests on the way; a manifest alone never undoes a
licence text above it. Where several things are said all of them have to be taken, and copyleft in a
header wins whatever else is said. Knows nothing about other repositories.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from fimbul_models.corpus.licence_assignments import Assignment, assigned, assignments_in
from fimbul_models.corpus.licence_manifests import declared_in, scope_of
from fimbul_models.corpus.licence_names import expression_of
from fimbul_models.corpus.licence_policy import (
    OWN,
    PROPRIETARY,
    UNKNOWN,
    LicenceRules,
    all_of,
    identifiers,
    judge,
)
from fimbul_models.corpus.licence_texts import Said, said_in_file, said_in_licence, says_nothing
from fimbul_models.corpus.records import Drop, LicenceClass, Record, Role, dropped

STAGE = "licences"

_TEXTS = re.compile(
    r"(?:(?:un)?licen[cs]es?|copying|copyright|eula|licen[cs]ing|(?:mit|apache|bsd|[al]?gpl|mpl)"
    r"[-_.]?[\d.]*(?:[-_.]?licen[cs]e)?)(?:[-_.].*)?|.*[-_.](?:licen[cs]e|copying)(?:\.(?:txt|md|rst))?",
    re.IGNORECASE,
)
"""Names of files that hold the licence of their folder."""

_OF_OTHERS = re.compile(
    r"third|3rd|bundled|vendor|depend|librar|template|header|credits|acknowledg|\.license$", re.I
)
"""Names of lists of other people's licences, which do not cover the folder."""

_NOTICES = re.compile(r"notice.*|authors.*|copyright.*", re.IGNORECASE)
_REUSE_TEXTS = "LICENSES"
_MOST_ATTRIBUTIONS = 60
"""Lines kept for one file."""


@dataclass(frozen=True)
class Finding:
    """A licence and where it was found."""

    expression: str = ""
    where: str = ""
    attributions: tuple[str, ...] = ()


@dataclass
class _Folder:
    """What the files directly in one folder say about it."""

    texts: list[Finding] = field(default_factory=list)
    manifests: list[Finding] = field(default_factory=list)
    attributions: list[str] = field(default_factory=list)


@dataclass
class _Evidence:
    """What the legal files of one repository say."""

    folders: dict[str, _Folder] = field(default_factory=dict)
    sides: dict[str, Finding] = field(default_factory=dict)
    """By the path that a REUSE side file speaks of."""
    tables: list[tuple[str, str, tuple[Assignment, ...]]] = field(default_factory=list)
    """Folder, path and content of files that assign licences by globs."""
    references: dict[str, str] = field(default_factory=dict)
    """What texts in ``LICENSES`` say, by the identifier that they are named by."""

    def folder(self, path: str) -> _Folder:
        return self.folders.setdefault(path, _Folder())


class LicenceStage:
    """Finds the licence of each file, and drops what the rules do not take."""

    name = STAGE

    def __init__(self, rules: LicenceRules | None = None) -> None:
        """Judge by `rules`."""
        self._rules = rules or LicenceRules()

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        """Go through the files of one repository; those of role LEGAL stay as they are."""
        files = list(records)
        evidence = _evidence_of([file for file in files if file.role is Role.LEGAL])
        inherited: dict[str, Finding] = {}
        for file in files:
            if file.role is Role.LEGAL:
                yield file
                continue
            folder = file.path.rpartition("/")[0]
            if folder not in inherited:
                inherited[folder] = _inherited(evidence, folder, file.declared, self._rules)
            yield self._judged(file, evidence, inherited[folder])

    def _judged(self, file: Record, evidence: _Evidence, inherited: Finding) -> Record | Drop:
        said = said_in_file(file.text, self._rules.header_lines)
        own = _own_words(file, said, evidence)
        found = own if own.expression else inherited
        expression = _resolved(found.expression, evidence.references)
        expression = self._if_own(file, said, expression)
        judgement = judge(expression, self._rules)
        if judgement.reason:
            detail = f"{expression or 'none'}, {found.where or 'nowhere'}"
            return dropped(file, STAGE, judgement.reason, detail)
        lines = (*said.attributions, *own.attributions, *inherited.attributions)
        return replace(
            file,
            licence=expression,
            licence_class=judgement.licence_class,
            licence_from=found.where,
            attributions=tuple(dict.fromkeys(lines))[:_MOST_ATTRIBUTIONS],
        )

    def _if_own(self, file: Record, said: Said, expression: str) -> str:
        """Return `OWN` for what is the company's and says nothing that others could mind."""
        names = [name.lower() for name in self._rules.own_names]
        if not names or set(identifiers(expression)) - {PROPRIETARY, UNKNOWN}:
            return expression
        holders = [holder.lower() for holder in said.holders]
        if holders:
            own = all(any(name in holder for name in names) for holder in holders)
        else:
            own = file.organisation.lower() in names and "restriction" not in said.kinds
        return OWN if own else expression


def _own_words(file: Record, said: Said, evidence: _Evidence) -> Finding:
    """Return what is said of this file by itself, by whomever."""
    findings = []
    if said.expression:
        findings.append(Finding(said.expression, f"{file.path} (header: {', '.join(said.kinds)})"))
    if side := evidence.sides.get(file.path):
        findings.append(side)
    for folder, path, assignments in evidence.tables:
        below = file.path.removeprefix(f"{folder}/" if folder else "")
        inside = not folder or file.path.startswith(f"{folder}/")
        found = assigned(assignments, below) if inside else None
        if found and not found.general:
            findings.append(Finding(found.expression, f"{path} (by name)", found.attributions))
    return _together(findings)


def _evidence_of(files: Sequence[Record]) -> _Evidence:
    evidence = _Evidence()
    for file in files:
        _take(evidence, file)
    return evidence


def _take(evidence: _Evidence, file: Record) -> None:
    path, text = file.path, file.text
    parent, _, name = path.rpartition("/")
    if (assignments := assignments_in(path, text)) is not None:
        _take_table(evidence, path, assignments)
        if assignments or name == "REUSE.toml":
            return
    if name.endswith(".license"):
        said = said_in_file(text, len(text))
        where = f"{path} (side file)"
        evidence.sides[path.removesuffix(".license")] = Finding(
            said.expression or UNKNOWN, where, said.attributions
        )
    elif parent == _REUSE_TEXTS or parent.endswith(f"/{_REUSE_TEXTS}"):
        evidence.references[name.rpartition(".")[0] or name] = said_in_licence(text).expression
    elif (declared := declared_in(path, text)) is not None:
        if declared:
            found = Finding(declared, f"{path} (manifest)")
            evidence.folder(scope_of(path)).manifests.append(found)
    else:
        _take_text(evidence, file)


def _take_table(evidence: _Evidence, path: str, assignments: tuple[Assignment, ...]) -> None:
    scope = scope_of(path)
    evidence.tables.append((scope, path, assignments))
    for one in assignments:
        if one.general:
            found = Finding(one.expression, f"{path} (everything)")
            evidence.folder(scope).manifests.append(found)
            evidence.folder(scope).attributions += one.attributions


def _take_text(evidence: _Evidence, file: Record) -> None:
    scope, name = scope_of(file.path), file.path.rpartition("/")[2]
    of_folder = _TEXTS.fullmatch(name) and not _OF_OTHERS.search(name)
    if not of_folder and not _NOTICES.fullmatch(name):
        return
    said = said_in_licence(file.text)
    evidence.folder(scope).attributions += said.attributions
    if not of_folder or says_nothing(file.text):
        return
    only_holders = name.lower().startswith("copyright") and said.expression == UNKNOWN
    if said.expression and not only_holders:
        found = Finding(said.expression, f"{file.path} (text)", said.attributions)
        evidence.folder(scope).texts.append(found)


def _inherited(evidence: _Evidence, folder: str, declared: str, rules: LicenceRules) -> Finding:
    """Return what the folders above a file say, the nearest with a licence text last."""
    manifests: list[Finding] = []
    attributions: list[str] = []
    for place in _upwards(folder):
        told = evidence.folders.get(place)
        if told is None:
            continue
        attributions += told.attributions
        if not manifests:
            manifests = told.manifests
        if told.texts:
            found = _agreed(manifests, told.texts, declared if not place else "", rules)
            return Finding(found.expression, found.where, tuple(dict.fromkeys(attributions)))
    found = _together(manifests) if manifests else Finding()
    if declared:
        vouched = Finding(expression_of(declared), "declared")
        found = _together([found, vouched]) if found.expression else vouched
    if not found.expression and evidence.references:
        whole = all_of(said or UNKNOWN for said in evidence.references.values())
        found = Finding(whole, "LICENSES (all of them)")
    return Finding(found.expression, found.where, tuple(dict.fromkeys(attributions)))


def _agreed(
    manifests: Sequence[Finding], texts: Sequence[Finding], declared: str, rules: LicenceRules
) -> Finding:
    """Return what a manifest and the licence texts beside or above it say together.

    A manifest that speaks of every licence whose text is there says how they belong together, such
    as a choice; otherwise all of them hold.
    """
    told = [*manifests]
    if declared:
        told.insert(0, Finding(expression_of(declared), "declared"))
    found = _together(texts)
    keys = identifiers(found.expression)
    for one in told:
        if one.expression and _speaks_of(one.expression, keys):
            return _together([one, *(other for other in told if other.expression)])
    if declared and rules.trust_declared and keys == (UNKNOWN,):
        return told[0]
    return _together([found, *(one for one in told if one.expression)])


def _speaks_of(expression: str, keys: Sequence[str]) -> bool:
    """Say whether each of `keys` is in `expression`, whatever the ``or later``."""
    spoken = {_version(key) for key in identifiers(expression)}
    if any(key.startswith("LGPL-3.0") for key in spoken):
        # The LGPL 3 is the GPL 3 with permissions, and comes with its text.
        spoken.add("GPL-3.0")
    if any(key.startswith("BSD-") for key in spoken) and all(k.startswith("BSD-") for k in keys):
        return True
    return all(_version(key) in spoken for key in keys)


def _version(identifier: str) -> str:
    return re.sub(r"-(?:only|or-later)$", "", identifier)


def _together(findings: Sequence[Finding]) -> Finding:
    """Return that all of `findings` hold."""
    some = [one for one in findings if one.expression]
    expressions: list[str] = []
    for one in some:
        # Who says a part of what was said already says nothing new.
        if one.expression not in expressions:
            expressions.append(one.expression)
    where = " + ".join(dict.fromkeys(one.where for one in some))
    lines = tuple(line for one in some for line in one.attributions)
    return Finding(all_of(expressions), where, lines)


def _resolved(expression: str, references: Mapping[str, str]) -> str:
    """Return `expression` with what the texts in ``LICENSES`` say of names of its own."""
    for key in identifiers(expression):
        if key.startswith("LicenseRef-") and (said := references.get(key)):
            expression = expression.replace(key, f"({said})")
    return expression


def _upwards(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def notice(records: Iterable[Record]) -> Iterator[str]:
    """Yield the lines of a NOTICE file: of each repository its licences and whom to name.

    Records of one repository have to come together.
    """
    licences: set[str] = set()
    lines: dict[str, None] = {}
    current = ""
    for record in records:
        if current and record.repository != current:
            yield from _notice_of(current, licences, lines)
            licences, lines = set(), {}
        current = record.repository
        licences.add(record.licence)
        lines |= dict.fromkeys(record.attributions)
    if current:
        yield from _notice_of(current, licences, lines)


def _notice_of(repository: str, licences: set[str], lines: Mapping[str, None]) -> Iterator[str]:
    yield f"{repository}: {', '.join(sorted(one for one in licences if one)) or 'no licence'}"
    yield from (f"    {' '.join(line.split())}" for line in lines)


KEPT_BY: Mapping[str, frozenset[LicenceClass]] = {
    "permissive": frozenset({LicenceClass.PERMISSIVE, LicenceClass.OWN}),
    "and weak copyleft": frozenset({LicenceClass.WEAK_COPYLEFT}),
    "and none": frozenset({LicenceClass.NONE}),
    "and unknown": frozenset({LicenceClass.UNKNOWN}),
    "and copyleft": frozenset({LicenceClass.COPYLEFT}),
    "and proprietary": frozenset({LicenceClass.PROPRIETARY}),
}
"""What each strictness takes more than the one before."""
