"""Words of the services that models are asked through: limits, rates, prompts. `failure_words` says the order."""

from git_pliny.model.failure_meanings import (
    MEMORY,
    MODEL,
    MODEL_ERROR,
    OVERLOADED,
    POLICY,
    PROMPT,
    QUOTA,
    RATE,
    SERVER,
    Words,
    plain,
    sure,
)

_LIMIT = (
    r"(?:usage|quota|spend|spending|budget|credit|session|weekly|monthly|daily|message|organization|workspace|team"
    r"|account|plan)(?: (?:request|message|token|usage|spend(?:ing)?))? limits?"
)
_REACHED = r"(?:(?:has been|was|is) )?(?:reached|exceeded|hit|exhausted)"
_CONTEXT = r"(?:context|model token)[ _-]?(?:length|window|limit|size|budget|overflow)"
_WHOSE = r"(?:the |its |this |your |available |configured |maximum |max |model(?:'?s)? ){0,4}"

SERVICES: tuple[Words, ...] = (
    # ---- what no waiting mends -----------------------------------------------------------------------------------
    sure(MEMORY, "oom", r"\boom when allocating|resource_?exhausted.{0,20}: (?:out of memory|oom)\b"),
    sure(
        RATE,
        "tokens",
        r"too many tokens(?:,? please wait| per (?!day|month)|.{0,200}\brate limit)|\b429\b.{0,40}too many tokens",
    ),
    sure(
        RATE,
        "quota quotas",
        r"quota (?:\w+ ){0,2}exceeded.{0,300}[ _]per[_ ](?:\w+[_ ])?(?:minute|second|min)"
        r"|quota.{0,80}per[_ ]minute.{0,80}exceeded",
    ),
    sure(
        QUOTA,
        "insufficient_quota quota credit credits balance billing usage_limit_reached "
        "billing_hard_limit_reached tokens_exhausted insufficient "
        "generaterequestsperday generaterequestsperdayperprojectpermodel points subscription plan extra day",
        r"insufficient[_ ](?:[\w-]+ ){0,4}(?:quota|credits?|balance|funds)\b|too many (?:tokens|requests) per (?:day"
        r"|month)"
        r"|exceeded your current quota|usage_limit_reached"
        r"|\bno (?:remaining )?quota\b|credit balance (?:is )?too low"
        r"|billing[_ ](?:hard[_ ])?limit[_ ](?:has been )?reached"
        r"|(?:out of|no (?:more|remaining)|not enough) credits"
        r"|(?<!disk )quota (?:has been |is |was )?(?:exceeded|used up|reached|exhausted)"
        r"|(?:exceeded|reached) (?:your|the) (?:[\w.-]+ ){0,3}(?:quota|allowance|credits)"
        r"|used up (?:all )?(?:your|the) (?:[\w.-]+ ){0,2}(?:points|credits|quota|allowance|balance|tokens)"
        r"|purchase (?:a |an |more |additional )?(?:credits|subscription|plan)\b|need an? (?:[\w-]+ )?subscription"
        r"|(?:subscription|plan) (?:does not|doesn't) (?:yet )?include|not (?:available|included) (?:in|on|with) your"
        r" (?:current )?(?:plan|subscription)|out of extra usage|extra usage is required"
        r"|\bgeneraterequestsperday\w*",
    ),
    sure(
        QUOTA,
        "limit limits",
        r"(?:hit|reached|exceeded|out of) (?:your|the) (?:[\w.-]+ ){0,3}"
        + _LIMIT
        + r"|(?:hit|reached) your limit|\b"
        + _LIMIT
        + r" "
        + _REACHED
        + r"|limit "
        + _REACHED
        + r" for this (?:billing period|month|plan)|\b\d+-hour limit reached",
    ),
    sure(
        QUOTA,
        "credits subscription trial plan payment billing billing_not_active",
        r"\b(?:requires? more|any|used all available|purchase some) credits\b|billing_not_active"
        r"|check your billing details"
        r"|\b(?:free trial|trial|subscription|plan) (?:has |is )?(?:expired|ended|inactive|past due)"
        r"|payment (?:is )?(?:required|overdue)",
    ),
    sure(
        PROMPT,
        "room exceeded maximum",
        r"out of room in the (?:model'?s )?context|exceeded the \d+ output token maximum",
    ),
    sure(
        PROMPT,
        "prompt context tokens token input context_length_exceeded max_tokens request message messages "
        "conversation request_too_large model",
        r"request_too_large|conversation (?:is )?too long|prompt (?:is )?too (?:long|large)|context overflow|"
        + _CONTEXT
        + r"[ _]?exceeded|exceed(?:s|ed)? "
        + _WHOSE
        + _CONTEXT
        + r"|"
        + _CONTEXT
        + r" is \d+k? tokens|tokens? exceeds? (?:the )?model|maximum context length|longer than the (?:model'?s? )?"
        + _CONTEXT
        + r"|exceeds? the model limit|input (?:is )?too (?:long|large)"
        r"|input (?:length|tokens?|token count)\b.{0,60}\bexceeds?"
        r"|\brequest (?:is )?too large\b|max_tokens['`\"]?.{0,40}too large|too many (?:input |prompt )?tokens"
        r"|exceeds? the (?:maximum |model'?s? )?(?:number of |allowed )?(?:input )?tokens?"
        r"|reduce (?:the length of the|your) (?:messages?|prompt|input)|token count exceeds",
    ),
    sure(
        MODEL,
        "model_not_found model_not_supported deploymentnotfound model models deployment endpoints providers",
        r"model_not_found|model_is_deactivated|\bmodel id \[[^\]]{1,80}\] not found|deploymentnotfound"
        r"|model_not_supported|issue with the selected model"
        r"|(?:requested|selected|specified|given|this) model is not|no supported models? available"
        r"|llm provider not provided|\bmodels?\b[ :=/].{1,80}(?<!module )\b(?:does not exist|was not found"
        r"|is not (?:found|available|supported)|has been (?:deprecated|decommissioned|retired|removed)"
        r"|(?:is )?no longer (?:supported|available)|not found, try pulling)|unknown model\b"
        r"|invalid model (?:name|id|identifier)|(?:unsupported|no such|unrecognized) model\b"
        r"|no (?:allowed )?(?:endpoints|providers) (?:are )?(?:found|available)|not a (?:valid|supported) model\b"
        r"|not_found_error.{0,40}model:"
        r"|the api deployment for this resource does not exist",
    ),
    plain(MODEL, "model", r"\bmodel not found\b|model ['\"`]?[\w./:@-]{2,80}['\"`]? (?:was )?not found"),
    sure(
        POLICY,
        "content_policy_violation content_filter content safety prohibited_content "
        "responsibleaipolicyviolation usage flagged recitation",
        r"content_policy_violation|content_filter\b|content management policy|prohibited_content"
        r"|content filtering policy|responsibleaipolicyviolation"
        r"|blocked (?:by|due to|for) (?:the |our )?(?:content|safety|recitation)|result of our safety system"
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
        r"|\brate[ _-]?limit(?:s|ing)?(?: quota)? (?:is |was |has been |have been |had been )?(?:exceeded"
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
        "modelnotreadyexception loading busy demand load",
        r"overloaded_error|\b(?:model|server|engine|service|api|system)s?\b.{0,40}\boverloaded\b"
        r"|529.{0,20}overloaded|(?<=[\"'])overloaded|model_capacity_exhausted|no capacity (?:is )?available"
        r"|\b(?:model|engine|api|we|claude|provider)s?\b.{0,40} (?:at|over) capacity|capacity exceeded|modelnotready"
        r"|\bmodel\b.{0,80}\bis (?:currently |still )?loading"
        r"|experiencing (?:a )?high (?:demand|load|volume|traffic)|(?:server|api|service) (?:is )?(?:too "
        r"|currently )?busy"
        r"|too many concurrent requests",
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
    sure(
        RATE,
        "limiting attempts slow upstream cooldown cooling concurrency",
        r"\bmodel_cooldown\b|credentials for .{1,80} are cooling down|concurrency limit (?:has been |was "
        r"|is )?(?:reached|exceeded)|temporarily limiting requests|too many (?:login |failed )?attempts"
        r"|\bplease slow down"
        r"|rate[ -]limited upstream",
    ),
)

VAGUE_SERVICES: tuple[Words, ...] = (
    sure(
        MODEL_ERROR,
        "transient temporary provider finish_reason unexpected",
        r"(?:transient|temporary) (?:api|model|provider) (?:error|failure|response)|provider returned (?:an )?error"
        r"|\bfinish_reason: error\b|encountered an unexpected error\. try",
    ),
    sure(
        SERVER,
        "something respond",
        r"something went wrong while (?:executing|processing|handling) your (?:query|request)"
        r"|(?:couldn't|could not) respond to your request in time",
    ),
)
