"""Ask a code host's search, politely: page by page, within its limits, and again after a fault.

Which host, and with which key, comes from who calls; none is known here. Knows nothing about
what the answers mean.
"""

import email.utils
import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from fimbul_models.errors import SourceError

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of the longest answer that is read."""

TIMEOUT = 60.0
"""Seconds without a byte after which a request counts as failed."""

_OK = 200
_LIMITED = {403, 429}
_AGAIN = {408, 425, 500, 502, 503, 504}
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Transport(Protocol):
    """Sends one request; raises OSError if there is no answer."""

    def __call__(self, address: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer of whatever status."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer that could be read."""

    value: Any
    """JSON."""
    next: str = ""
    """Address of the page after it, if the host says it."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key of the recipe's host is shown to that host only."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def over_http(address: str, headers: Mapping[str, str]) -> Answer:
    """Send one request to `address`. Redirections are not followed.

    Raises OSError if there is no answer.
    """
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        raise SourceError(f"{address} is no address of a code host; it begins with https://.")
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - checked above.
    try:
        with opener.open(request, timeout=TIMEOUT) as reply:
            return _answer(reply.status, reply.headers, reply.read(ANSWER_LIMIT + 1))
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read(ANSWER_LIMIT))
    except http.client.HTTPException as error:
        raise OSError(f"the answer breaks off ({type(error).__name__})") from error


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)


@dataclass
class Client:
    """Asks one host, one request at a time."""

    send: Transport = over_http
    key: str = ""
    """Sent as a bearer token, if there is one."""
    tries: int = 5
    """How often a request is sent that fails through the host's or the network's fault."""
    longest_wait: float = 900.0
    """Seconds; a host that wants a longer pause ends the call, to be gone on with later."""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    _rest_until: float = field(default=0.0, init=False)
    """When there may be a next request, in seconds as `now` tells them."""

    def get(self, address: str, parameters: Mapping[str, str]) -> Page:
        """Return the page at `address`.

        Raises SourceError if it cannot be had, or not so soon.
        """
        if parameters:
            joint = "&" if "?" in address else "?"
            address += joint + urllib.parse.urlencode(sorted(parameters.items()))
        self._wait(self._rest_until - self.now())
        trouble = ""
        failures = 0
        waited = 0.0
        while failures < self.tries:
            answer = self._sent(address)
            if isinstance(answer, Answer):
                if answer.status == _OK and (page := _page(answer)):
                    self._rest(answer)
                    return page
                pause = self._pause(answer)
                if pause is not None:
                    # A host that says so for ever would be asked for ever.
                    waited += max(1.0, pause)
                    self._wait(waited, max(1.0, pause))
                    continue
                trouble = _trouble(answer, address)
            else:
                trouble = answer
            failures += 1
            if failures < self.tries:
                self._wait(2.0 ** (failures - 1))
        raise SourceError(f"{_host(address)} gave no answer in {self.tries} tries: {trouble}.")

    def _sent(self, address: str) -> Answer | str:
        headers = {"Accept": "application/json", "User-Agent": "fimbul-models"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            return self.send(address, headers)
        except OSError as error:
            return str(error)

    def _pause(self, answer: Answer) -> float | None:
        """Return how many seconds the host wants to be left alone, None if it does not say."""
        if answer.status not in _LIMITED and answer.status not in _AGAIN:
            return None
        told = answer.headers.get("retry-after", "")
        if told.isdigit():
            return float(told)
        if told and (date := email.utils.parsedate_tz(told)):
            return max(0.0, email.utils.mktime_tz(date) - self.now())
        if answer.status in _LIMITED and answer.headers.get("x-ratelimit-remaining") == "0":
            return self._until_reset(answer)
        # Too many requests, and no word about when there may be more.
        return 60.0 if answer.status == 429 else None

    def _rest(self, answer: Answer) -> None:
        """Remember it if that was the last request for a while."""
        if answer.headers.get("x-ratelimit-remaining") == "0":
            self._rest_until = self.now() + self._until_reset(answer)

    def _until_reset(self, answer: Answer) -> float:
        told = answer.headers.get("x-ratelimit-reset", "")
        return max(1.0, float(told) - self.now() + 1) if told.isdigit() else 60.0

    def _wait(self, together: float, seconds: float | None = None) -> None:
        """Wait, unless that would be too long together with what was waited before."""
        if together > self.longest_wait:
            raise SourceError(
                f"The code host wants a pause of {together:.0f} s. What it said so far is kept:"
                " begin again later."
            )
        pause = together if seconds is None else seconds
        if pause > 0:
            self.sleep(pause)


def _page(answer: Answer) -> Page | None:
    if len(answer.body) > ANSWER_LIMIT:
        return None
    try:
        value = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
    match = _NEXT.search(answer.headers.get("link", ""))
    return Page(value, match[1] if match else "")


def _trouble(answer: Answer, address: str) -> str:
    """Say what was wrong with `answer`; raise SourceError where another try would not help."""
    if answer.status == _OK:
        return "what it said is no JSON, or too long"
    if answer.status not in _AGAIN:
        raise SourceError(
            f"{_host(address)} answered {answer.status} to {urllib.parse.urlsplit(address).path};"
            " see the address, the queries and the key that the recipe names."
        )
    return f"status {answer.status}"


def _host(address: str) -> str:
    return urllib.parse.urlsplit(address).hostname or address
