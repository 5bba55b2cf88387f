"""The one table of options: name, default, unit, meaning, and who may change them how.

The README's table is generated from here and tested against it. Knows nothing about files.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

SOURCES = (
    "members",
    "imports",
    "package",
    "names",
    "usages",
    "shared-imports",
    "same-folder",
    "similar-names",
    "twin",
    "tabs",
    "edits",
    "similar",
)
"""Names of the sources of snippets, see `lsp_server.context.sources.table`."""

SURFACES = ("line", "middle", "block", "function")
"""Values of `lsp_server.types.Surface`."""

APART = "# apart"
"""Stands in `privacy.off_paths` between patterns of which the later ones bring back nothing that
the earlier ones take; a comment for whoever reads them as lines of a `.gitignore`."""

DEFAULT_MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"


class Tighten(enum.Enum):
    """What a policy or a workspace does to an option."""

    NEVER = "not theirs to set"
    """Only the user and the editor's own settings."""
    FALSE = "may only switch off"
    OPT_IN = "may only switch off, as an editor may"
    """Only the user's own file or `--set` switches it on, since an editor's settings may come out
    of a workspace."""
    TRUE = "may only switch on, as an editor may"
    """Only the user's own file or `--set` switches it off, for the same reason."""
    LOWER = "may only lower"
    UNION = "may only add"
    INTERSECTION = "may only remove"
    OWN_LIST = "may only remove, as an editor may"
    """Only the user's own file or `--set` puts something in, for the same reason."""
    LATER_CHOICE = "may only choose a later value"
    """Choices are listed from the loosest to the strictest."""
    STRICTER = "may only choose a later value, as an editor may"
    """Only the user's own file or `--set` chooses an earlier one, for the same reason."""
    POLICY = "policy only"
    """Only the machine-wide policy sets it."""
    MACHINE = "a policy may set it; a workspace or an editor may not"
    """The user's own file or `--set`, and over them the machine-wide policy. Editors are left out
    because their settings may come out of a workspace."""


class PrivacyMode(enum.Enum):
    """Where code may go and what may be kept; strictest last."""

    TEAM = "team"
    """The server of `engine.remote_url` is asked."""
    AUTO = "auto"
    """Team where the user's own file or the policy names a server, else offline."""
    OFFLINE = "offline"
    """No connection can be opened."""
    STRICT = "strict"
    """Offline, the current file only, and nothing about the work is written to disk."""


class Trigger(enum.Enum):
    """When suggestions come; strictest last."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Menu(enum.Enum):
    """Whether suggestions are items of the completion menu, too; strictest last."""

    ON = "on"
    AUTO = "auto"
    """Where the editor shows none inline."""
    OFF = "off"


class Show(enum.Enum):
    """How sure a suggestion has to be; strictest last."""

    ALL = "all"
    """Whatever passes the filters."""
    EAGER = "eager"
    BALANCED = "balanced"
    SUBTLE = "subtle"


class Healing(enum.Enum):
    """Whether the last, perhaps unfinished, token is taken back and constrained."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Order(enum.Enum):
    """Where prefix, suffix and typed text stand in a prompt."""

    AUTO = "auto"
    """What was measured best for the model."""
    PREFIX_SUFFIX_MIDDLE = "psm"
    SUFFIX_PREFIX_MIDDLE = "spm"
    SUFFIX_FIRST = "suffix-first"
    """The typed text is the beginning of the middle; the prefix is empty."""
    GROWING_MIDDLE = "growing-middle"
    """Older lines are the prefix; the last lines and the typed text begin the middle."""


class ContextForm(enum.Enum):
    """Where pieces of other files stand in a prompt."""

    AUTO = "auto"
    """As the model's row says: in front where it was taught separators, else at the top."""
    REPOSITORY = "repository"
    """In front, each behind the model's separator and its own path."""
    COMMENT_TOP = "comment-top"
    """As comments at the top of the file."""
    COMMENT_ABOVE = "comment-above"
    """As comments above the cursor's line."""
    NONE = "none"


class Ahead(enum.Enum):
    """When pauses are used; strictest last."""

    ALWAYS = "always"
    AUTO = "auto"
    """Neither on battery nor while the machine is busy."""
    OFF = "off"


class Rethink(enum.Enum):
    """When other answers are weighed against an unsure one."""

    OFF = "off"
    ASKED = "asked"
    ALWAYS = "always"


