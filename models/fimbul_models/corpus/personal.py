"""Find personal data in lines of source text: addresses and numbers.

E-mail addresses, addresses of machines on the internet and telephone numbers; names have a module
of their own. What is reserved for documentation is nobody's. Works on one line; where in the file a
line stands, and what becomes of what is found, others decide.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

_PARTS = 3
"""Marks between the parts of a machine's address."""
_WORDS = (
    "@", "author", "maintain", "written", "created", "original", "initial", "developer", "tel",
    "phone", "fax", "mobil", "cell", " at ", "at]", "at)",
)  # fmt: skip
"""Texts of which a line in lower case has one, if it can hold an address or a name."""


def may_hold(line: str) -> bool:
    """Tell quickly whether `line` can hold a personal datum, a name included."""
    if "+" in line or line.count(".") >= _PARTS or line.count(":") >= _PARTS:
        return True
    lowered = line.lower()
    return any(word in lowered for word in _WORDS)


@dataclass(frozen=True, slots=True, order=True)
class Datum:
    """One personal datum in a line."""

    start: int
    end: int
    kind: str
    """``email``, ``ip``, ``phone`` or ``name``."""


_EMAIL = re.compile(
    r"(?<![\w.%+/@-])(?P<user>[A-Za-z0-9][\w.%+-]{0,63})@"
    r"(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,6}(?P<top>[A-Za-z]{2,18}))(?![\w@-]|\.\w|:[\w~])"
)
"""An address; what goes on behind it, such as the path of a repository, makes it another thing."""

_LOGIN = re.compile(r"//[^\s/@]{0,100}\Z")
"""What stands in front of a user and a host that belong to the address of a service."""

_AT = r"(?:[\[({<]\s?at\s?[\])}>]|\sat\s(?=\S{1,63}\sdot\s))"
_DOT = r"(?:[\[({<]\s?dot\s?[\])}>]|\sdot\s|\.)"
_OBFUSCATED = re.compile(
    rf"(?<![\w.%+-])[A-Za-z0-9][\w.%+-]{{1,63}}\s?{_AT}\s?"
    rf"(?:[A-Za-z0-9-]{{1,63}}\s?{_DOT}\s?){{1,4}}[A-Za-z]{{2,10}}\b",
    re.IGNORECASE,
)
"""The same as people write it against those who collect addresses."""

_RESERVED_HOSTS = re.compile(
    r"(?:.*\.)?(?:example\.(?:com|org|net|edu)|.*\.?(?:example|test|invalid|localhost|local|internal"
    r"|localdomain)|domain\.(?:com|tld)|foo\.(?:com|org|bar)|bar\.(?:com|org)|(?:your|my)?domain\.\w+"
    r"|(?:your)?company\.com|users\.noreply\.[\w.]+|e?mail\.com|test\.\w+|host\.(?:com|name)"
    r"|server\.com|acme\.(?:com|org))",
    re.IGNORECASE,
)
"""Hosts that RFC 2606 and RFC 6761 reserve, and those that take their place in examples."""

_NOBODY = re.compile(
    r"git|hg|svn|user(?:name)?|no-?reply|do-?not-?reply|example|foo|bar|me|you(?:r.*)?|name|email|e-mail"
    r"|test\d*|root|admin|postmaster|someone|somebody|nobody",
    re.IGNORECASE,
)
"""Users that are no person."""

_GENERIC_TOPS = re.compile(
    r"com|org|net|edu|gov|mil|int|dev|info|biz|name|app|cloud|tech|xyz|online|site|page|email|blog"
    r"|academy|systems|software|engineer|technology|consulting|solutions|group|africa|asia|berlin"
    r"|wien|koeln|hamburg|london|paris|nyc|eus|cat|gal|bzh"
)
"""Ends of hosts with more than two letters, which countries have."""
_COUNTRY = 2
_ENDINGS = frozenset(("py", "js", "ts", "rb", "go", "cc", "cs", "ml", "mm"))
"""Ends of two letters that are files' more often than a country's."""

