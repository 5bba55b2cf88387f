"""The one table of fill-in-the-middle formats. Serving and training both read it.

Differences between models are rows here, never a branch on a model's name. Knows nothing about
files, engines or catalogues.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lsp_server.config.options import Order
from lsp_server.types import ModelDescription


@dataclass(frozen=True, slots=True)
class FimFormat:
    """How one family of models was taught to fill in the middle."""

    family: str
    prefix: str = ""
    """Token before the prefix; all three are empty for a model without FIM."""
    suffix: str = ""
    middle: str = ""
    repository: str = ""
    """Token before a repository's name; empty if the family has none."""
    separator: str = ""
    """Token before a file's name; empty if the family has none."""
    repository_end: str = "\n"
    """Text behind a repository's name."""
    path_inside: bool = False
    """Whether the current file's name stands behind the prefix token, not in front of the first
    of the three."""
    order: Order = Order.GROWING_MIDDLE
    """The order that serves typing best with this family."""
    healing: bool = True
    recognised_by: frozenset[str] = frozenset()
    """Control tokens that together tell this family from the others."""

    @property
    def fills(self) -> bool:
        """Whether the model knows about a suffix at all."""
        return bool(self.prefix and self.suffix and self.middle)


_QWEN = FimFormat(
    family="qwen2.5-coder",
    prefix="<|fim_prefix|>",
    suffix="<|fim_suffix|>",
    middle="<|fim_middle|>",
    repository="<|repo_name|>",
    separator="<|file_sep|>",
    recognised_by=frozenset({"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"}),
)
_STARCODER = FimFormat(
    family="starcoder2",
    prefix="<fim_prefix>",
    suffix="<fim_suffix>",
    middle="<fim_middle>",
    repository="<repo_name>",
    separator="<file_sep>",
    # Its authors put the three tokens into the file, and the file begins with its name
    # (arXiv 2402.19173, section 5).
    repository_end="",
    path_inside=True,
    recognised_by=frozenset({"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>"}),
)

# Only the first row was measured here (LOG.md). The others take the same order because a model
# taught prefix-suffix-middle has seen a middle whose beginning is known; Mellum was taught with
# the suffix first (arXiv 2510.05788).
FORMATS: Mapping[str, FimFormat] = {
    row.family: row
    for row in (
        _QWEN,
        _STARCODER,
        replace(
            _STARCODER,
            family="granite-code",
            repository="<reponame>",
            # Its newer vocabularies have no token for it, and no card shows files in a prompt.
            separator="",
            repository_end="\n",
            path_inside=False,
            recognised_by=frozenset({"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<reponame>"}),
        ),
        FimFormat(
            family="deepseek-coder",
            prefix="<｜fim▁begin｜>",  # noqa: RUF001  # The family spells it with these characters.
            suffix="<｜fim▁hole｜>",  # noqa: RUF001
            middle="<｜fim▁end｜>",  # noqa: RUF001
            recognised_by=frozenset({"<｜fim▁begin｜>", "<｜fim▁hole｜>"}),  # noqa: RUF001
        ),
        FimFormat(
            family="mellum",
            prefix="<fim_prefix>",
            suffix="<fim_suffix>",
            middle="<fim_middle>",
            # The card shows files behind one another, without a repository's name.
            separator="<filename>",
            order=Order.SUFFIX_PREFIX_MIDDLE,
            recognised_by=frozenset({"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<filename>"}),
        ),
        FimFormat(family="none"),
    )
}


def special_texts() -> set[str]:
    """Return the spellings of all special tokens in the table."""
    return {
        text
        for row in FORMATS.values()
        for text in (
            row.prefix,
            row.suffix,
            row.middle,
            row.repository,
            row.separator,
            *row.recognised_by,
        )
        if text
    }


def family_of(description: ModelDescription) -> str | None:
    """Return the family whose tokens the model's vocabulary holds, the most specific one first.

    Granite and Mellum share their tokens; the architecture tells them apart.
    """
    matches = [
        row
        for row in FORMATS.values()
        if row.recognised_by and row.recognised_by <= description.special_tokens
    ]
    if description.architecture == "llama" and any(row.family == "mellum" for row in matches):
        matches = [row for row in matches if row.family != "granite-code"] or matches
    best = max(matches, key=lambda row: len(row.recognised_by), default=None)
    return best.family if best else None


def custom_format(tokens: Mapping[str, str]) -> FimFormat:
    """Return the format of a model that is in no family, from its own or the user's tokens.

    `tokens` maps ``prefix``, ``suffix`` and ``middle`` to the texts of special tokens. If one of
    the three is missing, the model is served prefix-only.
    """
    if not all(tokens.get(role) for role in ("prefix", "suffix", "middle")):
        return FORMATS["none"]
    return FimFormat(
        family="custom",
        prefix=tokens["prefix"],
        suffix=tokens["suffix"],
        middle=tokens["middle"],
        repository=tokens.get("repository", ""),
        separator=tokens.get("separator", ""),
    )
