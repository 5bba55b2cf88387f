"""The values that travel between the stages: frozen, and free of any protocol.

Positions are (line, column) in code points, both counted from zero. Knows nothing about LSP,
llama.cpp or files.
"""

import enum
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two code points of a document."""

    line: int
    """Line, from 0."""
    column: int
    """Code points left of the place in its line, from 0."""


@dataclass(frozen=True, slots=True)
class Document:
    """One open document as it stood at one moment."""

    uri: str
    """The editor's name for it."""
    language: str
    """LSP language identifier, such as ``python``."""
    version: int
    """The editor's version number."""
    lines: tuple[str, ...]
    """All lines with their endings; the last one has none (see `lsp_server.text.split_lines`)."""
    path: str = ""
    """File name relative to its workspace folder, ``/`` between parts; empty if it has none."""
    folder: str = ""
    """Path of the workspace folder that holds it; empty if none does."""

    def line(self, number: int) -> str:
        """Return line `number` without its ending; empty beyond the last line."""
        return self.lines[number].rstrip("\r\n") if number < len(self.lines) else ""

    def clamp(self, position: Position) -> Position:
        """Return `position`, moved to the nearest place that exists in this document."""
        if position.line >= len(self.lines):
            last = len(self.lines) - 1
            return Position(last, len(self.line(last)))
        return Position(position.line, min(position.column, len(self.line(position.line))))


class TriggerKind(enum.Enum):
    """What made the editor ask."""

    INVOKED = "invoked"
    """The user asked for a suggestion."""
    AUTOMATIC = "automatic"
    """The user typed or moved the cursor."""


