"""What the names of exceptions mean: data, and the look-up in it."""

from git_pliny.model.failure_meanings import (
    AUTH,
    CERTIFICATE,
    DATA,
    MEMORY,
    MODEL,
    MODEL_ERROR,
    NAME,
    NETWORK,
    NETWORK_TIMEOUT,
    OVERLOADED,
    PERMISSION,
    POLICY,
    PROMPT,
    QUOTA,
    RATE,
    SERVER,
    SETTING,
    TEMPORARY,
    TIMEOUT,
    Meaning,
)
from git_pliny.model.patterns import compiled

# Patterns for the last part of a dotted name, tried from top to bottom. A pattern fits the whole of it.
_NAMES: tuple[tuple[Meaning, str], ...] = (
    (PROMPT, r"Context(?:Window|Length)\w*Exceeded\w*|PromptTooLong\w*|(?:Content|Request|Payload)TooLarge\w*"),
    (QUOTA, r"InsufficientQuota\w*|QuotaExceeded\w*|UsageLimit\w*|InsufficientCredits\w*|PaymentRequired\w*"),
    (MODEL, r"\w*ModelNotFound\w*|UnknownModel\w*|UnsupportedModel\w*"),
    (POLICY, r"ContentPolicyViolation\w*|ContentFilter\w*Error"),
    (RATE, r"RateLimit\w*|TooMany\w*Requests\w*|Throttl\w+|ResourceExhausted\w*|\w*RequestLimitExceeded\w*"),
    (OVERLOADED, r"Overloaded\w*|ModelNotReady\w*"),
    (MODEL_ERROR, r"Model(?:Timeout|StreamError|Error)Exception|ModelExecutionError|EmptyResponseError"),
    (CERTIFICATE, r"\w*Cert\w*Verif\w*|CertificateError|CertPath\w+"),
    (
        AUTH,
        (
            r"Authenticat\w+|Unauthori[sz]ed\w*|Forbidden\w*|PermissionDenied(?:Error)?|AccessDenied\w*"
            r"|Invalid(?:Api)?Key\w*"
            r"|(?:No|Partial)?Credentials\w*|\w*CredentialsError|ExpiredToken\w*|InvalidToken\w*|LoginRequired\w*"
        ),
    ),
    (
        SETTING,
        (
            r"\w*Settings?Error|NoRegionError|ProfileNotFound|ImproperlyConfigured"
            r"|\w*Config(?:uration)?(?:Error|Exception)"
        ),
    ),
    (MEMORY, r"\w*MemoryError|OutOfMemory\w*|BadAlloc"),
    (PERMISSION, r"PermissionError|AccessDeniedException"),
    (TIMEOUT, r"TimeoutExpired|CommandTimeout\w*"),
    (TEMPORARY, r"BlockingIOError|InterruptedError|(?:Lock|FileLock)\w*(?:Timeout|Error)|AlreadyLocked|LockException"),
    (NAME, r"gaierror|herror|UnknownHost\w*|NameResolution\w*|DNS\w*Error"),
    (
        NETWORK_TIMEOUT,
        r"\w*(?:Connect|Connection|Read|Write|Pool|Socket|Request|Http|Gateway|API|Headers|Body)Time[dD]?[oO]ut\w*",
    ),
    (NETWORK_TIMEOUT, r"Time[oO]ut(?:Error|Exception)?|DeadlineExceeded\w*|ServerTimeoutError|timeout"),
    (
        NETWORK,
        (
            r"\w*Connection(?:Refused|Reset|Aborted|Closed|Lost|Failed)?(?:Error|Exception)?|NewConnectionError"
            r"|\w*(?:Connect|Network|Transport|Socket|Read|Write|LocalProtocol|RemoteProtocol)(?:Error"
            r"|Exception)|FetchError|URLError"
            r"|BrokenPipeError|MaxRetryError|ProtocolError|RemoteDisconnected|IncompleteRead\w*|ChunkedEncodingError"
            r"|Server(?:Disconnected|Connection)\w*"
            r"|Client(?:Connector|Connection|OS|Payload)\w*|NoRouteToHost\w*|SSLEOFError|SSLZeroReturnError"
            r"|BadStatusLine|No(?:Brokers?|Nodes?|Servers?|Hosts?|Connections?)\w*Available\w*|\w*ConnectionFailed"
            r"|PortUnreachable\w*|SSLHandshakeException|HttpRequestException|WebException"
        ),
    ),
    (SERVER, r"ServiceUnavailable\w*|InternalServerError|BadGateway\w*|ServerError|Unavailable"),
    (
        DATA,
        (
            r"\w*(?:Decode|Decoding|Validation|Unmarshal\w*)Error|(?:Scanner|Parser|Parse|Schema)Error"
            r"|\w*(?:JsonParse|MalformedJson|Decoding)Exception"
            r"|\w*(?:Json|JSON|Yaml|YAML|Toml|TOML|Xml|XML|Csv|CSV|Parquet|Avro)\w*(?:Error|Exception|Invalid)"
            r"|Unidentified\w*Error|EmptyDataError|ArrowInvalid|Corrupt\w*|Malformed\w*|InvalidFormat\w*"
            r"|UnpicklingError|Bad\w*File|ExpatError|XMLSyntaxError"
        ),
    ),
)

_LONGEST = 300

BUGS = frozenset(
    {
        "ArithmeticException",
        "ArrayIndexOutOfBoundsException",
        "AssertionError",
        "AttributeError",
        "ClassCastException",
        "ClassNotFoundException",
        "FileExistsError",
        "FileNotFoundError",
        "FileNotFoundException",
        "FloatingPointError",
        "IllegalArgumentException",
        "IllegalStateException",
        "ImportError",
        "IndentationError",
        "IndexError",
        "IndexOutOfBoundsException",
        "IsADirectoryError",
        "KeyError",
        "LookupError",
        "ModuleNotFoundError",
        "NameError",
        "NoClassDefFoundError",
        "NoMethodError",
        "NotADirectoryError",
        "NotImplementedError",
        "NullPointerException",
        "NumberFormatException",
        "OverflowError",
        "RangeError",
        "RecursionError",
        "ReferenceError",
        "StopIteration",
        "SyntaxError",
        "TabError",
        "TypeError",
        "UnboundLocalError",
        "UnsupportedOperationException",
        "ZeroDivisionError",
    }
)
"""Exceptions that say by their name that the program itself is wrong, whatever words stand beside them."""


def last_part(name: str) -> str:
    """`ConnectTimeout` of `httpx.ConnectTimeout`, `FetchError` of `Gem::RemoteFetcher::FetchError`."""
    return compiled(r"[.:$]+").split(name[-_LONGEST:])[-1]


def meaning_of_name(name: str) -> Meaning | None:
    """What an exception of that name says; only the last part of a dotted one counts."""
    last = last_part(name)
    return next((meaning for meaning, pattern in _NAMES if compiled(pattern).fullmatch(last)), None)
