"""Where a server is, and how it may be spoken to: checked before anything is sent.

Reads the file of a key and the environment variable for one. Opens no connection.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lsp_server.config.options import EngineOptions, RemoteKind
from lsp_server.errors import ConfigError

KEY_VARIABLE = "FIMBUL_REMOTE_KEY"
"""Environment variable that holds a server's key where no file is named."""

_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
"""What may stand in a header: one word of visible ASCII."""


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """A server, and how it is asked."""

    url: str
    """Scheme, host and perhaps a path, without a slash or ``/v1`` at the end."""
    kind: RemoteKind = RemoteKind.AUTO
    model: str = ""
    """Name of the model there; empty is the first that the server names."""
    key: str = field(default="", repr=False)
    """Sent as a bearer token; empty is none."""
    timeout: float = 10.0
    """Longest time for one answer, retries included, in seconds."""
    use_proxy: bool = False
    """Whether the proxy of the environment is used."""

    @property
    def is_in_the_clear(self) -> bool:
        """Whether others on the way to the server can read what is sent."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and not _is_this_machine(parts.hostname or "")


def remote_options(engine: EngineOptions, environment: Mapping[str, str]) -> RemoteOptions | None:
    """Return how the server of some settings is asked; None where they name none.

    Raises ConfigError, which names the option, if the address or the key cannot be used.
    """
    if not engine.remote_url:
        return None
    options = RemoteOptions(
        url=_checked(engine.remote_url),
        kind=engine.remote_kind,
        model=engine.remote_model,
        key=_key(engine.remote_key_file, environment),
        timeout=float(engine.remote_timeout),
        use_proxy=engine.remote_proxy,
    )
    if options.key and options.is_in_the_clear:
        raise ConfigError(
            f"engine.remote_url is {options.url}: over http the key would be sent in the clear. "
            "Use https, or no key."
        )
    return options


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(str(error)) from error
    if parts.scheme not in ("http", "https") or not host:
        raise _unusable("it has to begin with https:// (or http://) and a host")
    if parts.username is not None or parts.password is not None:
        # The address is shown in messages, so no secret may stand in it; not even here.
        raise _unusable("it may hold no user or password; put a key into engine.remote_key_file")
    if parts.query or parts.fragment or re.search(r"[\s\x00-\x1f\\]", url):
        raise _unusable("it may hold no spaces, ? or #")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _unusable(why: str) -> ConfigError:
    return ConfigError(
        f"engine.remote_url cannot be used: {why}. It is like https://completion.example:8080."
    )


def _key(file: str, environment: Mapping[str, str]) -> str:
    if not file:
        key, where = environment.get(KEY_VARIABLE, ""), f"The variable {KEY_VARIABLE}"
        if not key:
            return ""
    else:
        path, where = Path(file).expanduser(), f"{file} (engine.remote_key_file)"
        try:
            key = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", "") or "it is not text"
            raise ConfigError(f"{where} cannot be read: {reason}.") from error
    if not _KEY.fullmatch(key):
        raise ConfigError(f"{where} holds no key: one word of ASCII is expected.")
    return key


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
