"""Which environment variables hold secrets, judged by name and value, and the forms in which a value can appear.

A wrong guess costs either way: a secret that stays, or a word that vanishes from every output. So a name must sound
secret, and the value must not look like a word, number or path, or like what examples and defaults use as password.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from json import dumps, loads
from urllib.parse import quote, quote_plus, unquote

from git_pliny.masking.words import is_common
from git_pliny.model.settings import MaskingSettings

_SHORTEST = 6
"""Bytes. What is shorter could be masked only by tearing holes into ordinary text."""
_SHORTEST_TOLD = 3
"""The same for variables that the user names."""
_KEY = 16
"""Bytes that a value has where the name says no more than `KEY`."""
_LINE = 16
"""Bytes that a line of a longer secret must have to be masked by itself."""
_LINES = 400
_WRAPPED = 4096
"""Bytes of the longest value of which wrapped base64 is looked for: each of its lines costs a search."""

_PASSWORD = re.compile(r"PASSW(?:OR)?D|PASSPHRASE|SSHPASS|(?:^|_)PASS$|._PWD$")
_TOKEN = re.compile(
    r"TOKEN|SECRET|CREDENTIAL|API_?KEY|(?:^|_)(?:O?AUTH|CREDS?)(?:_|$)"
    r"|(?:ACCESS|ACCOUNT|DEPLOY|ENCRYPTION|LICENSE|MASTER|PRIVATE|SERVICE|SIGNING|SSH|STORAGE)_?KEY"
)
_SOME_KEY = re.compile(r"(?:^|_)KEY$")
_PUBLIC = re.compile(r"(?:^|_)(?:PUBLIC|GPG|CACHE)_?KEY")
_ABOUT = re.compile(
    r"_(?:ALGORITHM|AUDIENCE|BACKEND|BIN|CMD|COMMAND|COUNT|DIR|DISABLED?|ENABLED?|EXPIR(?:Y|ES|ATION)|FILE(?:NAME)?"
    r"|HEADER|HELPER|HOME|HOST|ISSUER|LENGTH|LIMIT|MAX|METHOD|MIN|MODE|NAME|PARALLELISM|PATH|POLICY|PORT|PREFIX"
    r"|PROVIDER|REGION|SCOPES?|SOCK(?:ET)?|STORE|TIMEOUT|TTL|TYPE|UR[IL]|USER(?:NAME)?|VERSION)$"
)
"""Names that tell something about a secret, and not the secret."""
_PATH = re.compile(
    r"(?:~|\.{1,2})?(?:/[\w.@:,-]{1,100}){1,20}/?|[\w./@-]{1,100}\.(?:cfg|conf|env|ini|json|key|p12|pem|pfx|toml|txt|ya?ml)"
)
_NO_PATH = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[a-z])(?=[^/]*[A-Z])[^/]{12}")
_NUMBER = re.compile(r"[0-9.]{1,9}")
_WORD = re.compile(r"[A-Z]?[a-z]+|[a-z]+(?:[_ .-][a-z]+)+|[A-Z]+(?:_[A-Z]+)*")
_WORD_LENGTH = 18
_IN_URL = re.compile(r"://[^\s/?#:@]*:([^\s/?#]+)@")
_LABEL = re.compile(r"[\w.-]{1,80}", re.ASCII)


def secrets(environ: Mapping[str, str], settings: MaskingSettings) -> dict[bytes, str]:
    """Every form of every secret value, and the variable it is masked with: the first by name where several fit."""
    found: dict[bytes, str] = {}
    for name in sorted(environ):
        if any(fnmatchcase(name, pattern) for pattern in settings.keep):
            continue
        told = any(fnmatchcase(name, pattern) for pattern in settings.variables)
        for value in _values(name, environ[name].strip(), told=told):
            for form in _forms(value):
                found.setdefault(form, name if _LABEL.fullmatch(name) else "variable")
    return found


def _values(name: str, value: str, *, told: bool) -> Iterator[str]:
    """The secrets in the value of a variable: all of it, its lines, the password in a URL, members of a JSON object."""
    if (told and len(value) >= _SHORTEST_TOLD) or _is_secret(name, value):
        yield value
        yield from _lines(value)
    for match in _IN_URL.finditer(value):
        yield from (password for password in {match[1], unquote(match[1])} if _is_secret("PASSWORD", password))
    if value.startswith("{"):
        yield from _members(value)


def _members(value: str) -> Iterator[str]:
    """What is secret, by its name, in a service account's key or in Docker's `config.json`."""
    try:
        todo = [("", loads(value))]
    except (ValueError, RecursionError):
        return
    while todo:
        name, member = todo.pop()
        if isinstance(member, dict):
            todo.extend(member.items())
        elif isinstance(member, list):
            todo.extend((name, each) for each in member)
        elif isinstance(member, str):
            yield from _values(name, member.strip(), told=False)


def _lines(value: str) -> list[str]:
    """A private key's lines: programs indent and quote them."""
    lines = [line.strip() for line in value.splitlines()[:_LINES]] if not value.startswith("{") else []
    return [line for line in lines if len(line) >= _LINE and not line.startswith("-----")]


