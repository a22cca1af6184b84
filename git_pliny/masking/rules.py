"""Which texts are secrets by their form: a rule for each vendor's token, and rules for what only its place betrays.

Names are those of the gitleaks rules (https://github.com/gitleaks/gitleaks, `config/gitleaks.toml`, version 8.30) where
it has one. The expressions are our own, after the forms that the vendors publish, because the aim differs: gitleaks
reports a leak and may miss one, we replace text, so a token is matched greedily to its end.

Output may be hostile, so each expression is bounded, and starts and consumes so that the whole search is linear.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from math import log2
from typing import NamedTuple

from git_pliny.masking.words import is_common

LONGEST = 30_000
"""No rule's match is longer, in bytes."""

Check = Callable[[bytes], bool]


class Rule(NamedTuple):
    name: str
    leads: tuple[str, ...]
    """Literals, one of which is in every match; those of `CONTEXTS` are lower case and stand for any case."""
    pattern: str
    """Matches from `back` bytes before the lead on; the group `secret`, or else all of it, is what gets masked."""
    check: Check | None = None
    back: int = 0


def _digits(secret: bytes, least: int = 2) -> bool:
    return len(secret) - len(secret.translate(None, b"0123456789")) >= least


def _mixed(secret: bytes) -> bool:
    """What tells a key from `snake_case_words` or `kebab-case-words`, which can be as long."""
    return _digits(secret) and (secret != secret.lower() or _digits(secret, len(secret) // 8))


def _random(secret: bytes) -> bool:
    """Mixed, and with a Shannon entropy of at least 3.5 bits a character, as gitleaks asks of its generic rule."""
    if not _mixed(secret):
        return False
    size = len(secret)
    counts = map(secret.count, set(secret))
    return log2(size) - sum(count * log2(count) for count in counts) / size >= 3.5  # noqa: PLR2004 - explained above


def _credentials(secret: bytes) -> bool:
    """Whether it is the base64 of `user:password` (RFC 7617), with or without its padding."""
    bare = secret.rstrip(b"=")
    try:
        decoded = b64decode(bare + b"=" * (-len(bare) % 4), validate=True).decode()
    except ValueError:
        return False
    return ":" in decoded and decoded.isprintable()


def _real(secret: bytes) -> bool:
    return not is_common(secret.decode("latin-1"))


def _bearer(secret: bytes) -> bool:
    return len(secret) >= 16 and _mixed(secret)  # noqa: PLR2004 - shorter ones are words: "Bearer token1"


_AFTER_ESCAPE = (
    r"|(?<=\\[bfnrtv0])|(?<=\\u00[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2})"
    r"|(?<=\[[mK])|(?<=[\[;][0-9]m)|(?<=[\[;][0-9]{2}m)|(?<=[\[;][0-9]{3}m)"
)
r"""The end of `\n`, `\u0026`, `%20` or a colour code: letters and digits that belong to no word."""
_WORD = rf"(?:(?<![A-Za-z0-9]){_AFTER_ESCAPE})"
_APART = rf"(?:(?<![A-Za-z0-9+/]){_AFTER_ESCAPE})"
"""Not inside of base64 either: for leads that are letters and digits only."""
_RUN = rf"(?:(?<![A-Za-z0-9_-]){_AFTER_ESCAPE})"
"""At most one place in a run of token characters, for what may fail after a long consumption."""
_A, _H, _W = "[A-Za-z0-9]", "[0-9a-f]", "[A-Za-z0-9_-]"
_UUID = rf"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"
_SNOWFLAKE = r"(?:[MNO][DTjz][AEIMQUYcgk][wxyz0-5]){5,6}[A-Za-z0-9]{0,3}"
"""The base64 of 17 to 20 decimal digits."""
_SNOWFLAKE_LEADS = ("MD", "MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT", "Oj", "Oz")
_TO = r"""\\{0,3}["'`]?[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}\\{0,3}["'`]?"""
"""What stands between a name and its value in shell, YAML, JSON (also inside of a string), TOML, and most code."""
_TOKEN_OF = (
    "(?:" + "|".join(f"(?<={kind})|(?<={kind}[_-])" for kind in ("access", "api", "auth", "bot", "refresh")) + ")"
)
"""Not `page_token`, `next_token`, `cancellation_token`…"""


def _token(name: str, leads: str, body: str, *, start: str = _WORD, check: Check | None = None) -> Rule:
    """A token that begins with one of the leads (separated by spaces); `start` is what has to be true before it."""
    words = tuple(leads.split())
    return Rule(name, words, start + "(?:" + "|".join(map(re.escape, words)) + ")" + body, check)


def _named(name: str, lead: str, value: str, *, check: Check | None = None) -> Rule:
    """A value without a form of its own, assigned to a vendor's key or token."""
    key = rf"(?i:{re.escape(lead)}[\w .-]{{0,40}}(?:key|token|secret)\w{{0,10}})"
    return Rule(name, (lead,), rf"{key}{_TO}(?P<secret>{value})(?![A-Za-z0-9_-])", check)


TOKENS = (
    _token("1password-service-account-token", "ops_eyJ", r"[A-Za-z0-9+/=_-]{40,4096}"),
    _token("adobe-client-secret", "p8e-", f"{_W}{{32}}", check=_digits),
    _token("age-secret-key", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", "[A-Z0-9]{40,4096}", start=""),
    _token("airtable-personal-access-token", "pat", rf"{_A}{{14}}\.[0-9a-f]{{64}}"),
    _token("alibaba-access-key-id", "LTAI", f"{_A}{{16,26}}", start=_APART, check=_mixed),
    _token("anthropic-api-key", "sk-ant-", f"{_W}{{20,400}}", start=""),
    _token("artifactory-api-key", "AKCp", f"{_A}{{60,80}}", start=_APART),
    _token("artifactory-reference-token", "cmVmd", f"{_A}{{59}}", start=_APART, check=_digits),
    _token("atlassian-api-token", "ATATT3 ATCTT3", "[A-Za-z0-9_=-]{60,400}"),
    _token("aws-access-token", "AKIA ASIA ABIA ACCA", f"[A-Z0-9]{{16}}(?!{_A})", start=_APART),
    Rule("azure-devops-pat", ("AZDO",), rf"{_WORD}{_A}{{76}}AZDO{_A}{{4}}", None, 76),
    _token("bitbucket-app-password", "ATBB", f"{_A}{{24,60}}", start=_APART, check=_mixed),
    _token("buildkite-api-token", "bkua_", f"{_A}{{40}}"),
    _token("circleci-personal-access-token", "CCIPAT_ CCIPRJ_", f"{_W}{{40,100}}"),
    _token(
        "clickhouse-cloud-api-secret-key", "4b1d", f"{_A}{{38}}(?!{_A})", start=_APART, check=lambda s: s != s.lower()
    ),
    _token("clojars-api-token", "CLOJARS_", f"{_A}{{60}}"),
    _token("cloudflare-origin-ca-key", "v1.0-", f"{_H}{{24}}-{_H}{{100,200}}"),
    _token("contentful-personal-access-token", "CFPAT-", f"{_W}{{40,50}}"),
    _token("databricks-api-token", "dapi", f"{_H}{{32}}(?:-[0-9])?(?!{_A})", start=_APART),
    _token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", f"{_H}{{64}}", start=""),
    Rule("discord-bot-token", _SNOWFLAKE_LEADS, rf"{_RUN}{_SNOWFLAKE}\.{_W}{{6,7}}\.{_W}{{27,60}}"),
    _token("docker-access-token", "dckr_pat_ dckr_oat_", f"{_W}{{20,100}}", start=""),
    _token("doppler-api-token", "dp.", rf"(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{2,30}}\.)?{_A}{{40,44}}"),
    _token("duffel-api-token", "duffel_test_ duffel_live_", "[A-Za-z0-9_=-]{43}"),
    _token("dynatrace-api-token", "dt0c01.", rf"{_A}{{24}}\.{_A}{{64}}", start=""),
    _token("easypost-api-token", "EZAK EZTK", f"{_A}{{54}}", start=_APART),
    _token("elevenlabs-api-key", "sk_", f"{_H}{{48}}(?!{_A})"),
    _token("figma-personal-access-token", "figd_ figo_", f"{_W}{{40,100}}"),
    _token("flutterwave-secret-key", "FLWSECK- FLWSECK_TEST-", f"{_A}{{12,40}}(?:-X)?", check=_digits),
    _token("flyio-access-token", "fo1_ fm1a_ fm1r_ fm2_", "[A-Za-z0-9+/_=-]{43,1024}"),
    _token("frameio-api-token", "fio-u-", "[A-Za-z0-9_=-]{64}"),
    _token("gcp-api-key", "AIza", f"{_W}{{30,60}}", start=_APART, check=_digits),
    _token("gcp-oauth-access-token", "ya29.", rf"{_W}{{20,4096}}"),
    _token("gcp-oauth-client-secret", "GOCSPX-", f"{_W}{{20,64}}", start=""),
    _token("gcp-oauth-refresh-token", "1//0", f"{_W}{{30,512}}", check=_mixed),
    _token("github-app-token", "ghu_ ghs_", rf"[A-Za-z0-9_]{{30,255}}(?:\.{_W}{{20,2048}}){{0,2}}"),
    _token("github-fine-grained-pat", "github_pat_", "[A-Za-z0-9_]{36,255}", start=""),
    _token("github-oauth", "gho_", f"{_A}{{30,255}}", start=""),
    _token("github-pat", "ghp_", f"{_A}{{30,255}}", start=""),
    _token("github-refresh-token", "ghr_", f"{_A}{{30,255}}", start=""),
    _token("gitlab-cicd-job-token", "glcbt-", f"{_W}{{20,512}}", start=""),
    _token("gitlab-deploy-token", "gldt-", f"{_W}{{20,64}}", start=""),
    _token("gitlab-feature-flag-client-token", "glffct-", f"{_W}{{20,64}}", start=""),
    _token("gitlab-feed-token", "glft-", f"{_W}{{20,64}}", start=""),
    _token("gitlab-incoming-mail-token", "glimt-", f"{_W}{{20,64}}", start=""),
    _token("gitlab-kubernetes-agent-token", "glagent-", f"{_W}{{20,100}}", start=""),
    _token("gitlab-oauth-app-secret", "gloas-", f"{_W}{{20,100}}", start=""),
    _token("gitlab-pat", "glpat-", rf"{_W}{{20,300}}(?:\.[0-9a-z]{{2}})?(?:\.[0-9a-z]{{9}})?", start=""),
    _token("gitlab-ptt", "glptt-", f"{_A}{{20,64}}", start=""),
    _token("gitlab-rrt", "GR1348941", f"{_W}{{20,64}}", start=""),
    _token(
        "gitlab-runner-authentication-token",
        "glrt-",
        rf"{_W}{{20,300}}(?:\.[0-9a-z]{{2}})?(?:\.[0-9a-z]{{9}})?",
        start="",
    ),
    _token("gitlab-scim-token", "glsoat-", f"{_W}{{20,64}}", start=""),
    _token("grafana-cloud-api-token", "glc_", "[A-Za-z0-9+/]{32,400}={0,3}"),
    _token("grafana-service-account-token", "glsa_", f"{_A}{{32}}_[A-Fa-f0-9]{{8}}"),
    _token("groq-api-key", "gsk_", f"{_A}{{40,100}}"),
    _token("hashicorp-vault-token", "hvs. hvb. hvr.", f"{_W}{{24,400}}", start=""),
    Rule("hashicorp-tf-api-token", (".atlasv1.",), rf"{_WORD}{_A}{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{60,80}}", None, 14),
    _token("heroku-api-key-v2", "HRKU-", f"{_W}{{36,100}}"),
    _token("huggingface-access-token", "hf_ api_org_", f"{_A}{{30,64}}"),
    _token("infracost-api-token", "ico-", f"{_A}{{32}}(?!{_A})", check=_mixed),
    _token("jwt", "eyJ", rf"{_W}{{15,4096}}\.eyJ{_W}{{8,16384}}(?:\.{_W}{{8,4096}})?", start=_RUN),
    _token("langsmith-api-key", "lsv2_pt_ lsv2_sk_", f"{_H}{{32}}_{_H}{{10}}"),
    _token("linear-api-key", "lin_api_ lin_oauth_", f"{_A}{{32,80}}", start=""),
    Rule("mailchimp-api-key", ("-us",), rf"{_WORD}{_H}{{32}}-us[0-9]{{1,2}}(?!{_A})", None, 32),
    _token("mailgun-private-api-token", "key-", f"{_H}{{32}}(?!{_A})"),
    _token("mapbox-secret-token", "sk.eyJ", rf"{_W}{{20,300}}\.{_W}{{20,60}}"),
    _token("netlify-access-token", "nfp_", f"{_A}{{30,60}}"),
    _token("neon-api-key", "napi_", f"{_A}{{48,80}}"),
    _token("new-relic-user-api-key", "NRAK-", "[A-Z0-9]{27}"),
    _token("notion-api-token", "ntn_ secret_", f"{_A}{{43,50}}(?!{_W})", check=_mixed),
    _token("npm-access-token", "npm_", f"{_A}{{36,64}}"),
    _token("octopus-deploy-api-key", "API-", f"[A-Z0-9]{{26,40}}(?!{_A})", check=_digits),
    _token(
        "openai-api-key",
        "sk-",
        rf"(?:(?:proj|svcacct|admin|service|None)-{_W}{{20,400}}|(?:[a-z0-9]{{1,10}}-){{0,3}}(?:{_A}{{24,200}}|{_UUID}))",
        check=_mixed,
    ),
    _token("openshift-user-token", "sha256~", f"{_W}{{43}}(?!{_W})"),
    _token("perplexity-api-key", "pplx-", f"{_A}{{40,64}}"),
    _token("pinecone-api-key", "pcsk_", "[A-Za-z0-9_]{40,100}"),
    _token("planetscale-token", "pscale_tkn_ pscale_oauth_ pscale_pw_", "[A-Za-z0-9_=.-]{32,64}"),
    _token("postman-api-token", "PMAK-", rf"{_H}{{24}}-{_H}{{34}}"),
    _token("prefect-api-token", "pnu_ pnb_", f"{_A}{{36}}"),
    _token("pulumi-api-token", "pul-", f"{_H}{{40}}"),
    _token("pypi-upload-token", "pypi-Ag", f"{_W}{{50,2048}}", start=""),
    _token("readme-api-token", "rdme_", "[a-z0-9]{70}"),
    _token("replicate-api-token", "r8_", f"{_A}{{30,60}}"),
    _token("rubygems-api-token", "rubygems_", f"{_H}{{48}}", start=""),
    _token("sendgrid-api-token", "SG.", rf"{_W}{{16,64}}\.{_W}{{32,64}}", start=_APART),
    _token("sendinblue-api-token", "xkeysib-", rf"{_H}{{64}}-{_A}{{16}}"),
    _token("sentry-org-token", "sntrys_", r"[A-Za-z0-9+/=_-]{40,600}"),
    _token("sentry-user-token", "sntryu_", f"{_H}{{64}}"),
    _token("shippo-api-token", "shippo_live_ shippo_test_", "[A-Fa-f0-9]{40}"),
    _token("shopify-token", "shpat_ shpca_ shppa_ shpss_", "[A-Fa-f0-9]{32}", start=""),
    _token("slack-app-token", "xapp-", f"{_W}{{20,255}}", check=_digits, start=""),
    _token(
        "slack-token",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs-",
        rf"{_W}{{16,300}}(?:%(?:2[BFbf]|3[Dd]){_W}{{0,100}}){{0,8}}",
        start="",
    ),
    _token("sonar-api-token", "squ_ sqp_ sqa_", f"{_H}{{40}}"),
    _token("sourcegraph-access-token", "sgp_", rf"(?:{_A}{{5,16}}_)?[A-Fa-f0-9]{{40}}"),
    _token("square-access-token", "sq0atp- sq0csp- sq0idp-", f"{_W}{{22,64}}"),
    _token("square-production-token", "EAAA", f"{_W}{{60}}(?!{_W})", start=_APART, check=_random),
    _token("stripe-access-token", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", f"{_A}{{16,255}}", start=""),
    _token("supabase-token", "sbp_ sb_secret_", f"{_W}{{30,80}}", check=_digits),
    _token("tailscale-key", "tskey-", rf"{_W}{{20,100}}", check=_digits),
    _token("tavily-api-key", "tvly-", f"{_W}{{20,60}}", check=_digits),
    Rule("telegram-bot-api-token", (":A",), rf"(?<=[0-9]{{7}}):(?P<secret>A{_W}{{34}})(?!{_W})", _mixed),
    _token("tencent-secret-id", "AKID", f"{_A}{{32}}(?!{_A})", start=_APART, check=_digits),
    _token("twilio-api-key", "SK", f"[0-9a-fA-F]{{32}}(?!{_A})", start=_APART),
    _token("typeform-api-token", "tfp_", r"[A-Za-z0-9_.=-]{40,80}", check=_digits),
    _token("xai-api-key", "xai-", f"{_A}{{60,100}}"),
)
"""Each contains, at most 40 bytes behind its start, 20 characters of A-Z, a-z, 0-9, `_` and `-` in a row."""

CONTEXTS = (
    Rule(
        "url-password",
        ("://",),
        r"""://[^\s/?#:@'"<>\\`]{0,128}:(?P<secret>[^\s/?#'"\\`]{1,512})@(?=[\w\[.$%{<-])""",
        _real,
    ),
    Rule(
        "authorization-header",
        ("authorization",),
        rf"{_WORD}(?i:authorization){_TO}(?!AWS4-)(?i:(?:token|apikey|digest|negotiate|ntlm)(?:[ +]|%20){{1,4}})?"
        r"(?P<secret>[A-Za-z0-9._~+/=-]{16,2048})(?![A-Za-z0-9(\[])",
        _bearer,
    ),
    Rule("basic-auth", ("basic",), r"(?i:basic)(?:[ +]|%20){1,4}(?P<secret>[A-Za-z0-9+/]{6,1024}={0,2})", _credentials),
    Rule("bearer-token", ("bearer",), r"(?i:bearer)(?:[ +]|%20){1,4}(?P<secret>[A-Za-z0-9._~+/=-]{16,2048})", _bearer),
    Rule(
        "registry-auth",
        ('auth"', "auth\\", "_auth", "passw"),
        rf"(?i:_?auth|(?<=_)password){_TO}(?P<secret>[A-Za-z0-9+/]{{6,1024}}={{0,2}})",
        _credentials,
    ),
    Rule("npmrc-auth-token", (":_authtoken",), r"(?i::_authtoken)[ ]{0,4}=[ ]{0,4}(?P<secret>[^\s$'\"\\]{8,1024})"),
    Rule(
        "secret-header",
        ("api-key", "token"),
        r"(?i:api-key|(?:(?<=auth-)|(?<=access-)|(?<=private-)|(?<=vault-))token)"
        r":[ \t]{0,4}(?P<secret>[A-Za-z0-9._~+/=-]{12,4096})",
        _mixed,
    ),
    Rule(
        "netrc-password",
        ("machine ",),
        r"(?i:machine)\s{1,4}\S{1,100}\s{1,8}login\s{1,4}\S{1,100}\s{1,8}password\s{1,4}\\?[\"']?(?P<secret>[^\s\"'\\]{1,512})",
        _real,
    ),
    Rule(
        "connection-string-password",
        ("passw", "pwd="),
        r"(?<=[;&? ])(?i:password|pwd)=(?P<secret>[^\s;&'\"\\`]{6,256})(?=;)",
        _real,
    ),
    Rule(
        "aws-secret-access-key",
        ("secret",),
        rf"(?i:secret[_-]?access[_-]?key){_TO}(?P<secret>[A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+=])",
    ),
    Rule(
        "aws-session-token",
        ("token",),
        rf"(?i:(?:(?<=session)|(?<=session_))token){_TO}(?P<secret>[A-Za-z0-9/+=]{{80,4096}})",
    ),
    Rule("aws-amazon-bedrock-api-key", ("absk",), rf"{_APART}ABSK[A-Za-z0-9+/]{{80,400}}={{0,2}}"),
    Rule(
        "azure-ad-client-secret",
        ("q~",),
        rf"{_WORD}[A-Za-z0-9_~.]{{3}}[0-9]Q~[A-Za-z0-9_~.-]{{31,34}}(?![A-Za-z0-9_~-])",
        None,
        4,
    ),
    Rule(
        "azure-storage-key",
        ("accountkey=", "sharedaccesskey="),
        r"(?i:accountkey|sharedaccesskey)=(?P<secret>[A-Za-z0-9+/]{40,100}={0,2})",
    ),
    Rule("azure-sas-signature", ("sig=",), r"(?<=[?&;])(?i:sig)=(?P<secret>[A-Za-z0-9+/%]{40,120}={0,2})", _mixed),
    Rule(
        "slack-webhook-url",
        ("hooks.slack.com/",),
        r"(?i:hooks\.slack\.com)/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/_-]{20,256})",
    ),
    Rule("discord-webhook-url", ("/webhooks/",), rf"/webhooks/[0-9]{{15,22}}/(?P<secret>{_W}{{40,120}})"),
    Rule("stripe-webhook-secret", ("whsec_",), r"(?i:whsec_)[A-Za-z0-9+/]{24,128}={0,2}"),
    _named("heroku-api-key", "heroku", _UUID),
    _named("cloudflare-api-key", "cloudflare", "[A-Za-z0-9_-]{37,53}", check=_mixed),
    _named("datadog-access-token", "datadog", f"{_H}{{32}}|{_H}{{40}}"),
    _named("twilio-auth-token", "twilio", f"{_H}{{32}}"),
    _named("okta-access-token", "okta", "00[A-Za-z0-9_-]{40}"),
    Rule(
        "generic-api-key",
        ("api_key", "apikey", "api-key", "secret", "token", "passw"),
        rf"(?i:api[_-]?key|secret(?:[_-]?(?:base|key|token)){{0,2}}|{_TOKEN_OF}token|passw(?:or)?d)"
        rf"{_TO}(?<!:)(?P<secret>[A-Za-z0-9_+/=-]{{20,512}})(?![A-Za-z0-9_.(\[])",
        _random,
    ),
)
"""What no form betrays, or a form in which the 20 characters need not be in a row."""
