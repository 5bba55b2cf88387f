"""Which files may never be opened for context, whatever the repository says about them.

Decided by names alone, so that nothing has to be opened to know. Ignored files are the index's
matter; this is about files that hold secrets. Knows nothing about repositories.
"""

import re
from pathlib import PurePath

_SECRET_NAMES = re.compile(
    r"\.env(\..+)?|.+\.env|\.envrc|\.netrc|_netrc|\.pgpass|\.npmrc|\.pypirc|\.htpasswd|\.dockercfg|"
    r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.+\.(pem|key|p12|pfx|jks|keystore|kdbx|gpg|asc|ppk|ovpn)|"
    r"\.git-credentials|credentials(\.(json|ya?ml|toml|ini|xml|csv|txt|db))?|"
    r"(client_)?secrets?(\..+)?|.+\.secrets?|service[-_]account.*\.json|"
    r".*\.tfstate(\.backup)?|.+\.tfvars|vault[-_]pass.*|\.vault[-_]token|\.bash_history|\.zsh_history",
    re.IGNORECASE,
)

_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".azure", ".kube", ".gcloud", ".docker"})

_EXAMPLES = re.compile(r".*\.?(example|sample|template|dist)", re.IGNORECASE)
"""Endings of files that show what a secret file looks like, without the secrets."""

_CODE = frozenset({".py", ".js", ".ts", ".tsx", ".go", ".rs", ".java", ".c", ".h", ".cpp", ".rb"})
"""Endings of program text: ``secrets.py`` is a module, not a store."""


def may_read(path: PurePath) -> bool:
    """Say whether a file may be opened, read and used as context."""
    if any(part.lower() in _SECRET_FOLDERS for part in path.parts[:-1]):
        return False
    name = path.name
    if _EXAMPLES.fullmatch(name) or path.suffix.lower() in _CODE:
        return True
    return _SECRET_NAMES.fullmatch(name) is None