class Symbols(enum.Enum):
    """What known members of the expression at the cursor do to what is said behind the dot."""

    OFF = "off"
    FAVOUR = "favour"
    REQUIRE = "require"


class Resembling(enum.Enum):
    """What becomes of a suggestion that resembles indexed code; strictest last."""

    ALLOW = "allow"
    ANNOTATE = "annotate"
    """It is shown, with where it stands and under which licence."""
    BLOCK = "block"


class RemoteKind(enum.Enum):
    """Which requests a server understands."""

    AUTO = "auto"
    """What the server says of itself."""
    LLAMA_SERVER = "llama-server"
    """``/completion`` and ``/tokenize`` of llama.cpp."""
    OPENAI = "openai"
    """``/v1/completions``, as vLLM and others have it."""


class LogLevel(enum.Enum):
    """How much the server writes to its error stream."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Option:
    """How one option is described and restricted."""

    doc: str
    """What it does, as a sentence."""
    unit: str = ""
    tighten: Tighten = Tighten.NEVER
    minimum: int | None = None
    maximum: int | None = None
    automatic: int | None = None
    """The value that means "as much as fits", which any other value restricts."""
    members: tuple[str, ...] = ()
    """What the items of a list may be; empty is anything."""


def _option(default: Any, doc: str, **more: Any) -> Any:
    return field(default=default, metadata={"option": Option(doc, **more)})


@dataclass(frozen=True)
class PrivacyOptions:
    """Where code may go, and where fimbul does nothing."""

    mode: PrivacyMode = _option(
        PrivacyMode.AUTO,
        "team: the server that you have named is asked. offline: no connection can be opened."
        " strict: offline, only the current file is looked at, and nothing about your work is"
        " written to disk. auto is team where a server is named, else offline.",
        tighten=Tighten.STRICTER,
    )
    off_paths: tuple[str, ...] = _option(
        (),
        "Files in which nothing is suggested and that are not looked at for others, as patterns of"
        " a `.gitignore`, from the workspace folder on.",
        tighten=Tighten.UNION,
    )
    suggest_in_ignored: bool = _option(
        default=False,
        doc="Suggest in files that git ignores, too, each from itself alone while it is open; they"
        " are still not looked at for others. Files that look secret, or that a `.fimbulignore`"
        " leaves out, stay without.",
        tighten=Tighten.OPT_IN,
    )


@dataclass(frozen=True)
class CompletionOptions:
    """Whether and how much is suggested."""

    enable: bool = _option(default=True, doc="Suggest at all.", tighten=Tighten.FALSE)
    trigger: Trigger = _option(
        Trigger.AUTOMATIC,
        "Suggest while typing, or only on request.",
        tighten=Tighten.LATER_CHOICE,
    )
    disabled_languages: tuple[str, ...] = _option(
        (), "LSP language identifiers in which nothing is suggested.", tighten=Tighten.UNION
    )
    max_tokens: int = _option(
        64,
        "Longest suggestion.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=1024,
    )
    body_tokens: int = _option(
        160,
        "Longest suggestion of a block or of a whole function.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=2048,
    )
    surfaces: tuple[str, ...] = _option(
        SURFACES,
        "Kinds of suggestions: the rest of the line, code in the middle of one, the body that a"
        " header opens, the body of a function.",
        tighten=Tighten.INTERSECTION,
        members=SURFACES,
    )
    automatic: tuple[str, ...] = _option(
        SURFACES,
        "Those of them that come without being asked for.",
        tighten=Tighten.INTERSECTION,
        members=SURFACES,
    )
    menu: Menu = _option(
        Menu.AUTO,
        "Offer suggestions as items of the editor's completion menu, too; auto does where the"
        " editor shows none inline. Read when the server starts; off counts at once.",
        tighten=Tighten.LATER_CHOICE,
    )
    show: Show = _option(
        Show.BALANCED,
        "How sure the model has to be of what is shown.",
        tighten=Tighten.LATER_CHOICE,
    )
    candidates: int = _option(
        3,
        "Suggestions to choose from where one asks for them.",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=8,
    )
    rethink: Rethink = _option(
        Rethink.ASKED,
        "When an unsure line is held against the line below, and another is given that fits it"
        " better: never, where one asks for a suggestion, or always, which takes more time.",
    )
    symbols: Symbols = _option(
        Symbols.OFF,
        "Whether names that the index knows to be members of what stands before a dot are favoured"
        " or required behind it. An experiment.",
    )
    time_budget: int = _option(
        150,
        "Time after which the beginning of a suggestion is shown that is still being computed; the"
        " rest follows. 0 always waits for the whole.",
        unit="milliseconds",
        minimum=0,
        maximum=60000,
    )


@dataclass(frozen=True)
class ContextOptions:
    """What the model sees of the document and of other files."""

    prefix_tokens: int = _option(
        768,
        "Most tokens from above and left of the cursor.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=16,
        maximum=32768,
    )
    suffix_tokens: int = _option(
        192,
        "Most tokens from below the cursor.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=32768,
    )
    snippet_tokens: int = _option(
        320,
        "Most tokens from other files of the workspace; 0 shows none.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=32768,
    )
    hint_tokens: int = _option(
        0,
        "Most tokens of a comment above the current line that names what may come next, such as 40;"
        " 0 is none.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=512,
    )
    cold_tokens: int = _option(
        200,
        "Size of the prompt where nothing is evaluated yet, such as at the first suggestion of a"
        " session; half of it right behind a start of the engine. It grows in the pauses. 0 always"
        " waits for the whole.",
        unit="tokens",
        minimum=0,
        maximum=32768,
    )
    sources: tuple[str, ...] = _option(
        SOURCES,
        "Where snippets of other files may come from.",
        tighten=Tighten.INTERSECTION,
        members=SOURCES,
    )
    index: bool = _option(
        default=True,
        doc="Keep an index of the workspace's files, on this machine.",
        tighten=Tighten.FALSE,
    )


@dataclass(frozen=True)
class PromptOptions:
    """How the prompt is built; for experiments."""

    order: Order = _option(Order.AUTO, "Order of the parts; auto is the best one measured.")
    healing: Healing = _option(
        Healing.AUTO, "Token healing; auto switches it on where the model's row does."
    )
    context_form: ContextForm = _option(
        ContextForm.AUTO,
        "Where pieces of other files stand; auto is as the model was taught.",
    )


@dataclass(frozen=True)
class EngineOptions:
    """The model and the machine."""

    model: str = _option(DEFAULT_MODEL, "Name of a model in the catalogue.")
    threads: int = _option(
        0,
        "Threads for inference; 0 is one per physical core, at most 4.",
        unit="threads",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=256,
        automatic=0,
    )
    context_length: int = _option(
        4096,
        "Size of the KV cache.",
        unit="tokens",
        tighten=Tighten.LOWER,
        minimum=256,
        maximum=131072,
    )
    gpu_layers: int = _option(
        0,
        "Layers that a graphics processor computes, where the engine was built for one.",
        unit="layers",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=10000,
    )
    adapter: str = _option(
        "",
        "Path of a LoRA adapter for the model, a GGUF file; empty is none.",
        tighten=Tighten.MACHINE,
    )
    adapter_percent: int = _option(
        100,
        "Weight of the adapter; 100 is as it was trained.",
        unit="percent",
        minimum=0,
        maximum=1000,
    )
    adapter_keys: tuple[str, ...] = _option(
        (),
        "Public keys of those whose signed adapters may be added, as `fimbul adapters export`"
        " prints them.",
        tighten=Tighten.MACHINE,
    )
    ahead: Ahead = _option(
        Ahead.AUTO,
        "Use pauses to evaluate what comes next: the place of the cursor, the line below. auto"
        " rests on battery and while the machine is busy.",
        tighten=Tighten.LATER_CHOICE,
    )
    remote_url: str = _option(
        "",
        "Address of a server of your own that answers instead of this machine, such as"
        " `https://completion.example`; empty is none, and no connection.",
        tighten=Tighten.MACHINE,
    )
    remote_kind: RemoteKind = _option(
        RemoteKind.AUTO, "What that server understands.", tighten=Tighten.MACHINE
    )
    remote_model: str = _option(
        "", "Name of the model there; empty is the first it names.", tighten=Tighten.MACHINE
    )
    remote_key_file: str = _option(
        "",
        "File that holds that server's key; without one, the environment variable"
        " `FIMBUL_REMOTE_KEY`, or no key.",
        tighten=Tighten.MACHINE,
    )
    remote_timeout: int = _option(
        10,
        "Longest time that an answer of that server may take, retries included.",
        unit="seconds",
        tighten=Tighten.MACHINE,
        minimum=1,
        maximum=600,
    )
    remote_fallback: bool = _option(
        default=True,
        doc="Answer with the model on this machine while that server does not.",
        tighten=Tighten.MACHINE,
    )
    remote_proxy: bool = _option(
        default=False,
        doc="Reach that server through the proxy that the environment names.",
        tighten=Tighten.MACHINE,
    )


@dataclass(frozen=True)
class FeedbackOptions:
    """What is remembered of suggestions and of what became of them, on this machine."""

    enable: bool = _option(
        default=True,
        doc="Remember what was shown and accepted, for `fimbul stats`; never any code.",
        tighten=Tighten.FALSE,
    )
    keep_text: bool = _option(
        default=False,
        doc="Remember the text of suggestions and what they became, too, so that a model can be"
        " trained on it.",
        tighten=Tighten.OPT_IN,
    )
    max_size: int = _option(
        32,
        "Size above which the oldest is forgotten.",
        unit="megabytes",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=4096,
    )


@dataclass(frozen=True)
class ReferenceOptions:
    """What becomes of suggestions that resemble code of others, where an index of it is here."""

    enable: bool = _option(
        default=True,
        doc="Compare suggestions with the reference indexes of this machine, if there are any"
        " (`fimbul references add`).",
        tighten=Tighten.TRUE,
    )
    policy_permissive: Resembling = _option(
        Resembling.ANNOTATE,
        "What becomes of a suggestion that resembles code under a permissive licence, which mostly"
        " asks to name its authors.",
        tighten=Tighten.STRICTER,
    )
    policy_weak_copyleft: Resembling = _option(
        Resembling.ANNOTATE,
        "The same under a licence whose conditions hold for the file or the library.",
        tighten=Tighten.STRICTER,
    )
    policy_copyleft: Resembling = _option(
        Resembling.BLOCK,
        "The same under a licence whose conditions hold for the whole program.",
        tighten=Tighten.STRICTER,
    )
    policy_proprietary: Resembling = _option(
        Resembling.BLOCK,
        "The same under a licence that limits what the code may be used for.",
        tighten=Tighten.STRICTER,
    )
    policy_unknown: Resembling = _option(
        Resembling.ANNOTATE,
        "The same where no licence was found, or none that is known.",
        tighten=Tighten.STRICTER,
    )
    policy_own: Resembling = _option(
        Resembling.ALLOW,
        "The same where an index says that the code is your company's own.",
        tighten=Tighten.STRICTER,
    )
    licences: tuple[str, ...] = _option(
        (),
        "SPDX names of licences whose code is allowed whatever the policy, such as your project's"
        " own.",
        tighten=Tighten.OWN_LIST,
    )
    dependencies: tuple[str, ...] = _option(
        (),
        "Indexed projects whose code is allowed whatever the policy, since yours depends on them"
        " anyway and keeps to their licences; names as `fimbul references check` shows them, such"
        " as `wheel:flask*`.",
        tighten=Tighten.OWN_LIST,
    )
    log: bool = _option(
        default=True,
        doc="Keep a list of what was accepted though it resembles such code, in a file that only"
        " you can read, for `fimbul references export`; it holds no code.",
        tighten=Tighten.FALSE,
    )


@dataclass(frozen=True)
class LogOptions:
    """What the server writes about itself."""

    level: LogLevel = _option(LogLevel.WARNING, "Least important message that is written.")
    requests: bool = _option(
        default=True,
        doc="Keep what became of the latest requests in a file that only you can read, for"
        " `fimbul explain --last`; it holds no code. Otherwise in memory only.",
        tighten=Tighten.FALSE,
    )
    file: bool = _option(
        default=True,
        doc="Write the log to a file that only you can read, too, besides the error stream, which"
        " the editor keeps or not; it holds no code.",
        tighten=Tighten.FALSE,
    )
    file_size: int = _option(
        500,
        "Size from which a new log file is begun.",
        unit="kilobytes",
        tighten=Tighten.LOWER,
        minimum=10,
        maximum=100000,
    )
    older_files: int = _option(
        2,
        "How many full log files of one server are kept.",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=100,
    )


@dataclass(frozen=True)
class LimitOptions:
    """How much memory and time may be used; what is beyond is left out, and said."""

    document_size: int = _option(
        20,
        "Size of an open document above which nothing is suggested in it.",
        unit="million characters",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=1000,
    )
    parse_size: int = _option(
        1000,
        "Size above which a text is not parsed, so that nothing is known of its functions.",
        unit="thousand characters",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=100000,
    )
    parse_time: int = _option(
        2000,
        "Processor time after which parsing a text is given up, in the editor and in the index.",
        unit="milliseconds",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=60000,
    )
    trees_size: int = _option(
        4,
        "Size of all texts together whose syntax trees are kept; a tree takes some 30 times its"
        " text.",
        unit="megabytes",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=1000,
    )
    saved_states: int = _option(
        96,
        "Memory for what was evaluated at other places, so that going back there is quick; 0 is"
        " none.",
        unit="megabytes",
        tighten=Tighten.LOWER,
        minimum=0,
        maximum=65536,
    )
    index_files: int = _option(
        20000,
        "Most files of a workspace folder in its index.",
        unit="files",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=1000000,
    )
    index_size: int = _option(
        200,
        "Size of all files together that are in the index of a workspace folder.",
        unit="megabytes",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=100000,
    )
    index_file_size: int = _option(
        512,
        "Size of a file above which it is not in the index.",
        unit="kilobytes",
        tighten=Tighten.LOWER,
        minimum=1,
        maximum=100000,
    )
    index_memory: int = _option(
        500,
        "Memory of the process that indexes, above which the rest of a folder is left out.",
        unit="megabytes",
        tighten=Tighten.LOWER,
        minimum=100,
        maximum=65536,
    )


@dataclass(frozen=True)
class PolicyOptions:
    """What only the machine-wide policy sets."""

    allowed_models: tuple[str, ...] = _option(
        (),
        "Models that may be used, by name, or by digest as `sha256:…`; empty is all.",
        tighten=Tighten.POLICY,
    )
    allowed_adapters: tuple[str, ...] = _option(
        (),
        "Adapters that may be used, by path, or by digest as `sha256:…`; empty is all.",
        tighten=Tighten.POLICY,
    )
    allowed_indexes: tuple[str, ...] = _option(
        (),
        "Reference indexes that may be used, by name; empty is all.",
        tighten=Tighten.POLICY,
    )


@dataclass(frozen=True)
class Settings:
    """All options of one server, as merged from every layer."""

    privacy: PrivacyOptions = field(default_factory=PrivacyOptions)
    completion: CompletionOptions = field(default_factory=CompletionOptions)
    context: ContextOptions = field(default_factory=ContextOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)
    engine: EngineOptions = field(default_factory=EngineOptions)
    feedback: FeedbackOptions = field(default_factory=FeedbackOptions)
    references: ReferenceOptions = field(default_factory=ReferenceOptions)
    log: LogOptions = field(default_factory=LogOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
    policy: PolicyOptions = field(default_factory=PolicyOptions)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table."""

    section: str
    name: str
    type: Any
    default: Any
    option: Option

    @property
    def key(self) -> str:
        """The dotted name, as in ``completion.enable``."""
        return f"{self.section}.{self.name}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of an enumerated option, else nothing."""
        if isinstance(self.type, type) and issubclass(self.type, enum.Enum):
            return tuple(str(member.value) for member in self.type)
        return ()


def entries() -> Iterator[Entry]:
    """Yield every option in the order of the table."""
    for section in fields(Settings):
        for item in fields(section.type):  # type: ignore[arg-type]  # A section is a dataclass.
            yield Entry(section.name, item.name, item.type, item.default, item.metadata["option"])


def as_markdown() -> str:
    """Return the table for the README."""
    rows = ["| option | default | meaning | a policy or workspace |", "| --- | --- | --- | --- |"]
    for entry in entries():
        meaning = entry.option.doc
        if entry.choices:
            meaning += " One of " + ", ".join(f"`{choice}`" for choice in entry.choices) + "."
        if entry.option.unit:
            meaning += f" In {entry.option.unit}."
        cells = (f"`{entry.key}`", f"`{_shown(entry.default)}`", meaning)
        rows.append("| " + " | ".join((*cells, entry.option.tighten.value)) + " |")
    return "\n".join(rows) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value)).replace("'", '"')
    return str(value)
