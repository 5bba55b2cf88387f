"""Which files may never be opened for context, whatever the repository says about them.

Decided by names alone, so that nothing has to be opened to know. Ignored files are the index's
matter; this is about files that hold secrets. Knows nothing about repositories.
"""

import re
from itertools import pairwise
from pathlib import PurePath

_SECRET_NAMES = re.compile(
    r"\.env(\..+)?|.+\.env|\.envrc|\.netrc|_netrc|\.pgpass|\.my\.cnf|\.npmrc|\.yarnrc(\.ya?ml)?|\.pypirc|"
    r"\.htpasswd|\.dockercfg|\.dockerconfigjson|\.s3cfg|\.boto|\.terraformrc|terraform\.rc|"
    r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?|"
    r".+\.(pem|key|p8|p12|pfx|jks|jceks|bcfks|keystore|kdbx?|gpg|pgp|asc|ppk|ovpn|mobileprovision)|"
    r"\.git-credentials|credentials(\.(json|ya?ml|toml|ini|xml|csv|txt|db|tfrc\.json))?|"
    r"application_default_credentials\.json|(.+\.)?kubeconfig(\.ya?ml)?|auth\.json|"
    r"(client_)?secrets?(\..+)?|.+\.secrets?|service[-_]?account.*\.json|google-services\.json|"
    r".*\.tfstate(\..*)?|.+\.tfvars(\.json)?|vault[-_]pass.*|\.vault[-_](token|pass).*|"
    r"local\.settings\.json|\.(bash|zsh|psql|mysql|python|node_repl|sqlite)_history",
    re.IGNORECASE,
)

_SECRET_FOLDERS = frozenset(
    {
        ".ssh", ".aws", ".gnupg", ".azure", ".kube", ".gcloud", ".docker", ".password-store",
        ".config/gcloud", ".config/gh", ".config/op", ".chef", ".oci",
    }
)  # fmt: skip

_EXAMPLES = re.compile(r".*\.?(example|sample|template|dist)", re.IGNORECASE)
"""Endings of files that show what a secret file looks like, without the secrets."""

_CODE = frozenset(
    {
        ".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".kt",
        ".kts", ".scala", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".fs", ".rb", ".php", ".swift",
        ".m", ".lua", ".dart", ".ex", ".exs", ".erl", ".clj", ".hs", ".ml", ".vue",
        ".svelte", ".md",
    }
)  # fmt: skip
"""Endings of program text and of documents: ``secrets.py`` is a module, not a store."""


def may_read(path: PurePath) -> bool:
    """Say whether a file may be opened, read and used as context."""
    folders = [part.lower() for part in path.parts[:-1]]
    pairs = [f"{outer}/{inner}" for outer, inner in pairwise(folders)]
    if not _SECRET_FOLDERS.isdisjoint((*folders, *pairs)):
        return False
    name = path.name
    is_code = path.suffix.lower() in _CODE and not name.lower().startswith(".env")
    if _EXAMPLES.fullmatch(name) or is_code:
        return True
    return _SECRET_NAMES.fullmatch(name) is None
