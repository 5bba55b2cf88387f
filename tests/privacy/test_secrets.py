"""What is found in lines, what stands for it, and that the rest stays.

Nothing in this file looks like a secret: values are made at run time.
"""

import random
import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.secret_files import LANGUAGES, secrets
from benchmarks.secret_values import ALNUM, HEX, SECRETS
from lsp_server.context.index.store import FORMAT
from lsp_server.privacy.placeholders import has_placeholder, is_placeholder, placeholder
from lsp_server.privacy.secret_patterns import KINDS
from lsp_server.privacy.secrets import RULES, find, redact, replaced, reveals
from lsp_server.privacy.seen_secrets import SeenSecrets

DASHES = "-" * 5
BEGIN = f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}"
END = f"{DASHES}END RSA PRIVATE KEY{DASHES}"


def made(length: int, characters: str = ALNUM, seed: int = 5) -> str:
    return "".join(random.Random(seed).choices(characters, k=length))


PASSWORD = "tr0ub4" + "dor&3"
RANDOM = made(32)


@pytest.mark.parametrize("kind", SECRETS, ids=lambda kind: kind.name)
def test_every_kind_is_replaced_in_its_place(kind: object) -> None:
    name = kind.name  # type: ignore[attr-defined]
    for one in (one for one in secrets(3, 5) if one.kind == name):
        lines = one.request.document.lines
        shown = redact(lines)
        assert [len(line) for line in shown] == [len(line) for line in lines]
        assert redact(shown) == shown
        marks = [[c for c in line if c in "\"'`\r\n\t"] for line in lines]
        assert [[c for c in line if c in "\"'`\r\n\t"] for line in shown] == marks
        changed = [number for number, line in enumerate(lines) if shown[number] != line]
        assert changed == list(range(changed[0], changed[-1] + 1))


def test_the_corpus_speaks_five_languages() -> None:
    assert {one.request.document.language for one in secrets(3, 5)} == set(LANGUAGES)


OTHERS = {
    "google-oauth": "GOC" + "SPX-" + made(28),
    "azure-client-secret": "ab18Q" + "~" + made(34),
    "npm-auth": "//registry/:_auth" + "Token=" + made(36),
    "mailchimp-key": made(32, HEX) + "-us" + "12",
    "square-token": "sq0" + "atp-" + made(22),
    "linear-key": "lin" + "_api_" + made(40),
    "notion-token": "nt" + "n_" + made(46),
    "newrelic-key": "NR" + "AK-" + made(27),
    "doppler-token": "dp" + ".pt." + made(43),
    "planetscale": "pscale" + "_tkn_" + made(43),
    "postman-key": "PM" + "AK-" + made(24, HEX) + "-" + made(34, HEX),
    "rubygems-key": "ruby" + "gems_" + made(48, HEX),
    "atlassian-token": "ATA" + "TT3" + made(180),
    "facebook-token": "EA" + "A" + made(120),
    "age-key": "AGE-SECRET" + "-KEY-1" + made(58, string.ascii_uppercase + "0123"),
    "fly-token": "fm" + "2_" + made(120),
    "model-service-key": "gs" + "k_" + made(52),
    "sentry-token": "sntr" + "ys_" + made(80),
    "tailscale-key": "ts" + "key-auth-" + made(30),
    "supabase-key": "sb" + "p_" + made(40, HEX),
    "pulumi-token": "pu" + "l-" + made(40, HEX),
    "airtable-token": "pa" + "t" + made(14) + "." + made(64, HEX),
    "password-hash-named": "pbkdf2_sha256$600000" + "$" + made(22) + "$" + made(44),
    "openai-key-old": "s" + "k-" + made(48),
    "discord-webhook": "https://d.example/api" + "/webhooks/123456789012345678/" + made(68),
    "pgp-line": f"{DASHES}BEGIN PGP PRIVATE " + f"KEY BLOCK{DASHES}" + made(64),
    "pem-line": f"{DASHES}BEGIN PRIVATE " + f"KEY{DASHES}" + made(64),
}
"""Kinds of which the measured corpus has none."""


