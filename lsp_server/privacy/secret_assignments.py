"""Passwords and keys that only the name beside them tells: ``db_password = "..."``.

A value is taken for a secret if the name ends in a word such as *password* or *token* and the
value is none of what stands there innocently: a placeholder, a path, a name, a call, a sentence.
Behind a name that means a password, little is asked of the value; behind one that may mean
anything, such as *token*, it has to look random. Pure; sees one line at a time.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

WORDS = (
    "pass", "pwd", "secret", "token", "apikey", "api_key", "api-key", "api.key", "accesskey",
    "access_key", "access-key", "privatekey", "private_key", "private-key", "auth", "cred",
    "encryptionkey", "encryption_key", "encryption-key", "signingkey", "signing_key", "signing-key",
    "masterkey", "master_key", "master-key", "accountkey", "account_key", "sharedkey",
    "shared_key", "licensekey", "license_key", "bearer", "://", "basic ", "-u ", "salt", "hmac",
    "sessionkey", "session_key", "cookie", "webhook",
)  # fmt: skip
"""Texts of which a line in lower case has one, if it can have such a secret."""

_ALONE = r"(?-i:(?<![A-Za-z])|(?<=[a-z0-9])(?=[A-Z]))"
"""Where a word begins: short ones end many others, as in *bypass*."""

_PHRASES = rf"pass(?:word|wd|phrase|code)s?|{_ALONE}pass|pwd|{_ALONE}pw|secret(?:_?word)?"
_KEY = (
    r"secret|tokens?|(?:api|access|private|encryption|signing|master|account|shared|secret|hmac|"
    r"license|licence|session|cookie|auth|webhook|service|jwt|crypto|aes)[_.-]?(?:key|secret|salt)s?|"
    rf"{_ALONE}(?:auth(?:orization)?|credentials?|salt|bearer)"
)
_BEHIND = (
    r"(?:[_.-]?(?:\d{1,3}|value|val|str|string|raw|plain|prod|production|live|dev|staging|b64|base64|"
    r"hex|env|main|primary|secondary|old|new))?"
)
_NAME = (
    r"(?<![\w.$-])(?P<before>[a-z0-9_.$\-]{0,100}?)"
    rf"(?P<name>(?P<pw>{_PHRASES})|{_KEY}){_BEHIND}"
)

_QUOTED = re.compile(
    _NAME + r"(?![a-z0-9])\\?[\"'`]?\]?\)?[ \t]*"
    r"(?:(?::|[ \t])[ \t]*[\w.<>\[\]?&' ]{1,40}(?==)|[ \t]*\{[ \t]*get;[\w; \t]{0,20}\}[ \t]*|"
    r"\.(?:to_?be|(?:to_?|is_?)?equals?(?:_?to)?|eq|to_?equal|set|put|with|default)(?=\())?"
    r"(?::=|=>|->|={1,3}|!==?|[:=,(])[ \t]*(?:\(?[\"'`]{0,2}(?<=\()|)[ \t]*"
    r"(?P<call>&?[a-z_][\w.:]{0,30}!?\([ \t]*)?"
    r"(?:[bruf@$]{1,2})?(?P<escape>\\?)(?P<quote>[\"'`])(?P<s>[^\r\n]{4,2000})",
    re.IGNORECASE,
)
"""A telling name, what assigns, and a string; where it ends is found by its quote."""

_BARE = re.compile(
    r"^[ \t]*(?:[-+*]\s+)?(?:(?:export|env|arg|setx?|declare[ \t]+-x)[ \t]+)?[\"']?"
    + _NAME
    + r"[\"']?[ \t]*[:=][ \t]*(?P<s>[^\s\"'`#;,(){}\[\]<>]{6,600})[ \t]*(?:[#;].*)?$",
    re.IGNORECASE,
)
"""A telling name and a value without quotes that ends the line, as in settings and shells."""

_OPTION = re.compile(
    r"(?:(?<![\w-])--?(?:[a-z-]{0,30}-)?"
    r"(?P<pw>password|passwd|pass|pwd|secret|token|api-?key|auth)[= ][\"']?|"
    r"(?:^|\s)-u[ ]?[\"']?[\w.@-]{1,60}:)(?P<s>[^\s\"'`$<>{}()]{6,300})",
    re.IGNORECASE,
)
"""An argument of a command line."""

_URL = re.compile(
    r"[a-z][a-z0-9+.-]{1,30}://[^\s:@/\"'`<>{}]{0,100}:(?P<s>[^\s/\"'`<>]{3,200})@(?=[\w\[.$%{-])",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?:\b(?:bearer|basic|token|apikey)[ ]+)(?P<s>[\w+/=.~-]{16,2000})", re.IGNORECASE
)
_CONNECTION = re.compile(
    r"(?:;[ ]?(?:password|pwd|passwd)[ ]?=[ ]?(?P<s>[^;\"'`\s{}()\[\]<>$]{4,200})|"
    r"(?:^|[\"'`?&\s])(?:password|pwd|passwd)=(?P<s2>[^;\"'`&\s{}()\[\]<>$]{4,200})(?=[;\"'`&]))",
    re.IGNORECASE,
)

_DUMMY = re.compile(
    r"change.?(?:me|this|it)|placeholder|example|redacted|xxxx|\*\*\*|\.\.\.|…|<[^>]*>|"
    r"\$\{|\$\(|\{\{|%\(|%[-+.*\d]*[sdvxq]\b|#\{|\{[a-z_.]*\}|process\.env|os\.environ|getenv|"
    r"(?<![a-z])(?:your|my|some|dummy|fake|mock|insert|replace|todo|fixme|test|testing|demo|sample|"
    r"foo|bar|baz|lorem|none|null|undefined|required|optional|invalid|missing|expired|unknown|"
    r"default|here|not.?set|not.?real|deadbeef|qwerty|123456\d*|abcdef\w?|abc123)(?![a-z])|"
    r"secret.?(?:here|key|token)",
    re.IGNORECASE,
)
"""What a value says that is none."""

_EXPRESSION = re.compile(r"[\])][{+*?]|\(\?|\\[dwsb]|\[[^\]]{1,40}-[^\]]{0,40}\]|^\^.*\$$")
"""What only a regular expression has."""

_ALGORITHM = re.compile(
    r"(?>(?:hs|rs|es|ps|sha|aes|hmac|md|rsa|ecdsa|ed|x|pbkdf|argon|bcrypt|scrypt|base|gcm|cbc|ctr|"
    r"with|le|be|oauth|utf|latin|iso|tls|ssl|v|poly|chacha)(?:[-_/]?\d{1,5})?(?:id?|of)?[-_/]?)++",
    re.IGNORECASE,
)
"""Names of algorithms and encodings, which have digits, too."""

_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""A word of a name in camel case."""

