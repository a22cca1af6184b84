"""Words of what is left: tasks that time out, passing faults, malformed data, needs. `failure_words` says the order."""

from git_pliny.model.failure_meanings import DATA, DEPENDENCY, REQUEST, TEMPORARY, TIMEOUT, Words, plain, sure

_NOTATION = r"(?:json|yaml|toml|xml)\b(?: (?:file|document|data|response|input|string|body|payload|output)\b)?"

REST: tuple[Words, ...] = (
    sure(TIMEOUT, "timeout longer", r"due to (?:statement|query|user|command) time-?out|execution took longer than"),
    plain(
        TIMEOUT,
        "timed timedout timeout time",
        r"timed out (?:after|waiting)|maximum execution time(?: of \d+ \w+)?|(?:command|execution|process|task|job"
        r"|build|step|action|script"
        r"|operation) (?:\w+ )?(?:has )?timed out|time limit (?:was )?exceeded|timeout \d+ ?m?s exceeded"
        r"|\btimed out$|^(?:\w+: )?timeout[.!]?$",
    ),
    plain(
        TEMPORARY,
        "temporary temporarily transient later o retry",
        r"temporary (?:failure|error|i/o error)|temporarily unavailable|transient (?:error|failure)"
        r"|(?:please )?(?:try|retry) (?:again )?later|please retry|\bi/o error\b",
    ),
    sure(
        DATA,
        "json expecting value ejsonparse jsonparseerror",
        r"is not valid json|unexpected (?:token|end|non-whitespace) .{0,60}\bjson\b"
        r"|\bin json at position \d|expected value at line \d+ column \d|\bejsonparse\b|\bjsonparseerror\b"
        r"|\bjson data ends prematurely|unterminated string in json|expecting value: line \d+",
    ),
    plain(
        DATA,
        "json yaml toml xml",
        r"(?:invalid|malformed|bad|broken|corrupt(?:ed)?) "
        + _NOTATION
        + r"|"
        + _NOTATION
        + r" (?:parse|parsing|decode|decoding) (?:error|failed)"
        r"|(?:failed|unable) to (?:parse|decode) (?:[\w'-]+ )?"
        + _NOTATION
        + r"|error parsing (?:[\w'-]+ )?(?:json|yaml|toml|xml)",
    ),
    sure(
        DATA,
        "field property type expected zoderror well input string value list dict",
        r"^(?:input|string|value|list|dict\w*|field) (?:should (?:be (?:an? |greater |less )|have |match )"
        r"|required \[)|missing (?:required )?(?:field|property) |invalid type: .{1,80}, expected "
        r"|did not find expected"
        r"|could not find expected|\bzoderror\b|not well-formed",
    ),
    plain(
        DATA,
        "arguments pattern data response request output message result format schema validation gzip tar zip "
        "zipfile archive input parse",
        r"malformed (?:[\w-]+ )?(?:response|request|output|message|input|result|arguments)\b|invalid request format"
        r"|(?:invalid|malformed|corrupt(?:ed)?|bad) (?:input )?(?:data format|data|file format|format"
        r"|archive|input file|\w+ format)\b|data (?:is|are) (?:invalid|malformed|corrupt(?:ed)?)"
        r"|schema validation (?:failed|error)|validation (?:error|failed)\b(?! of)"
        r"|(?:not|doesn't) (?:match|conform to) (?:the )?(?:json )?schema|not in gzip format"
        r"|does not look like a tar archive|cannot find zipfile directory|not a zip file"
        r"|not a valid (?:zip|archive|gzip|json|yaml|xml)",
    ),
    sure(
        DATA,
        "malformed corrupt corrupted truncated archive schema wheel nul zlib binascii struct",
        r"\b(?:is|are|was|object) (?:malformed|corrupt(?:ed)?|truncated)\b|is not an? (?:[\w.]+ ){0,3}archive\b"
        r"|(?:not|doesn't) (?:match|conform to) (?:the )?(?:\w+ )?schema|\bwheel .{1,300} is invalid|line contains nul"
        r"|^(?:_?csv|zlib|binascii|struct)\.error\b",
    ),
    sure(
        DATA,
        "gzip gunzip zcat xz unxz bzip2 bunzip2 tar zstd unzip cpio gtar bsdtar",
        r"^(?:gzip|g?unzip|zcat|unxz|xz|b(?:un)?zip2|(?:g|bsd)?tar|zstd|cpio): .{0,200}(?:unexpected end of (?:file"
        r"|archive)"
        r"|(?:format|header) not recognized|unknown header|crc error|data integrity|not in \w+ format|invalid"
        r"|unexpected eof in archive|corrupt|not a \w+ file|does not look like)",
    ),
    sure(
        DATA,
        "json database malformed character",
        r"json: cannot unmarshal|invalid character .{1,12} (?:looking for|after|in) |unexpected end of json input"
        r"|file is not a database|database disk image is malformed",
    ),
    sure(DATA, "parse jq", r"^(?:jq: )?parse error: (?:invalid|unfinished|expected|unmatched|objects)"),
    sure(
        DATA,
        "checksum hash hashes eintegrity integrity codec",
        r"hash sum mismatch|failed to verify the checksum|checksum (?:mismatch|verification failed|did not match"
        r"|does not match)|hash(?:es)? (?:mismatch|do not match)"
        r"|not match the hash|\beintegrity\b|codec can't (?:de|en)code",
    ),
    plain(
        DEPENDENCY,
        "dependency dependencies prerequisite prerequisites",
        r"(?:dependency|prerequisite)(?: task)?(?: ['\"]?[\w.-]{1,60}['\"]?:?)? (?:was |is "
        r"|has )?not (?:been )?(?:met|completed|satisfied"
        r"|fulfilled)|(?:dependencies|prerequisites) (?:were |are |have )?not (?:been )?(?:met|completed"
        r"|satisfied|fulfilled)",
    ),
    sure(REQUEST, "invalid_request_error invalid_argument", r"[\"']invalid_request_error|[\"'=]invalid_argument"),
)
