"""Why a file is not in a corpus: every reason, with a sentence for those who ask.

Knows nothing about how any of it is found out.
"""

import enum


class Reason(enum.StrEnum):
    """Why a file was dropped. The value is what reports and files say."""

    def __new__(cls, value: str, sentence: str) -> "Reason":
        """Make a member of its name in reports and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    sentence: str
    """What it means, in one sentence."""

    # Gathering.
    UNREADABLE = "unreadable", "The file could not be read."
    TOO_LARGE = "too-large", "The file is larger than the recipe allows."
    NOT_TEXT = "not-text", "The file is no UTF-8 text."
    UNKNOWN_LANGUAGE = "unknown-language", "No language is known for its name and content."
    UNWANTED_LANGUAGE = "unwanted-language", "The recipe does not take its language."
    VENDORED = "vendored", "It lies in a copy of somebody else's project, or in a submodule."
    OPTED_OUT = "opted-out", "Its owner does not want it to be used."
    ORGANISATION = "organisation", "The recipe does not take code of this organisation."
    SENSITIVITY = "sensitivity", "The source is more sensitive than the recipe allows."

    # Licences.
    COPYLEFT = "copyleft", "A copyleft licence covers it."
    WEAK_COPYLEFT = "weak-copyleft", "A weak copyleft licence covers it."
    PROPRIETARY = "proprietary", "It is proprietary, or its licence restricts its use."
    NO_LICENCE = "no-licence", "No licence was found for it."
    UNKNOWN_LICENCE = "unknown-licence", "A licence was found that nobody could identify."
    DENIED_LICENCE = "denied-licence", "The recipe denies its licence."

    # Duplicates.
    EXACT_DUPLICATE = "exact-duplicate", "Another file has the same text, but for blanks."
    NEAR_DUPLICATE = "near-duplicate", "Another file has nearly the same text."
    FORK = "fork", "Its repository is a copy of another one."

    # Quality.
    LICENCE_FILE = "licence-file", "It served to find the licence and is no code."
    GENERATED = "generated", "A program wrote it."
    MINIFIED = "minified", "It was made small by a program."
    ENCODED = "encoded", "Most of it is encoded data."
    DATA = "data", "It is data rather than code."
    TRUNCATED = "truncated", "It ends in the middle of something."
    TOO_SHORT = "too-short", "It is too short to learn from."
    TOO_LONG = "too-long", "It has too many lines."
    LONG_LINES = "long-lines", "Its lines are too long to be written by hand."
    REPETITIVE = "repetitive", "It says the same over and over."
    FEW_LETTERS = "few-letters", "Too little of it is letters."
    PARSE_ERRORS = "parse-errors", "Too much of it does not parse."
    MANY_SECRETS = "many-secrets", "It holds too many secret values to be worth redacting."
    EVALUATION = "evaluation", "It shares text with an evaluation set."
    ROLE = "role", "The recipe does not take its kind (tests, documentation or code)."

    # Choice.
    REPOSITORY_CAP = "repository-cap", "Its repository has enough files in the corpus."
    BALANCE = "balance", "Its language or class has enough files in the corpus."
    SPLIT_LEAK = "split-leak", "It is nearly the same as a file on another side of the split."
    NO_PLACE = "no-place", "No middle could be cut out of it."

    # Whatever happens.
    FAILED = "failed", "Looking at it ended in an error of ours."
    CRASHED = "crashed", "Looking at it ended the process that did."
