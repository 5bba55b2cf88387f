r"""What the secrets of known issuers look like: one row a kind.

Each row has a text that every such secret has nearby, in lower case, by which nearly all lines are
told apart without a regular expression, and an expression whose group ``s`` is what has to be
replaced. What names the issuer stays: it tells the model what stands there and gives nothing away.
The forms are those that the issuers document. Repetitions are bounded or of one class, so that no
line takes more than linear time. Pure.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret."""

    name: str
    hints: tuple[str, ...]
    """Texts of which a line in lower case has one, if it has such a secret."""
    pattern: re.Pattern[str]
    """Group ``s`` is the secret value."""
    is_known: bool = True
    """Whether an issuer's form tells it, and not only what stands around it."""
    is_random: bool = False
    """Whether the value has to look random as well, since the form alone is met in names."""
    lead: str = ""
    """Expression over the line in lower case that says more than the hints, where they are met
    everywhere; empty where they do."""


def _kind(
    name: str,
    hints: str,
    pattern: str,
    *,
    lead: str = "",
    is_known: bool = True,
    is_random: bool = False,
) -> Kind:
    return Kind(name, tuple(hints.split()), re.compile(pattern), is_known, is_random, lead)


_NOT_BEHIND_WORD = r"(?<![A-Za-z0-9_])"
_B = _NOT_BEHIND_WORD