_NUMBER = re.compile(r"\d+")

_ASKS = re.compile(
    r"(?:get|find|select|query|env|lookup|read|prompt|input|require|param|header|field|label|locator|"
    r"translate|gettext|i18n|config|settings?|load|ask|by|pattern|compile|regexp?)\w*\W*$|^_?t?\(",
    re.IGNORECASE,
)
"""Calls whose argument names what they return."""

_PHRASE = re.compile(r"[A-Za-z]+(?:[_./:-]+[A-Za-z]+)+")
"""Words with marks between them."""

_WORDLIKE = re.compile(
    r"[A-Za-z]+(?:[ _./:\\-]+[A-Za-z]+)*[ _./:\\!?-]*\d{0,2}|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*\d{0,2}"
)
"""Names, paths and sentences: words with marks between them, and a digit or two at the end."""

_VARIABLE = re.compile(
    r"[$%@&][A-Za-z_{(].*|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]\w*(?:[.:]{1,2}\w+)+(?:\(.*)?|\.{0,2}/[\w./-]*|https?://.*|\w+\(.*"
)
"""References to what stands elsewhere."""


_LEAST_ENTROPY = 2.8
"""Bits a character that a random value has at least; ten hexadecimal digits have about three."""

_WORD = 3.5
"""Mean length of words from which a value is made of words. Of 40 letters and digits drawn by
chance, of both cases or of one, one in a thousand gets there."""


_NUMBERS = 3
"""Numbers between letters from which a value is random though its words are long, as those are
that have letters of one case."""


