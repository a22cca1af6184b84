"""Words of services: models and their limits, rates, credentials, settings. `failure_words` says the order."""

from git_pliny.model.failure_meanings import (
    AUTH,
    CERTIFICATE,
    MODEL,
    MODEL_ERROR,
    OVERLOADED,
    POLICY,
    PROGRAM,
    PROMPT,
    QUOTA,
    RATE,
    SETTING,
    Words,
    plain,
    sure,
)

_LIMIT = r"(?:usage|quota|spend|spending|budget|credit|session|weekly|monthly|daily|message|request) limits?"
_CONTEXT = r"context[ _-]?(?:length|window|limit|size)"
_NOT_SET = r"(?:(?:is|are|was) )?(?:not (?:set|defined|found|configured)|unset|missing|undefined|required|empty)"

SERVICES: tuple[Words, ...] = (
    # ---- what no waiting mends -----------------------------------------------------------------------------------
    sure(
        RATE,
        "quota quotas",
        r"quota (?:\w+ ){0,2}exceeded.{0,300}[ _]per[_ ](?:\w+[_ ])?(?:minute|second|min)"
        r"|quota.{0,80}per[_ ]minute.{0,80}exceeded",
    ),
    sure(
        QUOTA,
        "insufficient_quota quota credit credits balance billing usage_limit_reached "
        "billing_hard_limit_reached tokens_exhausted insufficient",
        r"insufficient[_ ](?:quota|credits?|balance|funds)|exceeded your current quota|usage_limit_reached"
        r"|\bno (?:remaining )?quota\b|credit balance (?:is )?too low"
        r"|billing[_ ](?:hard[_ ])?limit[_ ](?:has been )?reached"
        r"|(?:out of|no (?:more|remaining)|not enough) credits"
        r"|(?<!disk )quota (?:has been |is |was )?(?:exceeded|used up|reached|exhausted)"
        r"|(?:exceeded|reached) (?:your|the) (?:[\w.-]+ ){0,3}(?:quota|allowance|credits)"
        r"|purchase (?:more )?credits|out of extra usage",
    ),
    sure(
        QUOTA,
        "limit limits",
        r"(?:hit|reached|exceeded|out of) (?:your|the) (?:[\w.-]+ ){0,3}"
        + _LIMIT
        + r"|(?:hit|reached) your limit|\b"
        + _LIMIT
        + r" (?:(?:has been|was|is) )?(?:reached|exceeded|hit)|\b\d+-hour limit reached",
    ),
    sure(
        PROMPT,
        "prompt context tokens token input context_length_exceeded max_tokens request message messages "
        "conversation request_too_large",
        r"request_too_large|conversation (?:is )?too long|prompt (?:is )?too long|"
        + _CONTEXT
        + r"[ _]?exceeded|exceeds? (?:the |its |this )?(?:model'?s? )?(?:maximum |max )?"
        + _CONTEXT
        + r"|maximum context length|longer than the (?:model'?s? )?"
        + _CONTEXT
        + r"|input (?:is )?too (?:long|large)|input (?:length|tokens?|token count)\b.{0,60}\bexceeds?"
        r"|request too large for|max_tokens['`\"]?.{0,40}too large|too many (?:input |prompt )?tokens"
        r"|exceeds? the (?:maximum |model'?s? )?(?:number of |allowed )?(?:input )?tokens?"
        r"|reduce (?:the length of the|your) (?:messages?|prompt|input)|token count exceeds",
    ),
    sure(
        MODEL,
        "model_not_found model_not_supported deploymentnotfound model models deployment",
        r"model_not_found|deploymentnotfound|model_not_supported|issue with the selected model"
        r"|(?:requested|selected|specified|given|this) model is not|no supported models? available"
        r"|llm provider not provided|\bmodels?\b(?: |:|=).{1,80}(?<!module )\b(?:does not exist|was not found"
        r"|is not (?:found|available|supported)|has been deprecated|not found, try pulling)|unknown model\b"
        r"|invalid model (?:name|id|identifier)|(?:unsupported|no such|unrecognized) model\b"
        r"|not a (?:valid|supported) model\b|not_found_error.{0,40}model:"
        r"|the api deployment for this resource does not exist",
    ),
    plain(MODEL, "model", r"\bmodel not found\b|model ['\"`]?[\w./:@-]{2,80}['\"`]? (?:was )?not found"),
    sure(
        POLICY,
        "content_policy_violation content_filter content safety prohibited_content "
        "responsibleaipolicyviolation usage flagged",
        r"content_policy_violation|content_filter\b|content management policy|prohibited_content"
        r"|content filtering policy|responsibleaipolicyviolation"
        r"|blocked (?:by|due to) (?:the |our )?(?:content|safety)"
        r"|violat\w+ (?:of )?(?:our|the|openai'?s?|anthropic'?s?) (?:usage|content) polic",
    ),
    # ---- rate limits: some come as 401 or 403, so they stand above those -----------------------------------------
    sure(
        RATE,
        "rate_limit_error rate_limit_exceeded rate_limited ratelimiterror ratelimitexceeded "
        "toomanyrequests too_many_requests resource_exhausted throttlingexception throttling "
        "requestlimitexceeded throttled slowdown too_many_tokens_error",
        r"rate_limit(?:_error|_exceeded|ed)|ratelimit(?:error|exceeded)\b|too_?many_?requests"
        r"|resource_exhausted|throttlingexception|\(throttling\)|throttling:|requestlimitexceeded"
        r"|\bslowdown\b|\b(?:request|been|being|was|were|is) throttled|too_many_tokens_error",
    ),
    sure(
        RATE,
        "rate ratelimit",
        r"(?:exceed(?:ed|s|ing)?|hit|hitting|reached|over) (?:[\w'-]+ ){0,4}rate[ -]?limits?\b"
        r"|\brate[ -]?limit(?:s|ing)?(?: quota)? (?:is |was |has been |have been |had been )?(?:exceeded"
        r"|reached|hit|error)|\brate exceeded|you(?:'re| are| have been) (?:being )?rate[ -]limited"
        r"|api rate limit",
    ),
    sure(RATE, "exhausted", r"resource (?:has been )?exhausted"),
    plain(
        RATE,
        "rate requests throttled",
        r"(?:\b429 )?\btoo many requests|\brate[ -]limited\b|quota of requests"
        r"|requests? (?:was |were )?throttled",
    ),
    sure(
        OVERLOADED,
        "overloaded overloaded_error overload concurrent capacity model_capacity_exhausted "
        "modelnotreadyexception loading busy demand",
        r"overloaded_error|\b(?:model|server|engine|service|api|system)s?\b.{0,40}\boverloaded\b"
        r"|529.{0,20}overloaded|[\"']overloaded|model_capacity_exhausted|no capacity (?:is )?available"
        r"|\b(?:is|are) (?:currently |temporarily )?(?:at|over) capacity|capacity exceeded|modelnotready"
        r"|\bmodel\b.{0,80}\bis (?:currently |still )?loading|experiencing high demand"
        r"|server (?:is )?(?:too )?busy|too many concurrent requests",
    ),
    plain(OVERLOADED, "overloaded", r"\boverloaded[.!]?$"),
    sure(
        MODEL_ERROR,
        "processing model malformed_function_call",
        r"error (?:occurred )?while processing your request|had an error (?:while )?processing your request"
        r"|malformed_function_call|(?:empty|no|invalid) response from (?:the )?model"
        r"|model (?:produced|returned|generated|output) (?:an? )?(?:invalid|empty|malformed|incomplete)"
        r"|model (?:stream|execution|inference) (?:ended|error|failed|timed)",
    ),
    # ---- credentials, certificates, settings, programs -----------------------------------------------------------
    sure(
        CERTIFICATE,
        "certificate certification certificate_verify_failed x509 cert_has_expired self signed version pkix",
        r"certificate_verify_failed|pkix path building failed|valid certification path"
        r"|certificate verif(?:y|ication) failed|ssl certificate problem|self[- ]signed certificate|\bx509: "
        r"|cert_has_expired|certificate (?:has )?expired"
        r"|unable to (?:get local issuer|verify the first) certificate"
        r"|ssl routines:.{0,30}wrong version number",
    ),
    sure(
        AUTH,
        "authentication_error invalid_api_key api key apikey api_key_invalid key",
        r"authentication_error|invalid_api_key|api_key_invalid"
        r"|(?:incorrect|invalid|missing|no|wrong|expired) (?:[\w'-]+ )?api[ _-]?key|invalid x-api-key"
        r"|api[ _-]?key (?:[\w'-]+ )?(?:not valid|(?:is )?invalid|(?:is |was )?not (?:found|provided|set)"
        r"|has expired|expired|(?:is )?missing|(?:is )?required)",
    ),
    sure(
        AUTH,
        "publickey username password prompts authenticate authenticated authentication auth credential "
        "credentials invalid_grant login logged",
        r"permission denied,? (?:please try again|\((?:publickey|password|keyboard|gssapi|hostbased))"
        r"|could not read (?:username|password) for|terminal prompts disabled|failed to authenticate"
        r"|authentication (?:is )?(?:failed|required|failure)|could not resolve authentication"
        r"|(?:bad|invalid|missing|wrong|no|expired|incorrect) (?:[\w-]+ )?credentials?\b|\binvalid_grant\b"
        r"|(?:locate|find|load) (?:[\w-]+ )?credentials"
        r"|credentials (?:have |are |were )?(?:expired|invalid|missing|not found)"
        r"|(?:incorrect|invalid|wrong)(?: or missing)? (?:user ?name or )?password"
        r"|password authentication (?:failed|was removed)|please (?:run )?[`'\"/]?(?:[\w-]+ )?login\b"
        r"|please log ?in\b|not logged in|login (?:is )?required|login failed|not authenticated"
        r"|set an auth method|gh auth login",
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
        "eneedauth host granted",
        r"\baccessdenied|\baccess_denied\b|permission_denied|\bunauthenticated\b|\beneedauth\b"
        r"|host key verification failed|pull access denied|access to the resource is denied"
        r"|permission to \S{1,200} denied|remote: .{0,80}access denied|write access to repository not granted",
    ),
    plain(
        AUTH,
        "unauthorized forbidden denied authorized permissions privileges",
        r"\bunauthori[sz]ed\b|\bforbidden\b|access (?:was )?denied|not authorized (?:to|for)"
        r"|insufficient permissions?|missing (?:required )?permissions?",
    ),
    sure(
        SETTING,
        "identity tell ident region ownership",
        r"author identity unknown|please tell me who you are|empty ident name|you must specify a region"
        r"|detected dubious ownership",
    ),
    sure(
        SETTING,
        "environment env variable",
        r"environment variables? ['\"`$]?\w{1,80}['\"`]? "
        + _NOT_SET
        + r"|environment variables? (?:must be|"
        + _NOT_SET
        + r")|(?:missing|required|undefined|unset) (?:[\w-]+ )?(?:environment|env) var"
        r"|(?:please )?set (?:the )?['\"`$]?\w{2,80}['\"`]? (?:or ['\"`$]?\w{2,80}['\"`]? )?(?:in (?:your"
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
        r"|unknown agent\b|no such agent\b|repository not found",
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