@dataclass(frozen=True, slots=True)
class SelectedCompletion:
    """The item that is selected in the editor's own completion menu."""

    start: Position
    """Begin of the text the item would replace."""
    end: Position
    """End of that text."""
    text: str
    """What the item would insert there."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """The question what should stand at one place."""

    document: Document
    position: Position
    """The cursor, inside the document."""
    trigger_kind: TriggerKind = TriggerKind.AUTOMATIC
    selected: SelectedCompletion | None = None


class Surface(enum.Enum):
    """What kind of place is completed; it decides where a suggestion ends."""

    LINE = "line"
    """The rest of the current line, nothing but closing brackets to the right of the cursor."""
    MIDDLE = "middle"
    """A place inside a line with code to its right."""
    BLOCK = "block"
    """The body that the header above opens, such as that of a loop; nothing of it is there yet."""
    FUNCTION = "function"
    """The whole body of a function whose signature, documentation or comment stands above."""


class RejectionReason(enum.Enum):
    """Why nothing is suggested. Every silence has exactly one of these."""

    DISABLED = "disabled"
    LANGUAGE_DISABLED = "language-disabled"
    PATH_OFF = "path-off"
    MANUAL_ONLY = "manual-only"
    UNKNOWN_DOCUMENT = "unknown-document"
    BINARY_DOCUMENT = "binary-document"
    DOCUMENT_TOO_LONG = "document-too-long"
    SECRET_FILE = "secret-file"  # noqa: S105  # A reason, not a password.
    IGNORED_FILE = "ignored-file"
    DISK_STALLED = "disk-stalled"
    EXCLUDED_FILE = "excluded-file"
    SURFACE_OFF = "surface-off"
    SURFACE_MANUAL = "surface-manual"
    INSIDE_WORD = "inside-word"
    DELETING = "deleting"
    REJECTED_HERE = "rejected-here"
    SELECTION_DIFFERS = "selection-differs"
    NO_MODEL = "no-model"
    MODEL_LOADING = "model-loading"
    ENGINE_FAILED = "engine-failed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    LATE = "late"
    EMPTY = "empty"
    NOT_HEALED = "not-healed"
    REPEATS_NEXT_LINE = "repeats-next-line"
    REPEATS_REST_OF_LINE = "repeats-rest-of-line"
    REPEATS_LINES_ABOVE = "repeats-lines-above"
    REPEATS_ITSELF = "repeats-itself"
    ECHO = "echo"
    PLACEHOLDER = "placeholder"
    BROKEN_INDENTATION = "broken-indentation"
    UNBALANCED = "unbalanced"
    ADDS_ERRORS = "adds-errors"
    TOO_LITTLE = "too-little"
    CONTROL_MARK = "control-mark"
    CREDENTIALS = "credentials"
    UNSURE = "unsure"
    RESEMBLES_CODE = "resembles-code"

    @property
    def explanation(self) -> str:
        """A sentence for the user."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    RejectionReason.DISABLED: "Suggestions are switched off (completion.enable).",
    RejectionReason.LANGUAGE_DISABLED: (
        "Suggestions are switched off for this language (completion.disabled_languages)."
    ),
    RejectionReason.PATH_OFF: (
        "Suggestions are switched off in this file (privacy.off_paths, or the editor excludes it)."
    ),
    RejectionReason.MANUAL_ONLY: "Suggestions come only on request (completion.trigger is manual).",
    RejectionReason.UNKNOWN_DOCUMENT: (
        "The editor asked about a document that it has not opened; opening it again may help."
    ),
    RejectionReason.BINARY_DOCUMENT: "The document holds binary content.",
    RejectionReason.DOCUMENT_TOO_LONG: (
        "The document has more than 200,000 lines, or more text than limits.document_size allows;"
        " it is followed, but not looked into."
    ),
    RejectionReason.SECRET_FILE: (
        "A file of this name holds passwords or keys; fimbul does not look into it (SECURITY.md)."
    ),
    RejectionReason.IGNORED_FILE: (
        "Git ignores this file, so fimbul does not look into it (privacy.suggest_in_ignored)."
    ),
    RejectionReason.EXCLUDED_FILE: (
        "This file is left out by a .fimbulignore; fimbul does not look into it."
    ),
    RejectionReason.DISK_STALLED: (
        "The disk of this file does not answer, so whether fimbul may look into it is not known;"
        " suggestions come once it does."
    ),
    RejectionReason.SURFACE_OFF: (
        "Suggestions of this kind are switched off (completion.surfaces)."
    ),
    RejectionReason.SURFACE_MANUAL: (
        "Suggestions of this kind come only on request (completion.automatic)."
    ),
    RejectionReason.INSIDE_WORD: (
        "A word is being typed, and its end cannot be healed here (prompt.healing, or the server"
        " that runs the model); suggestions come behind it."
    ),
    RejectionReason.DELETING: "Text was just deleted; suggestions come again with the next key.",
    RejectionReason.REJECTED_HERE: (
        "The same suggestion was just turned down at this place; it comes again if asked for."
    ),
    RejectionReason.SELECTION_DIFFERS: (
        "The item selected in the completion menu does not fit the text at the cursor."
    ),
    RejectionReason.NO_MODEL: "No model is installed; run `fimbul models pull`.",
    RejectionReason.MODEL_LOADING: "The model is still loading; suggestions come once it is there.",
    RejectionReason.ENGINE_FAILED: "The engine failed; `fimbul doctor` says more.",
    RejectionReason.SUPERSEDED: "A newer request for the same document replaced this one.",
    RejectionReason.CANCELLED: "The editor cancelled the request.",
    RejectionReason.LATE: (
        "The suggestion came too late for the completion menu (completion.time_budget); it is kept"
        " for the next key."
    ),
    RejectionReason.EMPTY: "The model had nothing to add here.",
    RejectionReason.NOT_HEALED: "The model could not continue the word at the cursor.",
    RejectionReason.REPEATS_NEXT_LINE: "The model repeated the line below.",
    RejectionReason.REPEATS_REST_OF_LINE: "The model repeated the text right of the cursor.",
    RejectionReason.REPEATS_LINES_ABOVE: "The model repeated the lines above.",
    RejectionReason.REPEATS_ITSELF: "The model said the same again and again.",
    RejectionReason.ECHO: "The model repeated the comment above instead of code.",
    RejectionReason.PLACEHOLDER: "The model left a placeholder instead of code.",
    RejectionReason.BROKEN_INDENTATION: "The suggestion did not fit the indentation here.",
    RejectionReason.UNBALANCED: "The suggestion closed brackets that are not open.",
    RejectionReason.ADDS_ERRORS: "The suggestion would not parse here.",
    RejectionReason.TOO_LITTLE: "The suggestion was too short to be worth reading.",
    RejectionReason.CONTROL_MARK: "The model wrote one of its own control tokens.",
    RejectionReason.CREDENTIALS: "The suggestion looked like a password or key.",
    RejectionReason.UNSURE: "The model was not sure enough (completion.show).",
    RejectionReason.RESEMBLES_CODE: (
        "The suggestion resembles published code whose licence your settings block"
        " (references.policy)."
    ),
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Whole lines of another file that the model sees."""

    path: str
    """File name relative to the workspace folder, ``/`` between parts."""
    text: str
    """The lines, each with an ending; composed ones, such as signatures without bodies, too."""
    source: str
    """Name of what found it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the model may see of the code around the cursor."""

    older: str
    """Lines that stand in for the file's skeleton, if any, then the whole lines of the window that
    `recent` does not have."""
    recent: str
    """The whole lines just above the cursor that begin the growing middle, with the comments that
    were put in between them, then the typed part of the cursor's line."""
    suffix: str
    """What follows, from the line below the cursor; on the middle surface from the cursor."""
    rest_of_line: str
    """Text right of the cursor in its line, without the ending."""
    path: str = ""
    """File name relative to its workspace folder; empty if it has none."""
    surface: Surface = Surface.LINE
    """What kind of place it is, whatever may be suggested there."""
    repository: str = ""
    """Name of the workspace folder; empty if there is none."""
    snippets: tuple[Snippet, ...] = ()
    """What stands in front of the file, in the order of the prompt."""
    comment: tuple[str, str] = ("# ", "")
    """What begins and what ends a comment on one line in this language."""

    @property
    def prefix(self) -> str:
        """All that stands before the cursor."""
        return self.older + self.recent


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a prompt: one special token, or text in which no special token is recognised."""

    text: str
    special: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given, most stable part first."""

    segments: tuple[Segment, ...]
    healed: str = ""
    """Text taken off the end; the answer has to begin with it (token healing)."""
    short: tuple[Segment, ...] = ()
    """A smaller prompt for the same place and the same healed text; empty means there is none."""
    cold_tokens: int = 0
    """Tokens still to be evaluated above which the answer comes from the smaller prompt; 0 means
    that it never does."""

    adapter: "Adapter | None" = None
    """What is put over the model for it; None is what the model was loaded with."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter, as far as an engine needs to know it."""

    path: str
    """Its GGUF file; empty means that none is put over the model."""
    scale: float = 1.0
    """What its change is multiplied by; 1 is as it was trained."""
    title: str = ""
    """What people call it."""


