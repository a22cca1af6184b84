"""What stands in a secret's place and is none: words, placeholders, and the passwords of examples and defaults."""

import re

_COMMON = re.compile(
    r"access|admin(istrator)?|always|bearer|build|change_?me|ci|debug|default|demo|dev(elopment)?|disabled?|docker"
    r"|dummy|empty|enabled?|example|false|foobar|git(hub|lab)|guest|key(chain|ring)|local(host)?|mariadb|masked"
    r"|mongo(db)?|mysql|never|none|null|nobody|oauth2?|pass(wd|word|phrase)?|placeholder|postgres(ql)?|private"
    r"|prod(uction)?|public|pw|pwd|rabbitmq|redacted|redis|required|root|sample|secret|staging|string|system"
    r"|test(ing)?|token|true|undefined|unknown|unset|user(name)?"
)
_TEMPLATE = re.compile(r"\$\w+|\$?\{+[^}]*\}+|\$\([^)]*\)|<[^>]*>|%\(\w+\)s|%s|\[masked:[^\]]*\]")
_VARIETY = 4
"""How many different characters a secret has at least; `********`, `xxxxxx` and `000000` have fewer."""


def is_common(text: str) -> bool:
    return len(set(text)) < _VARIETY or bool(_COMMON.fullmatch(text.lower()) or _TEMPLATE.fullmatch(text))
