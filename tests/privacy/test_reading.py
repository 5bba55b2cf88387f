from pathlib import PurePath

import pytest

from lsp_server.privacy.reading import may_read


@pytest.mark.parametrize(
    "path",
    [
        ".env", "app/.env.production", "prod.env", ".envrc", "home/.netrc", ".npmrc", ".pypirc",
        "keys/id_rsa", "id_ed25519_sk", "tls/server.key", "tls/server.PEM", "store.p12", "a.kdbx",
        ".git-credentials", "credentials", "gcp/credentials.json", "secrets.yaml", "secret.toml",
        "client_secret.json", "service-account-prod.json", "infra/terraform.tfstate",
        "infra/prod.tfvars", ".aws/config", "home/u/.ssh/config", ".kube/config",
        ".env.js", "deploy/kubeconfig", "prod.kubeconfig.yaml", "terraform.tfstate.1699.backup",
        "prod.auto.tfvars.json", "AuthKey_1.p8", ".docker/config.json", "home/.config/gh/hosts.yml",
        "application_default_credentials.json", "infra/.terraformrc", "keys/app.jceks",
        "home/.password-store/mail.gpg", "local.settings.json", ".psql_history",
        "composer/auth.json",
    ],
)  # fmt: skip
def test_what_looks_secret_is_never_read(path: str) -> None:
    assert not may_read(PurePath(path))


@pytest.mark.parametrize(
    "path",
    [
        "src/main.py", "src/secrets.py", "lib/credentials.go", "environment.yml", "keyboard.ts",
        ".env.example", "config/.env.sample", "monkey.md", "key.py", "src/envs/a.rs",
        "docs/secrets-management.md", "passenger.rb", "package.json",
        "app/Secrets.kt", "credentials.cs", "secret.tsx", "src/auth.ts", ".env.template",
        "config/settings.json",
        "docs/credentials.md", "keyring.c", "gh/hosts.yml",
    ],
)  # fmt: skip
def test_what_only_sounds_like_it_is_read(path: str) -> None:
    assert may_read(PurePath(path))
