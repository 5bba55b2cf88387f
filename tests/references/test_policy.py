"""What becomes of a resemblance, by licence and by what its user says."""

from dataclasses import replace

import pytest

from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, Layer, merge
from lsp_server.config.options import ReferenceOptions, Resembling
from lsp_server.references.matches import Likeness, Match, Source
from lsp_server.references.policy import decide, permits, policy_of, references_of
from lsp_server.references.telling import in_full, short

ALLOW, ANNOTATE, BLOCK = Resembling


def source(licence: str, licence_class: str, project: str = "wheel:a 1.0") -> Source:
    return Source("public", project, "a/b.py", 7, licence, licence_class)


MIT = source("MIT", "permissive")
GPL = source("GPL-3.0-only", "copyleft", "sdist:b 2.0")


def match(*sources: Source) -> Match:
    return Match(0, 100, 70, Likeness.VERBATIM, sources)


@pytest.mark.parametrize(
    ("licence_class", "verdict"),
    [
        ("permissive", ANNOTATE),
        ("weak-copyleft", ANNOTATE),
        ("copyleft", BLOCK),
        ("proprietary", BLOCK),
        ("none", ANNOTATE),
        ("unknown", ANNOTATE),
        ("own", ALLOW),
        # A later version's index may have classes that are not known here.
        ("moon-law", BLOCK),
    ],
)
def test_what_is_done_by_default(licence_class: str, verdict: Resembling) -> None:
    assert policy_of(source("X", licence_class), ReferenceOptions()) is verdict


def test_of_several_sources_the_best_counts_but_all_are_told() -> None:
    options = ReferenceOptions(policy_permissive=ALLOW)
    assert decide(match(MIT), options) is ALLOW
    assert decide(match(GPL), options) is BLOCK
    assert decide(match(MIT, GPL), options) is ANNOTATE


def test_licences_and_dependencies_are_allowed_by_name() -> None:
    options = ReferenceOptions(licences=("GPL-3.0-only",))
    assert policy_of(GPL, options) is ALLOW
    assert policy_of(replace(GPL, licence="GPL-2.0-only"), options) is BLOCK
    for pattern in ("sdist:b", "sdist:*", "sdist:b 2.*"):
        assert policy_of(GPL, ReferenceOptions(dependencies=(pattern,))) is ALLOW
    assert policy_of(GPL, ReferenceOptions(dependencies=("wheel:b",))) is BLOCK


@pytest.mark.parametrize(
    ("expression", "is_permitted"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("MIT AND (GPL-3.0-only OR Zlib)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only OR (MIT", False),
        ("MIT OR", False),
        ("MIT Apache-2.0", False),
        ("AND", False),
        ("", False),
    ],
)
def test_expressions(expression: str, is_permitted: bool) -> None:
    assert permits(expression, ("MIT", "Apache-2.0")) is is_permitted


def test_what_is_told() -> None:
    references = references_of(match(MIT, GPL))
    assert short(references) == "MIT: wheel:a 1.0 +1"
    assert short(references[:1]) == "MIT: wheel:a 1.0"
    assert short(()) == in_full(()) == ""
    assert "no known licence" in short(references_of(match(source("", "none"))))
    assert len(short(references_of(match(source("MIT", "permissive", "npm:" + "x" * 99))))) == 60
    assert in_full(references).splitlines() == [
        "70 tokens the same as in wheel:a 1.0, a/b.py:7 (MIT; permissive; index public)",
        "70 tokens the same as in sdist:b 2.0, a/b.py:7 (GPL-3.0-only; copyleft; index public)",
    ]


# Who may say so


def merged(*layers: Layer) -> tuple[ReferenceOptions, list[str]]:
    settings, messages = merge(layers)
    return settings.references, messages


def test_a_table_is_as_good_as_single_options() -> None:
    found, messages = merged(
        Layer("mine", {"references": {"policy": {"copyleft": "allow", "weak-copyleft": "block"}}})
    )
    assert not messages
    assert (found.policy_copyleft, found.policy_weak_copyleft) == (ALLOW, BLOCK)
    _, (message,) = merged(Layer("mine", {"references": {"policy": {"moon": "allow"}}}))
    assert "references.policy_moon is not an option" in message


@pytest.mark.parametrize("may", [WORKSPACE_MAY, POLICY_MAY])
def test_a_workspace_and_the_machine_are_only_stricter(may: frozenset[object]) -> None:
    mine = Layer(
        "mine",
        {
            "references": {
                "enable": False,
                "policy": {"permissive": "annotate", "copyleft": "annotate"},
                "licences": ["MIT", "Zlib"],
                "dependencies": ["wheel:a"],
            }
        },
    )
    theirs = {
        "references": {
            "enable": True,
            "policy": {"permissive": "allow", "copyleft": "block"},
            "licences": ["MIT", "GPL-3.0-only"],
            "dependencies": [],
            "log": False,
        }
    }
    found, messages = merged(mine, Layer("theirs", theirs, may))  # type: ignore[arg-type]
    assert not messages
    assert found.enable
    assert not found.log
    assert (found.policy_permissive, found.policy_copyleft) == (ANNOTATE, BLOCK)
    assert (found.licences, found.dependencies) == (("MIT",), ())


def test_an_editor_loosens_nothing() -> None:
    sent = {
        "references": {
            "enable": False,
            "policy": {"permissive": "block", "copyleft": "allow"},
            "licences": ["GPL-3.0-only"],
        }
    }
    found, messages = merged(Layer("The editor's settings", sent, from_editor=True))
    assert found.enable
    assert (found.policy_permissive, found.policy_copyleft) == (BLOCK, BLOCK)
    assert found.licences == ()
    assert len(messages) == 3
    assert "references.enable is switched off only in your own config.toml" in messages[0]


def test_defaults_that_an_editor_sends_count_for_nothing() -> None:
    mine = Layer("mine", {"references": {"enable": False, "licences": ["MIT"]}})
    sent = {"references": {"enable": True, "licences": [], "policy_copyleft": "block"}}
    found, messages = merged(mine, Layer("The editor's settings", sent, from_editor=True))
    assert not messages
    assert not found.enable
    assert found.licences == ("MIT",)


def test_strict_mode_keeps_no_list() -> None:
    found, _ = merged(Layer("mine", {"privacy": {"mode": "strict"}}))
    assert found.enable
    assert not found.log


def test_only_the_machine_says_which_indexes_may_be_used() -> None:
    values = {"policy": {"allowed_indexes": ["public"]}}
    settings, _ = merge([Layer("policy", values, POLICY_MAY)])
    assert settings.policy.allowed_indexes == ("public",)
    for layer in (Layer("mine", values), Layer("workspace", values, WORKSPACE_MAY)):
        settings, messages = merge([layer])
        assert settings.policy.allowed_indexes == ()
        assert len(messages) == 1