def test_every_row_of_the_table_finds_something() -> None:
    lines = [line for one in secrets(3, 5) for line in one.request.document.lines]
    met = {found.kind for line in lines for found in find(line)}
    for kind, value in OTHERS.items():
        found = find(f"x = f({value}) + 1")
        assert [one.kind for one in found] == [kind], value
        assert redact(redact([value])) == redact([value])
    assert {kind.name for kind in KINDS} <= met | OTHERS.keys()


@pytest.mark.parametrize(
    "line",
    [
        f'password = "{PASSWORD}"',
        f"password: '{PASSWORD}'",
        f'"password": "{PASSWORD}",',
        f'self.db_password = "{PASSWORD}"',
        f'const PASSWORD: string = "{PASSWORD}";',
        f'setPassword("{PASSWORD}");',
        f'public string Password {{ get; set; }} = "{PASSWORD}";',
        f'expect(user.password).toBe("{PASSWORD}");',
        f'{{\\"password\\": \\"{PASSWORD}\\"}}',
        f'password = "{PASSWORD}',
        f"DB_PASSWORD={PASSWORD}",
        f"postgres://app:{PASSWORD}@db/shop",
        f"Server=db;Password={PASSWORD};",
        f"curl -u me:{PASSWORD} https://a.b",
        f"machine a.b login me password {PASSWORD}",
        f'api_key = "{RANDOM}"',
        f'headers["X-Api-Key"] = "{RANDOM}"',
        f"Authorization: Bearer {RANDOM}",
        f"export SERVICE_TOKEN={RANDOM}",
        f'token: str = f"{RANDOM}"',
        f'client_secret = bytes.fromhex("{made(48, HEX)}")',
    ],
)
def test_a_name_beside_it_tells(line: str) -> None:
    (shown,) = redact([line])
    assert PASSWORD not in shown
    assert RANDOM not in shown
    assert shown != line
    secret = next(one for one in (PASSWORD, RANDOM, made(48, HEX)) if one in line)
    assert shown == line.replace(secret, placeholder(secret))


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["DB_PASSWORD_2024"]',
        'password = getpass("Password: ")',
        'print("password: " + masked(value1))',
        'token = "access_token"',
        'Token("IDENTIFIER", "x1")',
        "const token = nextToken2();",
        "password: string;",
        'password = "changeme123"',
        'api_key = "YOUR_API_KEY_0001"',
        'secret: "${DB_SECRET_2}"',
        'password = "^(?=.*[0-9]).{8,}$"',
        f'commit = "{made(40, HEX)}"',
        f'sha256 = "{made(64, HEX)}"',
        'url = "http://localhost:8080/a@b"',
        'signing_key = "aes-256-gcm"',
        'secret = "SecretManagerV2Client"',
        "if password == confirm_password1:",
        "# the token is read from /run/secrets/token1 by default",
        f'if "{BEGIN}" in text:',
    ],
)
def test_what_only_looks_like_it_stays(line: str) -> None:
    assert redact([line]) == (line,)


@pytest.mark.parametrize(
    "wrap",
    ["{}", "    {}", "# {}", "// {}", '    "{}\\n"', '  "{}\\n" +', "    '{}',"],
    ids=["plain", "indented", "hash", "slashes", "string", "joined", "list"],
)
def test_a_private_key_is_replaced_line_by_line(wrap: str) -> None:
    body = [made(64, ALNUM + "+/", seed) for seed in range(5)] + [made(10) + "=="]
    lines = ["x = 1", *(wrap.format(row) for row in (BEGIN, *body, END)), "averylongidentifier"]
    shown = redact(lines)
    assert shown[:2] == tuple(lines[:2])
    assert shown[-2:] == tuple(lines[-2:])
    assert not [row for row in body if row[:8] in "\n".join(shown)]