_IPV4 = re.compile(r"(?<![\w.:/-])(?P<ip>(?:\d{1,3}\.){3}\d{1,3})(?![\w-]|\.\d|/\d)")
_IPV4_IN_URL = re.compile(r"(?<=://)(?P<ip>(?:\d{1,3}\.){3}\d{1,3})(?![\w.-])")
_IPV6 = re.compile(
    r"(?<![\w:.])(?P<ip>[23][0-9a-f]{3}(?::[0-9a-f]{0,4}){2,7})(?![\w:]|\.\d)", re.IGNORECASE
)
_VERSION = re.compile(
    r"versi|\bv\.?\s?\d|release|\bver\b|assembly|package|dotted|\boid\b|section|chapter|build|sdk"
    r"|rfc|depend|require|>=|==|~=|nuget|toolset|\bsince\b|upgrade|changelog|edition|firefox"
    r"|chrome|safari|mozilla|opera|user.?agent",
    re.IGNORECASE,
)
"""Words of lines in which four numbers are a version or a section."""
_OFTEN_PUBLIC = frozenset(
    ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "1.2.3.4", "4.3.2.1", "5.6.7.8",
     "1.2.3.5", "2.3.4.5", "1.3.5.7", "1.2.3.0", "12.34.56.78", "11.22.33.44", "208.67.222.222",
     "208.67.220.220", "4.4.4.4", "2.2.2.2", "3.3.3.3", "5.5.5.5", "6.6.6.6", "7.7.7.7",
     "11.11.11.11", "22.22.22.22", "99.99.99.99", "123.123.123.123", "123.45.67.89",
     "111.222.33.44"),
)  # fmt: skip
"""Public name servers, and what people make up."""

_NUMBER = r"\(?\d{1,5}\)?(?:[ ./-]{0,2}\(?\d{1,5}\)?){1,6}"
_PHONE = re.compile(rf"(?<![\w+.(-])\+[1-9]\d{{0,2}}[ ./-]{{0,2}}{_NUMBER}(?![\w.]\w|\d)")
_CALLED = re.compile(
    r"\b(?:tele?phone|phone|tel|fax|mobile|mobil|cell)(?:[ -]?(?:number|no|nr))?\b"
    r"\.?[ \t]*[:=#]?[ \t]*"
    rf"(?P<number>(?:\+\d{{1,3}}[ ./-]{{0,2}})?{_NUMBER})(?![\w.]\w|\d)",
    re.IGNORECASE,
)
_FICTIONAL = re.compile(r"555[ .-]?\d{4}\b|555[ .-]?01\d\d|0123|1234|0000")
"""Numbers that nobody has, or that are made up."""
_UNBROKEN = 11
"""Digits from which a number without a break in it is a telephone's rather than a quantity."""
_DIFFERENT = 4
"""Different digits that a number has at least; fewer make a pattern."""
_DIGITS = range(8, 16)
"""Digits of a number with its country's code (ITU-T E.164 has at most 15)."""


def addresses_in(line: str) -> Iterator[Datum]:
    """Yield the e-mail addresses in `line`."""
    if "@" in line:
        for match in _EMAIL.finditer(line):
            if _is_personal(match) and not _LOGIN.search(line, 0, match.start()):
                yield Datum(match.start(), match.end(), "email")
    lowered = line.lower()
    if "at" in lowered and ("dot" in lowered or "[at]" in lowered or "(at)" in lowered):
        for match in _OBFUSCATED.finditer(line):
            yield Datum(match.start(), match.end(), "email")


def _is_personal(match: re.Match[str]) -> bool:
    top = match["top"].lower()
    if top in _ENDINGS or (len(top) > _COUNTRY and not _GENERIC_TOPS.fullmatch(top)):
        return False
    if _RESERVED_HOSTS.fullmatch(match["host"]):
        return False
    return not _NOBODY.fullmatch(match["user"])


def machines_in(line: str) -> Iterator[Datum]:
    """Yield the addresses of machines on the internet in `line`."""
    if not _VERSION.search(line):
        for match in _IPV4.finditer(line):
            if _is_machine(match["ip"]):
                yield Datum(*match.span("ip"), "ip")
    for match in _IPV4_IN_URL.finditer(line):
        if _is_machine(match["ip"]):
            yield Datum(*match.span("ip"), "ip")
    for match in _IPV6.finditer(line):
        if _is_machine(match["ip"]):
            yield Datum(*match.span("ip"), "ip")


def _is_machine(text: str) -> bool:
    """Tell whether `text` is the address of one machine that anybody could reach."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if text in _OFTEN_PUBLIC or text.endswith((".0", ".255", "::")):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_global and not address.is_multicast
    # Nobody has been given what begins with so small a number, or next to nobody.
    return address.is_global and not address.is_multicast and int(address) >= 0x05000000


def numbers_in(line: str) -> Iterator[Datum]:
    """Yield the telephone numbers in `line`, a comment or prose."""
    for match in _PHONE.finditer(line):
        if _is_phone(match[0], _DIGITS.start if re.search(r"\d\D+\d", match[0]) else _UNBROKEN):
            yield Datum(match.start(), match.end(), "phone")
    for match in _CALLED.finditer(line):
        if _is_phone(match["number"], least=7):
            yield Datum(*match.span("number"), "phone")


def _is_phone(number: str, least: int) -> bool:
    digits = "".join(filter(str.isdigit, number))
    if not least <= len(digits) < _DIGITS.stop or _FICTIONAL.search(number):
        return False
    return len(set(digits)) >= _DIFFERENT
