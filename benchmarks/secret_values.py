# ruff: noqa: E501  # A kind a row is read at a glance, and as several lines is not.
"""Made-up secrets and things that look like some, for `benchmarks.secrets`.

Every value is put together at run time from a seeded generator: none was ever valid, none stands
in this repository, and no scanner finds one in it. The forms are written down here a second time,
from what issuers document, and not taken from the table of the detector that is measured.
"""

import base64
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"

Random = random.Random


def of(characters: str, length: int) -> Callable[[Random], str]:
    """Return what makes `length` of `characters`."""
    return lambda chance: "".join(chance.choices(characters, k=length))


def some(chance: Random, characters: str, length: int) -> str:
    """Return `length` of `characters`."""
    return "".join(chance.choices(characters, k=length))


@dataclass(frozen=True, slots=True)
class Secret:
    """How secrets of one kind are made and where they stand."""

    name: str
    value: Callable[[Random], str]
    """Makes the secret part."""
    around: tuple[str, ...] = ("{}",)
    """What it stands in, ``{}`` for the value; one is drawn."""
    names: tuple[str, ...] = ()
    """What holds it in code; empty for names that say nothing."""
    known: bool = True
    """Whether an issuer's form tells it."""
    is_block: bool = False
    """Whether it has several lines."""


def _words(chance: Random) -> str:
    words = ("Harbor", "winter", "Mango", "copper", "Falcon", "river", "Basalt", "pixel", "Ember")
    marks = "!@#%&*?-+"
    return f"{chance.choice(words)}{chance.choice(marks)}{chance.randrange(10, 9999)}{chance.choice(marks)}"


def _weak(chance: Random) -> str:
    return f"{chance.choice(('Summer', 'Autumn', 'dragon', 'letmein', 'Berlin', 'monkey'))}{chance.randrange(10, 2030)}{chance.choice('!#$')}"


def _jwt(chance: Random) -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    claims = f'{{"sub":"{chance.randrange(10**9)}","iat":{chance.randrange(10**9, 2 * 10**9)}}}'
    return ".".join([part('{"alg":"HS256","typ":"JWT"}'), part(claims), some(chance, URLSAFE, 43)])


def _base64_block(chance: Random, lines: int, width: int = 64) -> list[str]:
    raw = base64.b64encode(chance.randbytes(lines * 60)).decode()
    return [raw[at : at + width] for at in range(0, min(len(raw), lines * width - 20), width)]


def _armored(kind: str, lines: int, width: int = 64) -> Callable[[Random], str]:
    def make(chance: Random) -> str:
        dashes = "-" * 5
        body = _base64_block(chance, lines, width)
        return "\n".join([f"{dashes}BEGIN {kind}{dashes}", *body, f"{dashes}END {kind}{dashes}"])

    return make


def _one_line_key(chance: Random) -> str:
    return _armored("PRIVATE " + "KEY", 6)(chance).replace("\n", "\\n") + "\\n"


def _joined(*parts: str | Callable[[Random], str]) -> Callable[[Random], str]:
    return lambda chance: "".join(part if isinstance(part, str) else part(chance) for part in parts)


_PASS = ("password", "db_password", "DB_PASSWD", "adminPassword", "smtp_pwd", "passphrase")
_KEYS = (
    "api_key",
    "API_KEY",
    "apiKey",
    "serviceToken",
    "access_token",
    "SECRET_KEY",
    "clientSecret",
)