def test_code_that_names_a_key_is_left_alone() -> None:
    lines = [f'    if "{BEGIN}" in text:', "        averylongidentifier()", "        return True"]
    assert redact(lines) == tuple(lines)
    assert redact([BEGIN, "averylongidentifierof(thisfunction)", "b"])[1:] == (
        "averylongidentifierof(thisfunction)",
        "b",
    )


def test_a_header_and_an_empty_line_belong_to_a_key() -> None:
    row = made(64)
    shown = redact([BEGIN, "Proc-Type: 4,ENCRYPTED", "", row, END])
    assert shown == (BEGIN, "Proc-Type: 4,ENCRYPTED", "", placeholder(row), END)


def test_typing_a_secret_only_appends() -> None:
    lines = [f'api_key = "{RANDOM[:length]}' for length in range(16, 33)]
    shown = [redact([line])[0] for line in lines]
    assert all(after.startswith(before) for before, after in pairwise(shown))


def test_what_stands_behind_the_part_of_a_line_that_is_looked_at_is_replaced() -> None:
    line = "x" * 100_000 + f"password = {PASSWORD}\n"
    (shown,) = redact([line])
    assert PASSWORD not in shown
    assert len(shown) == len(line)
    assert redact([shown]) == (shown,)


@given(st.text(min_size=1, max_size=300))
@settings(deadline=None, derandomize=True, database=None)
def test_a_placeholder_tells_length_and_kind_only(value: str) -> None:
    shown = placeholder(value)
    assert len(shown) == len(value)
    assert shown.isalnum()
    assert shown.isascii()
    assert is_placeholder(shown)


def test_two_values_of_one_shape_look_alike() -> None:
    assert placeholder(made(20, seed=1)) == placeholder(made(20, seed=2))
    assert placeholder(made(20, HEX)).strip(HEX) == ""
    assert placeholder(made(20, string.digits)).isdigit()
    assert placeholder(made(2500))[:1009] == placeholder(made(1009))


def test_a_placeholder_in_an_answer_is_recognised_by_its_beginning() -> None:
    shown = placeholder(RANDOM)
    assert has_placeholder(f'get("{shown[:9]}')
    assert not has_placeholder(f'get("{shown[:4]}')


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("password = ", f'"{PASSWORD}"'),
        ('password = "', PASSWORD),
        (f'password = "{PASSWORD[:6]}', PASSWORD[6:]),
        ("x = ", f'1\napi_key = "{RANDOM}"'),
        ("key = ", f'"""{BEGIN}'),
        ("x = ", placeholder(RANDOM)),
    ],
)
def test_an_answer_with_a_secret_is_recognised(typed: str, text: str) -> None:
    assert reveals(typed, text)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("password = ", 'os.environ["PASSWORD"]'),
        (f'connect(password="{PASSWORD}", ', "timeout=3)"),
        ("def login(", "user: str, password: str) -> Token:\n    return Token(user)"),
    ],
)
def test_an_answer_beside_a_secret_is_none(typed: str, text: str) -> None:
    assert not reveals(typed, text)


def test_seen_values_are_known_again() -> None:
    seen = SeenSecrets()
    assert not seen.is_in(RANDOM)
    seen.note(RANDOM)
    seen.note("short")
    assert len(seen) == 1
    assert seen.is_in(f"a{RANDOM}b")
    assert not seen.is_in(RANDOM[:-1])
    assert not seen.is_in("short")


def test_seen_values_are_nowhere_kept() -> None:
    seen = SeenSecrets()
    seen.note(RANDOM)
    assert RANDOM[:8] not in repr(vars(seen))


def test_the_index_is_made_anew_when_the_rules_change() -> None:
    assert (FORMAT, RULES) == (2, 1), "raise FORMAT with RULES, so that no old text stays on disk"


def test_replacing_keeps_what_stands_around() -> None:
    line = f'a("{PASSWORD}")\r\n'
    assert replaced(line, ()) == line