def _is_secret(name: str, value: str) -> bool:
    name = re.sub(r"[^A-Z0-9]+", "_", name.upper())
    if len(value) < _SHORTEST or is_common(value) or _ABOUT.search(name) or _PUBLIC.search(name):
        return False
    if _PASSWORD.search(name):
        return True
    return not _is_plain(value) and bool(_TOKEN.search(name) or (_SOME_KEY.search(name) and len(value) >= _KEY))


def _is_plain(value: str) -> bool:
    """A number, a word or a path. A base64 key may begin with `/` and contain more of them, but looks random."""
    if _PATH.fullmatch(value):
        return not _NO_PATH.search(value)
    return bool(_NUMBER.fullmatch(value) or (len(value) <= _WORD_LENGTH and _WORD.fullmatch(value)))


def _forms(value: str) -> set[bytes]:
    """The value as programs may print it; bytes that are no UTF-8 both as they were and as Python's lone surrogates."""
    texts = {value} | _in_json(value)
    texts |= {twice for text in texts for twice in _in_json(text)}
    raw = value.encode("utf-8", "surrogateescape" if _is_bytes(value) else "surrogatepass")
    forms = {text.encode("utf-8", "surrogatepass") for text in texts} | _in_url(raw) | _in_base64(raw)
    return {form for form in forms if len(form) >= _SHORTEST} | {raw}


def _is_bytes(value: str) -> bool:
    """Whether lone surrogates in it stand for bytes (PEP 383), as in all that comes from the environment."""
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _in_json(value: str) -> set[str]:
    """With and without ASCII only; and with `/` escaped, as PHP does."""
    plain = {dumps(value)[1:-1], dumps(value, ensure_ascii=False)[1:-1]}
    return plain | {text.replace("/", r"\/") for text in plain}


def _in_url(raw: bytes) -> set[bytes]:
    """As libraries differ: which characters they leave alone, `+` or `%20`, `%2F` or `%2f`."""
    encoded = {quote_plus(raw), quote(raw, safe=""), quote(raw), quote(raw, safe="!'()*")}
    lower = {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), text) for text in encoded}
    return {text.encode() for text in encoded | lower}


def _in_base64(raw: bytes) -> set[bytes]:
    """By itself, in lines of 64 and 76 as tools wrap it, and inside of something longer at each of the three offsets.

    There, the characters at the edges also encode a neighbour's bits, so they are left off.
    """
    whole = b64encode(raw)
    forms = {whole, whole.rstrip(b"=")}
    if len(raw) <= _WRAPPED:
        forms |= {whole[at : at + width] for width in (64, 76) for at in range(0, len(whole), width)}
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + raw)
        forms.add(encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6])
    return forms | {form.replace(b"+", b"-").replace(b"/", b"_") for form in forms}