SECRETS: tuple[Secret, ...] = (
    Secret("aws-access-key", _joined("AK", "IA", of(string.ascii_uppercase + "234567", 16))),
    Secret("aws-secret", of(ALNUM + "+/", 40), names=("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "awsSecretKey")),
    Secret("github", _joined("gh", "p_", of(ALNUM, 36))),
    Secret("github-app", _joined("gh", "s_", of(ALNUM, 36))),
    Secret("github-fine", _joined("github", "_pat_", of(ALNUM, 22), "_", of(ALNUM, 59))),
    Secret("gitlab", _joined("gl", "pat-", of(URLSAFE, 20))),
    Secret("slack-bot", _joined("xo", "xb-", of(string.digits, 12), "-", of(string.digits, 12), "-", of(ALNUM, 24))),
    Secret("slack-hook", _joined(of("TB", 1), of(ALNUM.upper(), 10), "/B", of(ALNUM.upper(), 10), "/", of(ALNUM, 24)), around=("https://hooks." + "slack.com/services/{}",)),
    Secret("stripe", _joined("sk_", "live_", of(ALNUM, 24))),
    Secret("google-api", _joined("AI", "za", of(URLSAFE, 35))),
    Secret("google-oauth", _joined("GOC", "SPX-", of(URLSAFE, 28))),
    Secret("gcp-key", _one_line_key, around=('{{"type": "service_account", "private_key": "{}"}}',)),
    Secret("azure-storage", _joined(of(ALNUM + "+/", 86), "=="), around=("DefaultEndpointsProtocol=https;AccountName=shop;Account" + "Key={};EndpointSuffix=core.windows.net",)),
    Secret("azure-sas", _joined(of(ALNUM, 43), "%3D"), around=("https://shop.blob.core.windows.net/c?sv=2024-11-04&se=2027-01-01&sp=r&sig={}",)),
    Secret("npm", _joined("np", "m_", of(ALNUM, 36))),
    Secret("pypi", _joined("py", "pi-AgEIcHlwaS5vcmc", of(URLSAFE, 150))),
    Secret("huggingface", _joined("h", "f_", of(string.ascii_letters, 34))),
    Secret("openai", _joined("sk", "-proj-", of(URLSAFE, 74), "T3BlbkFJ", of(URLSAFE, 74))),
    Secret("anthropic", _joined("sk", "-ant-api03-", of(URLSAFE, 93), "AA")),
    Secret("sendgrid", _joined("S", "G.", of(URLSAFE, 22), ".", of(URLSAFE, 43))),
    Secret("twilio", _joined("S", "K", of(HEX, 32))),
    Secret("mailgun", _joined("ke", "y-", of(HEX, 32))),
    Secret("digitalocean", _joined("dop", "_v1_", of(HEX, 64))),
    Secret("telegram", _joined(of("123456789", 1), of(string.digits, 8), ":AA", of(URLSAFE, 33))),
    Secret("discord", _joined("M", of(ALNUM, 23), ".", of(URLSAFE, 6), ".", of(URLSAFE, 38))),
    Secret("jwt", _jwt),
    Secret("shopify", _joined("shp", "at_", of(HEX, 32))),
    Secret("vault", _joined("hv", "s.", of(ALNUM, 90))),
    Secret("docker", _joined("dckr", "_pat_", of(URLSAFE, 27))),
    Secret("databricks", _joined("da", "pi", of(HEX, 32))),
    Secret("grafana", _joined("gl", "sa_", of(ALNUM, 32), "_", of(HEX, 8))),
    Secret("bcrypt", _joined("$2", "b$12$", of("./" + ALNUM, 53))),
    Secret("rsa-key", _armored("RSA PRIVATE " + "KEY", 12), is_block=True),
    Secret("openssh-key", _armored("OPENSSH PRIVATE " + "KEY", 7, 70), is_block=True),
    Secret("pgp-key", _armored("PGP PRIVATE " + "KEY BLOCK", 14), is_block=True),
    Secret("database-url", _joined(of(ALNUM, 16)), around=("postgres://app:{}@db.internal:5432/shop", "mysql://root:{}@10.0.0.7/shop", "redis://:{}@cache:6379/0", "mongodb+srv://u:{}@c0.abcde.mongodb.net"), known=False),
    Secret("basic-auth-url", _words, around=("https://deploy:{}@git.example.com/shop.git",), known=False),
    Secret("bearer", of(ALNUM, 40), around=("Authorization: Bearer {}", "Bearer {}"), known=False),
    Secret("netrc", of(ALNUM, 14), around=("machine git.example.com login ci password {}",), known=False),
    Secret("connection-string", _words, around=("Server=db;Database=shop;User Id=sa;Password={};Encrypt=true",), known=False),
    Secret("password", _words, names=_PASS, known=False),
    Secret("weak-password", _weak, names=_PASS, known=False),
    Secret("api-key-hex", of(HEX, 32), names=_KEYS, known=False),
    Secret("api-key-base64", lambda chance: base64.b64encode(chance.randbytes(32)).decode(), names=_KEYS, known=False),
    Secret("api-key-uuid", lambda chance: str(uuid.UUID(int=chance.getrandbits(128), version=4)), names=_KEYS, known=False),
    Secret("api-key-short", of(ALNUM, 20), names=_KEYS, known=False),
    Secret("command-line", of(ALNUM, 14), around=("curl -u admin:{} https://ci.example.com", "mysqldump --password={} shop", "login --token {} --quiet"), known=False),
)  # fmt: skip
"""All kinds of secrets."""


def _slug(chance: Random) -> str:
    words = ("loading", "spinner", "button", "wrapper", "header", "panel", "content", "item", "row")
    return "-".join(chance.choices(words, k=4))


_WORDS = (
    "loading",
    "expired",
    "invalid",
    "refresh",
    "required",
    "session",
    "reset",
    "confirm",
    "login",
)

Innocent = tuple[str, Callable[[Random], str], tuple[str, ...]]
"""A name of the kind, what makes the text, and names that may hold it (empty for any)."""

_HELD = ("checksum", "etag", "commit", "digest", "build_id", "cacheKey", "object_id", "fingerprint")

INNOCENTS: tuple[Innocent, ...] = (
    ("git-sha", of(HEX, 40), _HELD),
    ("sha256", of(HEX, 64), _HELD),
    ("md5", of(HEX, 32), _HELD),
    ("uuid", lambda chance: str(uuid.UUID(int=chance.getrandbits(128), version=4)), ("id", "request_id", "tenant", "correlationId")),
    ("integrity", lambda chance: "sha512-" + base64.b64encode(chance.randbytes(64)).decode(), ("integrity", "hash")),
    ("image", lambda chance: "data:image/png;base64," + base64.b64encode(chance.randbytes(120)).decode(), ("icon", "logo", "pixel")),
    ("test-vector", of(HEX, 48), ("plaintext", "nonce", "iv", "expected", "vector")),
    ("minified", lambda chance: "!function(t,n){t.exports=" + some(chance, string.ascii_lowercase, 2) + "(" + some(chance, ALNUM, 12) + ")}", ("bundle", "source")),
    ("slug", lambda chance: "sk-" + _slug(chance), ("className", "css", "slot")),
    ("asset", lambda chance: f"/static/main.{some(chance, HEX, 8)}.chunk.js", ("script", "asset", "url")),
    ("public-key", lambda chance: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA" + some(chance, ALNUM, 43) + " a@b", ("public_key", "authorized", "host_key")),
    ("changeme", lambda chance: chance.choice(("changeme", "change-me", "CHANGE_ME_NOW", "changeit", "todo-change-this-1")), _PASS),
    ("your-key", lambda chance: chance.choice(("your-api-key-here", "<YOUR_TOKEN>", "xxxxxxxxxxxxxxxx", "YOUR_SECRET_KEY_123", "insert-key-here", "my-secret-token", "${API_TOKEN}", "{{ api_key }}", "dummy-token-123456", "example-key-0001")), _KEYS),
    ("label", lambda chance: f"{chance.choice(('Enter', 'Confirm', 'Repeat', 'Forgot'))} your password{chance.choice(('', ' again', ':', '?'))}", ("password", "passwordLabel", "pwd")),
    ("message-key", lambda chance: f"auth.{chance.choice(_WORDS)}.{chance.choice(_WORDS)}", ("token", "password", "secret", "credentials")),
    ("error-name", lambda chance: f"{chance.choice(_WORDS)}_{chance.choice(('token', 'password', 'api_key'))}", ("INVALID_TOKEN", "token", "PASSWORD", "apiKey")),
    ("field-name", lambda chance: chance.choice(("user[password]", "#password", "password-input", "X-Api-Key", "access_token", "refreshToken", "csrfmiddlewaretoken", "X-CSRF-Token")), ("password_field", "token", "api_key", "authToken")),
    ("secret-name", lambda chance: f"{chance.choice(('prod', 'staging', 'team-a'))}/{chance.choice(('db', 'mail', 'billing'))}/{chance.choice(('password', 'token', 'api-key'))}", ("secret", "secret_name", "password", "api_key")),
    ("path", lambda chance: f"/var/run/secrets/{chance.choice(_WORDS)}/{chance.choice(('token', 'key'))}", ("token", "secret", "credentials", "private_key")),
    ("pattern", lambda chance: chance.choice((r"^[A-Za-z0-9_-]{20,}$", r"gh[pousr]_[A-Za-z0-9]{36}", r"^(?=.*[A-Z])(?=.*[0-9]).{8,}$", r"AKIA[0-9A-Z]{16}", r"sk_live_[0-9a-zA-Z]{24}")), ("password", "token", "secret", "pattern")),
    ("url", lambda chance: f"https://auth.example.com:8443/oauth2/v{chance.randrange(1, 4)}/token?tenant={some(chance, HEX, 6)}", ("token_url", "authorization", "token", "secret")),
    ("server-url", lambda chance: f"postgres://{chance.choice(('app', 'web'))}@db{chance.randrange(9)}.internal:5432/shop", ("dsn", "database_url")),
    ("algorithm", lambda chance: chance.choice(("HS256", "RS256", "aes-256-gcm", "PBKDF2WithHmacSHA256", "argon2id", "bcrypt", "sha256-hmac")), ("token", "secret", "password", "signing_key", "credentials")),
    ("class-name", lambda chance: chance.choice(("BearerTokenAuthentication", "TokenStoreFactory2", "JwtTokenProviderImpl", "SecretManagerV2Client", "Base64UrlTokenEncoder")), ("token", "auth", "secret", "credentials")),
    ("number", lambda chance: str(chance.randrange(10**11, 10**15)), ("timestamp", "account", "order", "serial")),
    ("version", lambda chance: f"{chance.randrange(9)}.{chance.randrange(30)}.{chance.randrange(9)}-rc.{chance.randrange(9)}+build.{some(chance, HEX, 7)}", ("version", "release")),
)  # fmt: skip
"""All kinds of innocent texts that stand in a string."""

EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "python": ('os.environ["{}"]', 'os.getenv("{}", "")', 'config.get("auth", "{}")', "generate_token(user, 3600)", 'getpass.getpass("{}: ")'),
    "typescript": ("process.env.{}", 'config.get<string>("{}")', "await this.tokens.refresh(user2)", "crypto.randomBytes(32).toString('hex')"),
    "go": ('os.Getenv("{}")', 'viper.GetString("{}")', "newToken(ctx, user.ID)", "req.Header.Get(\"Authorization\")"),
    "java": ('System.getenv("{}")', 'props.getProperty("{}")', "tokenService.createToken(user1)", "request.getParameter(\"password\")"),
    "csharp": ('Environment.GetEnvironmentVariable("{}")', 'configuration["{}"]', "await tokens.CreateAsync(user1)", "Request.Form[\"password\"]"),
}  # fmt: skip
"""Expressions that a telling name is given, in five languages."""
