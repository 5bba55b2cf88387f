"""What a privacy mode makes of the other options.

A mode only takes away. Whoever reads settings gets them with the mode applied, so that no part of
the program has to know what a mode forbids. Knows nothing about where settings come from.
"""

from collections.abc import Sequence
from dataclasses import replace

from pathspec import GitIgnoreSpec

from lsp_server.config.options import PrivacyMode, Settings, Symbols


def in_force(settings: Settings) -> tuple[Settings, list[str]]:
    """Return `settings` as their privacy mode leaves them, and what to tell about it.

    The mode of what is returned is never `AUTO`. Where the user named a server and no mode, that
    is taken for the wish to use it: both are to be had in the same places only.
    """
    mode = settings.privacy.mode
    if mode is PrivacyMode.AUTO:
        mode = PrivacyMode.TEAM if settings.engine.remote_url else PrivacyMode.OFFLINE
    patterns, messages = _usable(settings.privacy.off_paths)
    settings = replace(settings, privacy=replace(settings.privacy, mode=mode, off_paths=patterns))
    if mode is PrivacyMode.TEAM:
        return settings, messages
    settings, more = without_server(settings)
    if mode is PrivacyMode.STRICT:
        settings = _strict(settings)
    return settings, [*messages, *more]


def _usable(patterns: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the patterns that can be read, and what to say about the others."""
    usable, messages = [], []
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except ValueError:
            messages.append(
                f"privacy.off_paths: {pattern!r} is no pattern of a .gitignore; it is ignored."
            )
        else:
            usable.append(pattern)
    return tuple(usable), messages


def without_server(settings: Settings) -> tuple[Settings, list[str]]:
    """Return `settings` that name no server, and what to tell if they did."""
    if not settings.engine.remote_url:
        return settings, []
    message = (
        f"engine.remote_url is not used, since privacy.mode is {settings.privacy.mode.value}; to "
        'use it, set privacy.mode = "team" in your own config.toml, or leave the mode out, unless '
        "the machine's policy or this workspace chose it."
    )
    return replace(settings, engine=replace(settings.engine, remote_url="")), [message]


def _strict(settings: Settings) -> Settings:
    """Leave the current file, and memory to remember in."""
    nothing = replace(settings.context, index=False, sources=(), snippet_tokens=0, hint_tokens=0)
    return replace(
        settings,
        completion=replace(settings.completion, symbols=Symbols.OFF),
        context=nothing,
        feedback=replace(settings.feedback, enable=False, keep_text=False),
        references=replace(settings.references, log=False),
        log=replace(settings.log, requests=False, file=False),
    )