def secrets_named(line: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each value in `line` that the name beside it tells to be a secret."""
    yield from _in_quotes(line)
    for match in _BARE.finditer(line):
        if _is_bare_secret(match["s"], is_password=match["pw"] is not None):
            yield match.span("s")
    for pattern, judge in (
        (_URL, is_password),
        (_CONNECTION, _is_argument),
        (_HEADER, looks_random),
        (_OPTION, _is_argument),
    ):
        for match in pattern.finditer(line):
            group = match.lastgroup or "s"
            if judge(match[group]):
                yield match.span(group)


def _in_quotes(line: str) -> Iterator[tuple[int, int]]:
    for match in _QUOTED.finditer(line):
        begin, quote = match.start("s"), match["quote"]
        if match["call"] and _ASKS.search(match["call"]):
            continue
        if match["escape"]:
            end = line.find(f"\\{quote}", begin)
        elif quote != "'" and line.count(quote, 0, begin) % 2 == 0:
            # It closes a string, such as a label that ends in the telling name.
            continue
        else:
            end = _closing(line, begin, quote)
        value = line[begin:end] if end > begin else ""
        judge = is_password if match["pw"] else looks_random
        if judge(value) and not _is_name(value) and value[0] not in ").,;":
            yield begin, end


def _closing(line: str, begin: int, quote: str) -> int:
    """Return where the string ends that goes on at `begin`; a line's end ends it, too.

    One that is being typed has no closing quote yet, and its beginning is a secret already.
    """
    place = begin
    while place < len(line) and line[place] not in "\r\n":
        if line[place] == "\\":
            place += 1
        elif line[place] == quote:
            return place
        place += 1
    return min(place, len(line.rstrip("\r\n")))


def is_password(value: str) -> bool:
    """Tell whether `value` may be a password: no word, placeholder or reference."""
    return (
        4 <= len(value) <= 300
        and not _DUMMY.search(value)
        and not _VARIABLE.fullmatch(value)
        and not _EXPRESSION.search(value)
        and not _ALGORITHM.fullmatch(value)
        and (_WORDLIKE.fullmatch(value) is None or _is_phrase(value))
        and len(set(value)) > 3
        and not ("\\" in value and len(value) < 8)
        and " " not in value.strip()
    )


def _is_name(value: str) -> bool:
    """Tell whether `value` is a name in camel case, such as ``Base64UrlEncoder``."""
    is_camel = len(_HUMP.findall(value)) > 2 and _hump(value) >= _WORD
    return value.isalnum() and is_camel and _numbers(value) < 2


def _is_phrase(value: str) -> bool:
    """Tell whether `value` is random although it has only letters, or a long row of words."""
    words = re.findall(r"[A-Za-z]+", value)
    return len(words) == 1 and len(value) >= 10 and _hump(value) < _WORD


def looks_random(value: str) -> bool:
    """Tell whether `value` looks as if chance had made it: long, mixed, without words."""
    if len(value) < 10 or re.search(r"\s", value) or _DUMMY.search(value):
        return False
    if _EXPRESSION.search(value) or (
        _VARIABLE.fullmatch(value) and not re.search(r"\d\w*\d", value)
    ):
        return False
    if _PHRASE.fullmatch(value) or value.isdigit():
        return False
    if _ALGORITHM.fullmatch(value) or entropy(value) < _LEAST_ENTROPY or len(set(value)) < 8:
        return False
    return _hump(value) < _WORD or _numbers(value) >= _NUMBERS


def _numbers(value: str) -> int:
    """Return how many numbers there are between the letters of `value`."""
    return len(_NUMBER.findall(value))


def _hump(value: str) -> float:
    """Return the mean length of the words in `value`, which capitals and marks tell apart."""
    humps = _HUMP.findall(value)
    return sum(map(len, humps)) / max(1, len(humps))


def _is_bare_secret(value: str, *, is_password: bool) -> bool:
    if is_password and "." not in value:
        return _is_argument(value)
    return looks_random(value)


def _is_argument(value: str) -> bool:
    """Tell whether `value` is a password although it stands without quotes, as names do."""
    kinds = sum(any(map(kind, value)) for kind in (str.isdigit, str.islower, str.isupper))
    marks = sum(not character.isalnum() and character not in "_.-/:,;" for character in value)
    return is_password(value) and len(value) >= 6 and (kinds + bool(marks)) >= 2


def entropy(value: str) -> float:
    """Return Shannon's entropy of the characters of `value`, in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())