NO_ADAPTER = Adapter("")
"""The model as it is."""


@dataclass(frozen=True, slots=True)
class BodyStop:
    """Where the answer ends that writes the body of a header."""

    indentation: int
    """Width of the blanks in front of the header's line, in columns of `tab`."""
    typed: str = ""
    """Text left of the cursor in its line: blanks, or the header itself."""
    closer: str = ""
    """What closes the body, a bracket or a word; empty where indentation does."""
    is_closed: bool = False
    """Whether that is there already."""
    following: str = ""
    """The first line below that is not blank, without its ending; empty is none."""
    top_level: str = ""
    """Regular expression of what begins a line that belongs to no body; empty is none."""
    line_comment: str = "#"
    """Mark that makes the rest of a line a comment; empty if there is none."""
    block_comment: tuple[str, str] = ("", "")
    """Marks around a comment that may span lines; empty if there are none."""
    quotes: str = "\"'"
    """Characters that open and close a string within one line."""
    long_quotes: tuple[str, ...] = ()
    """Marks that open and close a string over several lines."""
    tab: int = 4
    """Columns of a tab."""


@dataclass(frozen=True, slots=True)
class StopRules:
    """Where a generation ends, whatever the model would add."""

    max_tokens: int
    """Most tokens to generate, those of the healed text included."""
    max_lines: int = 1
    """Lines with something in them, after which generation ends."""
    strings: tuple[str, ...] = ()
    """Texts that end the generation and are not part of it."""
    milliseconds: float = 0.0
    """Longest time to generate, the prompt's evaluation not counted; 0 is any."""
    body: BodyStop | None = None
    """The body that is to be written; None is the rest of a line."""
    typed: str = ""
    """What stands left of the cursor in its line, the healed text included."""
    forbidden: tuple[str, ...] = ()
    """Lines, stripped, that `typed` and the answer's first line together may not be."""
    candidates: int = 1
    """How many different answers are wanted."""
    following: str = ""
    """The line below the answer; of unsure answers of one line that one is given which it follows
    most naturally. Empty leaves that out."""
    comment: str = ""
    """Mark that begins a comment, which is never given in place of code."""
    names: tuple[str, ...] = ()
    """Names of which one is likely to stand at the cursor, what is typed of it included."""
    names_only: bool = False
    """Whether it has to be one of those, instead of one being favoured."""