KINDS: tuple[Kind, ...] = (
    _kind("aws-access-key", "akia asia abia acca", rf"{_B}A(?:KIA|SIA|BIA|CCA)(?P<s>[A-Z0-9]{{16}})(?![A-Za-z0-9])"),
    _kind("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"{_B}gh[pousr]_(?P<s>[A-Za-z0-9]{{30,255}})"),
    _kind("github-fine-grained", "github_pat_", r"github_pat_(?P<s>\w{40,255})"),
    _kind("gitlab-token", "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent- glimt- gloas-", rf"{_B}gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas)-(?P<s>[\w-]{{18,300}})"),
    _kind("slack-token", "xox xapp-", rf"{_B}(?:xox[a-z](?:\.xox[bp])?|xapp)-(?P<s>[\w-]{{10,300}})"),
    _kind("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[\w/]{20,200})"),
    _kind("discord-webhook", "/api/webhooks/", r"/api/webhooks/\d{15,22}/(?P<s>[\w-]{40,100})"),
    _kind("discord-bot", ".", rf"{_B}[MNO](?P<s>[A-Za-z\d]{{23,27}}\.[\w-]{{6}}\.[\w-]{{27,40}})(?![\w-])", is_random=True, lead=r"[mno][a-z\d]{23,27}\.[\w-]{6}\."),
    _kind("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_", rf"{_B}(?:[sr]k_(?:live|test)|whsec)_(?P<s>[A-Za-z0-9]{{16,250}})"),
    _kind("google-api-key", "aiza", rf"{_B}AIza(?P<s>[\w-]{{35}})"),
    _kind("google-oauth", "gocspx- ya29.", rf"{_B}(?:GOCSPX-|ya29\.)(?P<s>[\w-]{{24,300}})"),
    _kind("azure-account-key", "accountkey= sharedaccesskey=", r"(?i:AccountKey|SharedAccessKey)=(?P<s>[A-Za-z0-9+/]{40,120}={0,2})"),
    _kind("azure-sas", "sig=", r"(?:[?&;]|&amp;)sig=(?P<s>[A-Za-z0-9%+/]{40,120}={0,2})"),
    _kind("azure-client-secret", "q~", r"(?<![\w~.-])(?P<s>[\w~.-]{3}\dQ~[\w~.-]{31,34})(?![\w~.-])"),
    _kind("npm-token", "npm_", rf"{_B}npm_(?P<s>[A-Za-z0-9]{{36}})(?!\w)"),
    _kind("npm-auth", "_authtoken _auth= _password=", r"_(?:authToken|auth|password)\s*=\s*\"?(?P<s>[\w+/=.-]{16,300})"),
    _kind("pypi-token", "pypi-", r"pypi-(?P<s>AgE[\w-]{40,400})"),
    _kind("huggingface-token", "hf_ api_org_", rf"{_B}(?:hf|api_org)_(?P<s>[A-Za-z0-9]{{30,40}})(?!\w)"),
    _kind("anthropic-key", "sk-ant-", r"sk-ant-(?P<s>[\w-]{20,200})"),
    _kind("openai-key", "sk-", rf"{_B}(?<!-)sk-(?:proj-|svcacct-|admin-|None-|or-v1-|lf-)?(?P<s>[\w-]{{20,250}})", is_random=True),
    _kind("sendgrid-key", "sg.", rf"{_B}SG\.(?P<s>[\w-]{{20,24}}\.[\w-]{{39,50}})"),
    _kind("twilio-key", "sk", rf"{_B}SK(?P<s>[0-9a-f]{{32}})(?!\w)", lead="sk[0-9a-f]{32}"),
    _kind("mailgun-key", "key-", rf"{_B}key-(?P<s>[0-9a-f]{{32}})(?!\w)"),
    _kind("mailchimp-key", "-us", rf"{_B}(?P<s>[0-9a-f]{{32}})-us\d{{1,2}}(?!\w)", lead=r"-us\d"),
    _kind("digitalocean-token", "_v1_", rf"{_B}do[oprt]_v1_(?P<s>[a-f0-9]{{64}})"),
    _kind("telegram-bot", ":aa", rf"{_B}\d{{8,10}}:(?P<s>AA[\w-]{{32,35}})(?![\w-])"),
    _kind("jwt", "eyj", rf"{_B}eyJ(?P<s>[\w-]{{8,2000}}\.[\w-]{{8,6000}}(?:\.[\w-]{{0,2000}}){{1,3}})"),
    _kind("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_(?P<s>[a-fA-F0-9]{32})"),
    _kind("square-token", "sq0", r"sq0(?:atp|csp|idp)-(?P<s>[\w-]{22,43})"),
    _kind("databricks-token", "dapi", rf"{_B}dapi(?P<s>[a-f0-9]{{32}})(?!\w)"),
    _kind("linear-key", "lin_api_ lin_oauth_", r"lin_(?:api|oauth)_(?P<s>[A-Za-z0-9]{32,64})"),
    _kind("notion-token", "ntn_ secret_", rf"{_B}(?:ntn_(?P<s>[A-Za-z0-9]{{40,50}})|secret_(?P<s2>[A-Za-z0-9]{{43}}))(?!\w)"),
    _kind("newrelic-key", "nrak- nrii- nral", r"NR(?:AK-|II-)(?P<s>[\w-]{24,40})"),
    _kind("grafana-token", "glsa_ glc_", rf"{_B}(?:glsa|glc)_(?P<s>[\w+/=]{{32,400}})"),
    _kind("vault-token", "hvs. hvb. hvr. .atlasv1.", r"(?:hv[sbr]\.|\w{14}\.atlasv1\.)(?P<s>[\w-]{24,200})"),
    _kind("doppler-token", "dp.", rf"{_B}dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{2,35}}\.)?(?P<s>[A-Za-z0-9]{{40,44}})"),
    _kind("planetscale", "pscale_", r"pscale_(?:tkn|pw|oauth)_(?P<s>[\w.=-]{32,64})"),
    _kind("postman-key", "pmak-", r"PMAK-(?P<s>[a-f0-9]{24}-[a-f0-9]{34})"),
    _kind("rubygems-key", "rubygems_", r"rubygems_(?P<s>[a-f0-9]{48})"),
    _kind("docker-pat", "dckr_", r"dckr_(?:pat|oat)_(?P<s>[\w-]{27,40})"),
    _kind("atlassian-token", "atatt3 atbb atctt3", rf"{_B}AT(?:ATT3|CTT3|BB)(?P<s>[\w=-]{{24,400}})", is_random=True),
    _kind("facebook-token", "eaa", rf"{_B}EAA(?P<s>[A-Za-z0-9]{{60,400}})(?![A-Za-z0-9+/=])"),
    _kind("age-key", "age-secret-key-1", r"AGE-SECRET-KEY-1(?P<s>[0-9A-Z]{58})"),
    _kind("fly-token", "fm1 fm2 fo1_", rf"{_B}(?:fm[12][ar]?|fo1)_(?P<s>[\w+/=-]{{40,600}})"),
    _kind("model-service-key", "r8_ gsk_ pplx- xai- fw_", rf"{_B}(?:r8_|gsk_|pplx-|xai-|fw_)(?P<s>[A-Za-z0-9]{{22,90}})(?!\w)", is_random=True),
    _kind("sentry-token", "sntrys_ sntryu_", r"sntry[su]_(?P<s>[\w+/=]{40,400})"),
    _kind("tailscale-key", "tskey-", r"tskey-[a-z]{3,9}-(?P<s>[\w-]{20,80})"),
    _kind("supabase-key", "sbp_ sb_secret_", rf"{_B}sb(?:p|_secret)_(?P<s>[\w-]{{28,60}})"),
    _kind("pulumi-token", "pul-", rf"{_B}pul-(?P<s>[a-f0-9]{{40}})"),
    _kind("airtable-token", "pat", rf"{_B}pat[A-Za-z0-9]{{14}}\.(?P<s>[a-f0-9]{{64}})", lead=r"pat[a-z0-9]{14}\."),
    _kind("password-hash", "$", r"(?P<s>\$(?:2[abxy]\$\d\d\$[./A-Za-z0-9]{53}|(?:1|5|6|7|y|gy|apr1|argon2(?:id?|d)|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[./A-Za-z0-9$=,+-]{20,400}))", lead=r"\$(?:2[abxy]\$\d|(?:[1567y]|gy|apr1|argon2i?d?|scrypt|pbkdf2[\w-]*)\$)"),
    _kind("password-hash-named", "pbkdf2 scrypt bcrypt argon2 {ssha {sha {crypt {ssha {smd5", r"(?:(?:pbkdf2|bcrypt|scrypt|argon2)[\w:]{0,30}\$(?P<s>[\w./$=,+:-]{30,400})|\{(?:SSHA|SHA|SMD5|CRYPT)(?:256|512)?\}(?P<s2>[A-Za-z0-9+/=$.]{20,200}))"),
    _kind("netrc", "password", r"\b(?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+(?P<s>\S+)", is_known=False),
    _kind("pem-line", "private key-----", r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?P<s>[^-\"'`]{16,20000})"),
    _kind("pgp-line", "private key block-----", r"-----BEGIN PGP PRIVATE KEY BLOCK-----(?P<s>[^-\"'`]{16,20000})"),
)  # fmt: skip


def _tree(texts: list[str]) -> str:
    """Return an expression for any of `texts`, those with the same begin together.

    Python's engine tries alternatives one by one, so a flat list costs five times as much.
    """
    begins: dict[str, list[str]] = {}
    for text in sorted(set(texts)):
        begins.setdefault(text[:1], []).append(text[1:])
    branches = []
    for begin, rests in begins.items():
        whole = "" in rests
        rest = "" if whole else _tree(rests)
        branches.append(re.escape(begin) + rest)
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def hint_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return the expression that a line in lower case matches if it may hold a secret.

    `words` are looked for besides the hints of the kinds.
    """
    plain = [hint for kind in KINDS if not kind.lead for hint in kind.hints]
    leads = [kind.lead for kind in KINDS if kind.lead]
    return re.compile("|".join([_tree([*plain, *words]), *leads]))
