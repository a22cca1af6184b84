"""Secrets of every kind, made up at run time: nothing here, and nothing it prints, was ever valid anywhere.

No token stands here whole, so that scanners of repositories have nothing to report.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import NamedTuple

LETTERS = "abcdefghijklmnopqrstuvwxyz"
UPPER = LETTERS.upper()
DIGITS = "0123456789"
ALNUM = LETTERS + UPPER + DIGITS


class Planted(NamedTuple):
    kind: str
    """The rule that has to find it."""
    before: str
    """Text that may have to stand before it."""
    secret: str
    after: str = ""

    @property
    def text(self) -> str:
        return self.before + self.secret + self.after


class Source:
    """Random texts that are the same in each run."""

    def __init__(self, seed: int = 7) -> None:
        self._random = Random(seed)

    def of(self, alphabet: str, size: int) -> str:
        """At least two digits and two capitals among them, where the alphabet has those."""
        while True:
            text = "".join(self._random.choices(alphabet, k=size))
            if all(sum(letter in part for letter in text) > 1 for part in (DIGITS, UPPER) if set(part) & set(alphabet)):
                return text

    def alnum(self, size: int) -> str:
        return self.of(ALNUM, size)

    def word(self, size: int) -> str:
        """Base64 for URLs; it begins with a letter, so that no kind depends on how it begins."""
        return "k" + self.of(ALNUM + "_-", size - 2) + "Z"

    def hex(self, size: int) -> str:
        return self.of(DIGITS + "abcdef", size)

    def base64(self, size: int) -> str:
        return b64encode(self._random.randbytes(size)).decode()

    def json64(self, value: object) -> str:
        return b64encode(json.dumps(value).encode()).decode().rstrip("=")

    def uuid(self) -> str:
        return "-".join(self.hex(size) for size in (8, 4, 4, 4, 12))


def _token(kind: str, lead: str, body: Callable[[Source], str]) -> Callable[[Source], Planted]:
    return lambda source: Planted(kind, "", lead + body(source))


def _jwt(source: Source) -> str:
    head, body = source.json64({"alg": "HS256", "typ": "JWT"}), source.json64({"sub": source.hex(12), "admin": True})
    return f"{head}.{body}.{source.word(43)}"


def _pem(source: Source, label: str, lines: int = 5) -> str:
    body = "\n".join(source.base64(48) for _ in range(lines))
    return f"-----BEGIN {label}-----\n{body}\n{source.base64(20)}\n-----END {label}-----"


def _snowflake(source: Source, digits: int) -> str:
    return b64encode(("1" + source.of(DIGITS, digits - 1)).encode()).decode().rstrip("=")


TOKENS: tuple[Callable[[Source], Planted], ...] = (
    _token("1password-service-account-token", "ops_", lambda s: s.json64({"email": s.alnum(30), "key": s.alnum(200)})),
    _token("adobe-client-secret", "p8e-", lambda s: s.word(32)),
    _token("age-secret-key", "AGE-SECRET-" + "KEY-1", lambda s: s.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    _token("airtable-personal-access-token", "pat", lambda s: s.alnum(14) + "." + s.hex(64)),
    _token("alibaba-access-key-id", "LTAI", lambda s: s.alnum(20)),
    _token("anthropic-api-key", "sk-" + "ant-", lambda s: "api03-" + s.word(93) + "AA"),
    _token("artifactory-api-key", "AKC" + "p", lambda s: s.alnum(69)),
    _token("artifactory-reference-token", "cmVm" + "d", lambda s: s.alnum(59)),
    _token("atlassian-api-token", "ATA" + "TT3", lambda s: s.word(186)),
    _token("aws-access-token", "AKI" + "A", lambda s: s.of(UPPER + "234567", 16)),
    _token("aws-access-token", "ASI" + "A", lambda s: s.of(UPPER + "234567", 16)),
    _token("azure-devops-pat", "", lambda s: s.alnum(76) + "AZ" + "DO" + s.alnum(4)),
    _token("bitbucket-app-password", "ATB" + "B", lambda s: s.alnum(32)),
    _token("buildkite-api-token", "bkua_", lambda s: s.hex(40)),
    _token("circleci-personal-access-token", "CCIPAT_", lambda s: s.alnum(22) + "_" + s.hex(40)),
    _token("clickhouse-cloud-api-secret-key", "4b1d", lambda s: s.alnum(38)),
    _token("clojars-api-token", "CLOJARS_", lambda s: s.hex(60)),
    _token("cloudflare-origin-ca-key", "v1.0-", lambda s: s.hex(24) + "-" + s.hex(146)),
    _token("contentful-personal-access-token", "CFPAT-", lambda s: s.word(43)),
    _token("databricks-api-token", "da" + "pi", lambda s: s.hex(32)),
    _token("digitalocean-token", "dop_" + "v1_", lambda s: s.hex(64)),
    _token("discord-bot-token", "", lambda s: f"{_snowflake(s, 18)}.{s.word(6)}.{s.word(38)}"),
    _token("discord-bot-token", "", lambda s: f"{_snowflake(s, 19)}.{s.word(6)}.{s.word(38)}"),
    _token("docker-access-token", "dckr_" + "pat_", lambda s: s.word(27)),
    _token("doppler-api-token", "dp." + "pt.", lambda s: s.alnum(43)),
    _token("duffel-api-token", "duffel_" + "live_", lambda s: s.word(43)),
    _token(
        "dynatrace-api-token", "dt0" + "c01.", lambda s: s.of(UPPER + "234567", 24) + "." + s.of(UPPER + DIGITS, 64)
    ),
    _token("easypost-api-token", "EZA" + "K", lambda s: s.alnum(54)),
    _token("elevenlabs-api-key", "sk" + "_", lambda s: s.hex(48)),
    _token("figma-personal-access-token", "fig" + "d_", lambda s: s.word(40)),
    _token("flutterwave-secret-key", "FLWSECK" + "_TEST-", lambda s: s.hex(32) + "-X"),
    _token("flyio-access-token", "fo1" + "_", lambda s: s.word(43)),
    _token("frameio-api-token", "fio-" + "u-", lambda s: s.word(64)),
    _token("gcp-api-key", "AI" + "za", lambda s: s.word(35)),
    _token("gcp-oauth-access-token", "ya2" + "9.", lambda s: s.word(180)),
    _token("gcp-oauth-client-secret", "GOC" + "SPX-", lambda s: s.word(28)),
    _token("gcp-oauth-refresh-token", "1//" + "0", lambda s: s.word(98)),
    _token("github-app-token", "gh" + "s_", lambda s: s.alnum(36)),
    _token("github-app-token", "gh" + "u_", lambda s: s.alnum(36)),
    _token("github-fine-grained-pat", "github_" + "pat_", lambda s: s.alnum(22) + "_" + s.alnum(59)),
    _token("github-oauth", "gh" + "o_", lambda s: s.alnum(36)),
    _token("github-pat", "gh" + "p_", lambda s: s.alnum(36)),
    _token("github-refresh-token", "gh" + "r_", lambda s: s.alnum(36)),
    _token("gitlab-cicd-job-token", "glc" + "bt-", lambda s: "64_" + s.word(20)),
    _token("gitlab-deploy-token", "gld" + "t-", lambda s: s.word(20)),
    _token("gitlab-feature-flag-client-token", "glf" + "fct-", lambda s: s.word(20)),
    _token("gitlab-feed-token", "glf" + "t-", lambda s: s.word(20)),
    _token("gitlab-incoming-mail-token", "gli" + "mt-", lambda s: s.word(25)),
    _token("gitlab-kubernetes-agent-token", "gla" + "gent-", lambda s: s.word(50)),
    _token("gitlab-oauth-app-secret", "glo" + "as-", lambda s: s.hex(64)),
    _token("gitlab-pat", "glp" + "at-", lambda s: s.word(20)),
    _token("gitlab-pat", "glp" + "at-", lambda s: s.word(40) + ".01." + s.of(DIGITS + LETTERS, 9)),
    _token("gitlab-ptt", "glp" + "tt-", lambda s: s.hex(40)),
    _token("gitlab-rrt", "GR1" + "348941", lambda s: s.word(20)),
    _token("gitlab-runner-authentication-token", "glr" + "t-", lambda s: s.word(20)),
    _token("gitlab-scim-token", "gls" + "oat-", lambda s: s.word(20)),
    _token("grafana-cloud-api-token", "gl" + "c_", lambda s: s.json64({"o": s.hex(8), "n": s.hex(30)})),
    _token("grafana-service-account-token", "gl" + "sa_", lambda s: s.alnum(32) + "_" + s.hex(8)),
    _token("groq-api-key", "gs" + "k_", lambda s: s.alnum(52)),
    _token("hashicorp-tf-api-token", "", lambda s: s.alnum(14) + ".atlas" + "v1." + s.word(67)),
    _token("hashicorp-vault-token", "hv" + "s.", lambda s: s.word(95)),
    _token("heroku-api-key-v2", "HRK" + "U-AA", lambda s: s.word(58)),
    _token("huggingface-access-token", "h" + "f_", lambda s: s.alnum(34)),
    _token("infracost-api-token", "ic" + "o-", lambda s: s.alnum(32)),
    _token("jwt", "", _jwt),
    _token("langsmith-api-key", "lsv2_" + "pt_", lambda s: s.hex(32) + "_" + s.hex(10)),
    _token("linear-api-key", "lin_" + "api_", lambda s: s.alnum(40)),
    _token("mailchimp-api-key", "", lambda s: s.hex(32) + "-us" + "12"),
    _token("mailgun-private-api-token", "ke" + "y-", lambda s: s.hex(32)),
    _token("mapbox-secret-token", "sk." + "eyJ", lambda s: s.alnum(80) + "." + s.word(22)),
    _token("neon-api-key", "nap" + "i_", lambda s: s.alnum(64)),
    _token("netlify-access-token", "nf" + "p_", lambda s: s.alnum(36)),
    _token("new-relic-user-api-key", "NRA" + "K-", lambda s: s.of(UPPER + DIGITS, 27)),
    _token("notion-api-token", "nt" + "n_", lambda s: s.alnum(46)),
    _token("notion-api-token", "secret" + "_", lambda s: s.alnum(43)),
    _token("npm-access-token", "np" + "m_", lambda s: s.alnum(36)),
    _token("octopus-deploy-api-key", "AP" + "I-", lambda s: s.of(UPPER + DIGITS, 26)),
    _token("openai-api-key", "s" + "k-", lambda s: s.alnum(20) + "T3Blbk" + "FJ" + s.alnum(20)),
    _token("openai-api-key", "s" + "k-proj-", lambda s: s.word(74) + "T3Blbk" + "FJ" + s.word(74)),
    _token("openai-api-key", "s" + "k-or-v1-", lambda s: s.hex(64)),
    _token("openai-api-key", "s" + "k-lf-", lambda s: s.uuid()),
    _token("openshift-user-token", "sha256" + "~", lambda s: s.word(43)),
    _token("perplexity-api-key", "pp" + "lx-", lambda s: s.alnum(48)),
    _token("pinecone-api-key", "pcs" + "k_", lambda s: s.alnum(5) + "_" + s.alnum(63)),
    _token("planetscale-token", "pscale_" + "tkn_", lambda s: s.word(43)),
    _token("postman-api-token", "PMA" + "K-", lambda s: s.hex(24) + "-" + s.hex(34)),
    _token("prefect-api-token", "pn" + "u_", lambda s: s.alnum(36)),
    _token("pulumi-api-token", "pu" + "l-", lambda s: s.hex(40)),
    _token("pypi-upload-token", "pypi-" + "AgEIcHlwaS5vcmc", lambda s: s.word(160)),
    _token("readme-api-token", "rdm" + "e_", lambda s: s.of(LETTERS + DIGITS, 70)),
    _token("replicate-api-token", "r8" + "_", lambda s: s.alnum(37)),
    _token("rubygems-api-token", "ruby" + "gems_", lambda s: s.hex(48)),
    _token("sendgrid-api-token", "S" + "G.", lambda s: s.word(22) + "." + s.word(43)),
    _token("sendinblue-api-token", "xkey" + "sib-", lambda s: s.hex(64) + "-" + s.alnum(16)),
    _token("sentry-org-token", "sntr" + "ys_", lambda s: s.json64({"iat": 1, "url": s.hex(40)}) + "_" + s.alnum(43)),
    _token("sentry-user-token", "sntr" + "yu_", lambda s: s.hex(64)),
    _token("shippo-api-token", "shippo_" + "live_", lambda s: s.hex(40)),
    _token("shopify-token", "shp" + "at_", lambda s: s.hex(32)),
    _token("slack-app-token", "xap" + "p-1-", lambda s: f"A{s.of(DIGITS, 10)}-{s.of(DIGITS, 13)}-{s.hex(64)}"),
    _token("slack-token", "xox" + "b-", lambda s: f"{s.of(DIGITS, 12)}-{s.of(DIGITS, 12)}-{s.alnum(24)}"),
    _token("slack-token", "xox" + "p-", lambda s: f"{s.of(DIGITS, 11)}-{s.of(DIGITS, 11)}-{s.hex(32)}"),
    _token("sonar-api-token", "sq" + "u_", lambda s: s.hex(40)),
    _token("sourcegraph-access-token", "sg" + "p_", lambda s: s.hex(16) + "_" + s.hex(40)),
    _token("square-access-token", "sq0" + "atp-", lambda s: s.word(22)),
    _token("square-production-token", "EAA" + "A", lambda s: s.word(60)),
    _token("stripe-access-token", "sk_" + "live_", lambda s: s.alnum(24)),
    _token("stripe-access-token", "rk_" + "test_", lambda s: s.alnum(99)),
    _token("supabase-token", "sb" + "p_", lambda s: s.hex(40)),
    _token("tailscale-key", "ts" + "key-auth-", lambda s: s.alnum(17) + "-" + s.alnum(32)),
    _token("tavily-api-key", "tv" + "ly-dev-", lambda s: s.alnum(32)),
    _token("tencent-secret-id", "AKI" + "D", lambda s: s.alnum(32)),
    _token("twilio-api-key", "S" + "K", lambda s: s.hex(32)),
    _token("typeform-api-token", "tf" + "p_", lambda s: s.word(59)),
    _token("xai-api-key", "xa" + "i-", lambda s: s.alnum(80)),
    _token("stripe-webhook-secret", "whs" + "ec_", lambda s: s.alnum(32)),
    _token("aws-amazon-bedrock-api-key", "ABS" + "K", lambda s: s.base64(96)),
    _token("azure-ad-client-secret", "", lambda s: "aB" + "c8Q" + "~" + s.of(ALNUM + "_.-~", 32) + "xY"),
    lambda s: Planted("telegram-bot-api-token", f"bot{s.of(DIGITS, 10)}:", "AA" + s.word(33)),
    lambda s: Planted("private-key", "", _pem(s, "RSA PRIVATE KEY", 20)),
    lambda s: Planted("private-key", "", _pem(s, "PRIVATE KEY")),
    lambda s: Planted("private-key", "", _pem(s, "OPENSSH PRIVATE KEY")),
    lambda s: Planted("private-key", "", _pem(s, "EC PRIVATE KEY", 2)),
    lambda s: Planted("private-key", "", _pem(s, "PGP PRIVATE KEY BLOCK", 30)),
)
"""Each is found wherever it stands."""


def _basic(source: Source) -> str:
    return b64encode(f"user:{source.alnum(12)}".encode()).decode()


CONTEXTS: tuple[Callable[[Source], Planted], ...] = (
    lambda s: Planted("url-password", "postgres://app:", s.alnum(14), "@db.example.com:5432/app?sslmode=require"),
    lambda s: Planted("url-password", "https://me:", "p@ss" + s.alnum(8), "@example.com/repo.git"),
    lambda s: Planted("authorization-header", "Authorization: token ", s.hex(40)),
    lambda s: Planted("authorization-header", "authorization=", s.alnum(32)),
    lambda s: Planted("bearer-token", "Authorization: Bearer ", s.word(40)),
    lambda s: Planted("bearer-token", "curl -H 'X-Auth: bearer ", s.alnum(24), "' https://example.com"),
    lambda s: Planted("basic-auth", "Proxy-Authorization: Basic ", _basic(s)),
    lambda s: Planted("registry-auth", '{"auths": {"ghcr.io": {"auth": "', _basic(s), '"}}}'),
    lambda s: Planted("npmrc-auth-token", "//registry.example.com/:_authToken=", s.alnum(20)),
    lambda s: Planted("secret-header", "X-Api-Key: ", s.alnum(20)),
    lambda s: Planted("secret-header", "PRIVATE-TOKEN: ", s.alnum(20)),
    lambda s: Planted("netrc-password", "machine example.com login me password ", s.alnum(10)),
    lambda s: Planted("netrc-password", "machine example.com\n  login me\n  password ", s.alnum(10)),
    lambda s: Planted("connection-string-password", "Server=db;User ID=sa;Password=", s.alnum(10), ";Encrypt=true"),
    lambda s: Planted("aws-secret-access-key", "aws_secret_access_key = ", s.base64(30)),
    lambda s: Planted("aws-secret-access-key", '"SecretAccessKey": "', s.base64(30), '"'),
    lambda s: Planted("aws-secret-access-key", "export AWS_SECRET_ACCESS_KEY='", s.base64(30), "'"),
    lambda s: Planted("aws-session-token", "AWS_SESSION_TOKEN=", s.base64(300)),
    lambda s: Planted("azure-storage-key", "AccountName=app;AccountKey=", s.base64(64), ";EndpointSuffix=x"),
    lambda s: Planted("azure-storage-key", "SharedAccessKeyName=x;SharedAccessKey=", s.base64(32)),
    lambda s: Planted("azure-sas-signature", "https://x.blob.core.example/c?sv=1&sig=", s.alnum(40) + "%2F" + "%3D"),
    lambda s: Planted(
        "slack-webhook-url", "https://hooks.slack.com/services/", f"T{s.alnum(8)}/B{s.alnum(8)}/{s.alnum(24)}"
    ),
    lambda s: Planted("discord-webhook-url", f"https://discord.com/api/webhooks/{s.of(DIGITS, 18)}/", s.word(68)),
    lambda s: Planted("heroku-api-key", "HEROKU_API_KEY=", s.uuid()),
    lambda s: Planted("cloudflare-api-key", "CLOUDFLARE_API_TOKEN: ", s.word(40)),
    lambda s: Planted("datadog-access-token", "datadog_api_key = ", s.hex(32)),
    lambda s: Planted("twilio-auth-token", "TWILIO_AUTH_TOKEN=", s.hex(32)),
    lambda s: Planted("okta-access-token", "okta-api-token: ", "00" + s.word(40)),
    lambda s: Planted("generic-api-key", "MY_API_KEY=", s.alnum(24)),
    lambda s: Planted("generic-api-key", '"client_secret": "', s.alnum(24), '"'),
    lambda s: Planted("generic-api-key", "https://example.com/?access_token=", s.alnum(24), "&x=1"),
)
"""Each is found by what stands before it, or also by what stands behind it."""


def every(seed: int = 7) -> list[Planted]:
    """One of each."""
    source = Source(seed)
    return [make(source) for make in TOKENS + CONTEXTS]


def anywhere(seed: int = 7) -> list[Planted]:
    """One of each that is found wherever it stands."""
    source = Source(seed)
    return [make(source) for make in TOKENS]