class StopReason(enum.Enum):
    """Why a generation ended."""

    END = "end"
    """The model ended it."""
    LINES = "lines"
    TOKENS = "tokens"
    STRING = "string"
    CANCELLED = "cancelled"
    CONTEXT_FULL = "context-full"
    TIME = "time"
    """Its time was up."""
    NOT_HEALED = "not-healed"
    """No token fits the healed text."""
    CLOSED = "closed"
    """The body that was to be written was closed, or something that it had not opened."""
    DEDENTED = "dedented"
    """The next line does not belong to the body any more."""
    TOP_LEVEL = "top-level"
    """The next line began something that stands at the outermost level only."""
    FOLLOWING = "following"
    """The next line was the one that is there already below."""
    REPETITION = "repetition"
    """It said the same again and again."""
    UNSURE = "unsure"
    """What came was not likely enough to be shown, so what follows was not waited for."""

    @property
    def is_cut(self) -> bool:
        """Whether a limit ended it, so that the model would have gone on."""
        return self in (StopReason.TOKENS, StopReason.LINES, StopReason.TIME)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one completion went, in milliseconds."""

    context: float = 0.0
    """Choosing and counting what the model sees."""
    prefill: float = 0.0
    """Evaluating the part of the prompt that was not in the KV cache."""
    decode: float = 0.0
    """Generating tokens."""
    filters: float = 0.0
    """Postprocessing."""
    total: float = 0.0
    """From request to answer, waiting included."""


class GeneratedText(str):
    """Text as it is generated, with how likely the model found it."""

    __slots__ = ("logprob",)

    def __new__(cls, text: str, logprob: float | None = None) -> "GeneratedText":
        """Return `text` with the natural log probability of its tokens, given what was typed.

        None stands for a log probability that is not known.
        """
        made = super().__new__(cls, text)
        made.logprob = logprob
        return made

    logprob: float | None


@dataclass(frozen=True, slots=True)
class Generation:
    """What the engine produced for one prompt."""

    text: str
    """The answer, the healed text taken off again."""
    stop: StopReason
    logprobs: tuple[float, ...] = ()
    """Natural log probability of each generated token, before any constraint."""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    """Tokens of the prompt that were in the KV cache already."""
    timings: Timings = field(default_factory=Timings)
    is_short: bool = False
    """Whether it answers the smaller prompt (see `Prompt.short`)."""
    alternatives: tuple["Generation", ...] = ()
    """Other answers to the same prompt, likeliest first; their timings and counts are empty."""
    ends: tuple[int, ...] = ()
    """Code points of `text` up to the end of each token; empty if it is not known. A token of
    healed text alone ends at 0."""
    end_logprob: float | None = None
    """Natural log probability that it ends where the model ended it; None if something else did."""
    typed_logprob: float = 0.0
    """Natural log probability of the healed text: how much the model expected what was typed."""


@dataclass(frozen=True, slots=True)
class ContextUse:
    """What of other files the model saw; never their text."""

    tokens: int = 0
    """Of the snippets in front of the file."""
    sources: tuple[str, ...] = ()
    """Name of the source of each snippet, in the order of the prompt."""
    hint: bool = False
    """Whether a comment stood above the current line."""
    is_short: bool = False
    """Whether the answer came from the small prompt of a cold place (see `Prompt.short`)."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in published code that a text resembles, for whoever may use the text."""

    project: str
    """Such as ``wheel:flask 3.0.3``."""
    path: str
    """Inside the project."""
    line: int
    """Where it begins there, counted from 1."""
    licence: str
    """SPDX expression; empty if none was found."""
    licence_class: str
    """See `lsp_server.references.matches.Source`."""
    link: str
    """Where a person can read it; empty if that is not known."""
    index: str
    """Name of the index that knows it."""
    likeness: str
    """``verbatim`` or ``renamed``, see `lsp_server.references.matches.Likeness`."""
    tokens: int
    """Length of the run that is alike."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A suggestion."""

    text: str
    """What to insert at `start`, replacing the text up to `end`."""
    start: Position
    end: Position
    surface: Surface
    generation: Generation
    timings: Timings = field(default_factory=Timings)
    used: ContextUse = field(default_factory=ContextUse)
    chance: float | None = None
    """Calibrated chance that its first line is right, from 0 to 1; None where it was not judged,
    such as that of a part."""
    word_chance: float | None = None
    """The same of its first word; for a model without a calibration the mean probability of the
    tokens that make it."""
    is_kept: bool = False
    """Whether it is (the rest of) an earlier suggestion, for which nothing was computed."""
    is_part: bool = False
    """Whether it is the beginning of a suggestion whose rest is still being computed."""
    is_ahead: bool = False
    """Whether it was computed before anybody asked for it."""
    is_lowered: bool = False
    """Whether it is but a line where a body could be had by asking for it."""
    is_doubtful: bool = False
    """Whether its first word is so unlikely that its rest was not waited for. It is never shown,
    and says only that whoever types that word gets nothing better."""
    others: tuple["Completion", ...] = ()
    """Other suggestions for the same place, best first, where several were asked for."""
    references: tuple[Reference, ...] = ()
    """Published code that it resembles, with what stands there already, and of which the user is
    told; the longest run first."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """The absence of a suggestion, and why."""

    reason: RejectionReason
    detail: str = ""
    """More about this case; never text of the document."""
    timings: Timings = field(default_factory=Timings)
    used: ContextUse = field(default_factory=ContextUse)
    prompt_tokens: int = 0
    """Tokens of the prompt; 0 if it came to none."""


Outcome = Completion | Rejection
"""What one request leads to."""


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model file says about itself."""

    architecture: str
    """As llama.cpp names it, such as ``qwen2``."""
    name: str
    """Its own title; empty if the file has none."""
    parameters: int
    context_length: int
    """Longest context it was trained for, in tokens."""
    fim_tokens: dict[str, str] = field(default_factory=dict)
    """Text of each FIM token that the file's vocabulary holds, by role: ``prefix``, ``suffix``,
    ``middle``, ``pad``, ``repository``, ``separator``."""
    special_tokens: frozenset[str] = frozenset()
    """Texts of all control tokens, to recognise a family by."""
