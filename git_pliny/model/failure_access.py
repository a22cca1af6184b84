"""Words of what a program needs before it can work: certificates, credentials, settings, other programs."""

from git_pliny.model.failure_meanings import AUTH, CERTIFICATE, PROGRAM, SETTING, Words, plain, sure

_NOT_SET = r"(?:(?:is|are|was) )?(?:not (?:set|defined|found|configured)|unset|missing|undefined|required|empty)"

ACCESS: tuple[Words, ...] = (
    # ---- credentials, certificates, settings, programs -----------------------------------------------------------
    sure(
        CERTIFICATE,
        "certificate cert certification certificate_verify_failed x509 cert_has_expired self signed version pkix "
        "wrong_version_number depth_zero_self_signed_cert self_signed_cert_in_chain unable_to_verify_leaf_signature "
        "err_tls_cert_altname_invalid err_cert_authority_invalid err_cert_date_invalid err_cert_common_name_invalid",
        r"certificate_verify_failed|pkix path building failed|valid certification path"
        r"|certificate verif(?:y|ication) failed|ssl certificate problem|self[- ]signed certificate|\bx509: "
        r"|cert_has_expired|certificate (?:has )?expired"
        r"|unable to (?:get local issuer|verify the first) certificate"
        r"|ssl routines:.{0,30}wrong version number|\[ssl: wrong_version_number"
        r"|certificate\b.{0,160}(?:is not trusted|not (?:yet )?valid|known issuer|unknown authority|does(?:n't"
        r"| not) match"
        r"|untrusted|has been revoked)|self_signed_cert|unable_to_verify_leaf|cert_altname_invalid|err_cert_\w+"
        r"|problem with the ssl ca cert|error setting certificate|ssl certificate is invalid|code=certificate"
        r"|hostname mismatch, certificate|no alternative certificate subject name|tls: (?:bad|unknown) certificate",
    ),
    sure(
        AUTH,
        "authentication_error invalid_api_key api key apikey api_key_invalid key authentication authenticate "
        "validate "
        "scopes scope reauthenticate credentials secret organization insufficient permissions permission lack",
        r"authentication[_ ]error\b|invalid_api_key|api_key_invalid|invalid client secret|\baadsts\d{4,8}:"
        r"|(?:authenticate|validate) (?:your |the )?(?:api[ _-]?key|credentials?|token|request)\b"
        r"|missing (?:\w+ )?scopes?:"
        r"|please re-?authenticate|endpoint or credentials|(?:not|isn't) allowed for this (?:organization|account"
        r"|workspace)"
        r"|you (?:have insufficient|lack) (?:\w+ )?(?:permissions?|privileges|rights)"
        r"|(?:incorrect|invalid|missing|no|wrong|expired) (?:[\w'-]+ )?api[ _-]?key|invalid x-api-key"
        r"|api[ _-]?key (?:[\w'-]+ )?(?:not valid|(?:is )?invalid|(?:is |was )?not (?:found|provided|set)"
        r"|has expired|expired|(?:is )?missing|(?:is )?required|has been (?:revoked|disabled))",
    ),
    sure(
        AUTH,
        "publickey username password prompts authenticate authenticated authentication auth credential "
        "credentials invalid_grant login logged account service_disabled consumer_invalid",
        r"permission denied,? (?:please try again|\((?:publickey|password|keyboard|gssapi|hostbased))"
        r"|could not read (?:username|password) for|terminal prompts disabled|failed to authenticate"
        r"|authentication (?:is )?(?:failed|required|failure)|could not resolve authentication"
        r"|(?:bad|invalid|missing|wrong|no|expired|incorrect) (?:[\w-]+ )?credentials?\b|\binvalid_grant\b"
        r"|(?:locate|find|load) (?:[\w-]+ )?credentials"
        r"|credentials (?:have |are |were )?(?:expired|invalid|missing|not found)"
        r"|(?:incorrect|invalid|wrong)(?: or missing)? (?:user ?name or )?password"
        r"|password authentication (?:failed|was removed)|please (?:run )?[`'\"/]?(?:[\w-]+ )?login\b"
        r"|please log ?in\b|not logged in|login (?:is )?required|login failed|not authenticated"
        r"|set an auth method|gh auth login|must be logged in|provide credentials|obtain new credentials"
        r"|active account selected"
        r"|(?:no|missing|invalid|without|unsupported|unknown|not \w+ with) auth(?:entication)? (?:method|type"
        r"|info(?:rmation)?|token|data)\b"
        r"|valid authentication credentials",
    ),
    sure(
        AUTH,
        "token expiredtoken session expiredtokenexception invalidclienttokenid unrecognizedclientexception oauth jwt",
        r"(?:token|session)(?: included in the request)? (?:has |is |was )?(?:been )?(?:expired|invalid"
        r"|revoked|invalidated)|\bexpiredtoken|invalidclienttokenid|unrecognizedclientexception"
        r"|(?:invalid|expired|bad|missing) (?:access|auth\w*|bearer|api|oauth|refresh|id|session|jwt|security"
        r"|personal access|github|user) token\b",
    ),
    sure(
        AUTH,
        "accessdenied accessdeniedexception access_denied permission_denied unauthenticated denied "
        "eneedauth host granted service_disabled consumer_invalid project country territory "
        "unsupported_country_region_territory unsupported_country",
        r"\baccessdenied|\baccess_denied\b|permission_denied|\bunauthenticated\b|\beneedauth\b"
        r"|host key verification failed|pull access denied|access to the resource is denied"
        r"|permission to \S{1,200} denied|remote: .{0,80}access denied|write access to repository not granted"
        r"|not (?:supported|available) in your (?:country|region)|country, region, or territory not supported"
        r"|unsupported_country\w*|service_disabled|consumer_invalid|has not been used in project",
    ),
    plain(
        AUTH,
        "unauthorized forbidden denied authorized permissions privileges",
        r"\bunauthori[sz]ed\b|\bforbidden\b|access (?:was )?denied|not authorized (?:to|for)"
        r"|insufficient permissions?|missing (?:required )?permissions?",
    ),
    sure(
        AUTH,
        "refresh refreshed token sign log pg_hba role user wrongpass noauth noperm supplied keys gated permission "
        "authentication requires access storing saving loading retrieving disabled suspended deactivated",
        r"(?:refresh|refreshing) (?:the |your )?(?:access )?token:|token refresh failed|token could not be refreshed"
        r"|refresh token (?:was|is|has)|(?:sign|log) in again|no pg_hba\.conf entry|no password supplied"
        r"|(?:role|user) \"[^\"]{1,80}\" does not exist|\bwrongpass\b|\bnoauth\b|\bnoperm\b|\bgated repo"
        r"|(?<!or )(?<!likely )you (?:do not|don't) have (?:the )?(?:permission|rights)|does not have permission to"
        r"|requires authentication|authentication (?:token|credentials?) (?:is|are|was|were|not|missing|invalid)"
        r"|error (?:storing|saving|loading|retrieving|getting) credentials"
        r"|(?:organization|account|workspace|project|user|key) (?:has been|has|is|was) (?:disabled|suspended"
        r"|deactivated)",
    ),
    sure(
        CERTIFICATE,
        "certificate tls https",
        r"remote certificate is invalid|does not look like a tls handshake|gave http response to https client",
    ),
    sure(
        SETTING,
        "context file git_repository repository database configuration toolchain settings",
        r"cannot locate context|does not appear to be a git repository|fatal: +database \"[^\"]{1,80}\" does not exist"
        r"|no (?:\w+ )?configuration (?:has been |was |is )?(?:provided|found|specified|given)"
        r"|config(?:uration)? file \S{1,200} (?:test failed|contains errors|is invalid)",
    ),
    sure(
        PROGRAM,
        "make fish installed python python3 module choose",
        r"^make(?:\[\d+\])?: \S{1,100}: (?:no such file or directory|command not found|permission denied)$"
        r"|^fish: unknown command|^\S{0,100}python[\d.]{0,8}: no module named \S"
        r"|\b(?:toolchain|sdk|runtime|compiler|executable|interpreter) ['\"\w.@-]{1,60} is not installed"
        r"|rustup could not choose a version",
    ),
    sure(
        SETTING,
        "identity tell ident region ownership profile secret context",
        r"author identity unknown|please tell me who you are|empty ident name|you must specify a region"
        r"|detected dubious ownership|config profile \(.{1,80}\) could not be found|: no secret key$"
        r"|context was not found for specified context|no configuration file provided",
    ),
    sure(
        SETTING,
        "environment env variable",
        r"environment variables? ['\"`$]?\w{1,80}['\"`]? "
        + _NOT_SET
        + r"|environment variables? (?:must be|"
        + _NOT_SET
        + r")|(?:missing|required|undefined|unset) (?:[\w-]+ )?(?:environment|env) var"
        r"|(?:please |try )?set(?:ting)? (?:the )?['\"`$]?\w{2,80}['\"`]? (?:or ['\"`$]?\w{2,80}['\"`]? )?(?:in (?:your"
        r"|the) )?environment var|must be set\b.{0,160}environment variable"
        r"|by setting the \w{2,80} environment variable|or specify \w{2,80} env"
        r"|env(?:ironment)? var(?:iable)? ['\"`$]?\w{1,80}['\"`]? (?:must be|is required|" + _NOT_SET + r")",
    ),
    plain(
        SETTING,
        "config configuration settings setting env missing directory",
        r"(?:required )?(?:config|configuration"
        r"|settings?)(?: file)?(?: ['\"`]?[\w./~-]{1,200}['\"`]?)?:? (?:was |is |could "
        r"|does )?(?:not (?:found|be (?:found|read|loaded|parsed)|exist|set)|missing|invalid|malformed)\b"
        r"|(?:missing|invalid|bad|malformed|incomplete|unknown|required|no such) (?:required )?(?:config"
        r"|configuration|settings?)\b|(?:no|cannot find|could not find|unable to find"
        r"|failed to (?:load|read|parse)) (?:a |the )?(?:config|configuration|settings?)(?: file)?\b"
        r"|missing required (?:option|key|variable|parameter)"
        r"|no such file or directory.{0,120}[/'\"` ](?:[\w.-]*(?:config|settings)[\w.-]*|\.env)['\"`]?\s*$",
    ),
    plain(
        SETTING,
        "agent repository",
        r"\bagent ['\"`]?[\w./-]{1,100}['\"`]? (?:was |is )?not (?:found|defined)|agent not found"
        r"|unknown agent\b|no such agent\b|repository (?:'\S{1,300}' )?not found",
    ),
    sure(
        PROGRAM,
        "command executable interpreter spawn recognized error exec required env",
        r"(?:^|: )command not found$|command not found: \S|executable file not found"
        r"|not recognized as (?:an internal|the name of)|bad interpreter|\bspawn \S{1,200} enoent"
        r"|\*\*\* \[.{0,200}\] error 12[67]\b|cannot execute: required file|exec format error"
        r"|cannot execute binary file|\benv: .{1,100}: no such file or directory|no such command\b",
    ),
    sure(PROGRAM, "found", r"^\S{0,40}sh: (?:line )?\d+: \S{1,100}: not found$"),
)
