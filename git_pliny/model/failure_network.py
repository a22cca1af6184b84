"""Words of the network: names, time limits, connections, servers. `failure_words` says the order."""

from git_pliny.model.failure_meanings import NAME, NETWORK, NETWORK_TIMEOUT, SERVER, Words, plain, sure

_TIMED_OUT = r"(?:timed?[ -]?out|timeout(?!\w|[=:]\s*\d))"
_CANNOT = r"(?:failed|unable|could not|couldn't|cannot|can't|not able)"

NETWORK_WORDS: tuple[Words, ...] = (
    sure(
        NAME,
        "enotfound err_name_not_resolved eai_again eai_fail resolve resolved resolving resolution "
        "getaddrinfo known host hostname servname dns",
        r"\benotfound\b(?! (?:in|for) )|\beai_\w+\b"
        r"|(?:could not|couldn't|cannot|can't|unable to|failed to) resolve (?:host|proxy|hostname|address)\b"
        r"|(?:could not|cannot|unable to) resolve ['\"][\w-]+(?:\.[\w-]+){1,8}['\"]$"
        r"|unable to resolve host|name or service not known"
        r"|(?:failure|failed) (?:in )?(?:name )?(?:resolution|resolving)|getaddrinfo|no such host\b"
        r"|host not found|remote name could not be resolved|nodename nor servname"
        r"|no address associated with hostname|\bdns (?:error|lookup|resolution)|name does not resolve"
        r"|unknown (?:server |remote )?host\b|err_name_not_resolved|failed to lookup address",
    ),
    sure(
        NETWORK_TIMEOUT,
        "etimedout esockettimedout tls und_err_connect_timeout und_err_headers_timeout "
        "und_err_body_timeout err_socket_connection_timeout err_connection_timed_out err_timed_out "
        "timeout deadline",
        r"\bstream(?:ing)? (?:\w+ )?timeout\b|\be(?:socket)?timedout\b|tls handshake timeout|client\.timeout"
        r"|und_err_\w*timeout"
        r"|err_socket_connection_timeout|\bi/o timeout\b|timeout was reached|socket connection timeout"
        r"|connect timeout error|headers timeout error|deadline of .{1,30} exceeded"
        r"|timeout of \d+ ?ms exceeded(?!\. for async)|err_(?:connection_)?timed_out",
    ),
    sure(
        NAME,
        "nxdomain servfail getaddrinfo host dns_probe_finished_nxdomain find",
        r"\bnxdomain\b|\bservfail\b|dns_probe_finished|no such host is known|server can't find \S",
    ),
    sure(
        NETWORK_TIMEOUT,
        "aborted handshake banner longer",
        r"aborted due to timeout|handshake timed out|timed out during (?:banner|handshake)",
    ),
    sure(NETWORK_TIMEOUT, "curl operation", r"curl: \(28\)|curl error 28\b|operation timed out|operation too slow"),
    sure(
        NETWORK,
        "econnrefused econnreset econnaborted ehostunreach enetunreach enetdown und_err_socket "
        "err_network err_internet_disconnected err_network_changed err_connection_refused "
        "err_connection_reset err_connection_closed err_connection_aborted opentimeout readtimeout tcp "
        "err_connection_failed err_stream_premature_close err_http2_stream_error err_http2_goaway_session enetreset "
        "ehostdown enotconn und_err_aborted network_error stream_read_error",
        r"\b(?:econn(?:refused|reset|aborted)|ehost(?:unreach|down)|enet(?:unreach|down|reset)|enotconn)\b"
        r"|und_err_aborted"
        r"|^stream_read_error\b|reason: network_error\b|\bund_err_socket\b"
        r"|\berr_(?:network|internet_disconnected|network_changed"
        r"|connection_(?:refused|reset|closed|aborted|failed))\b|err_stream_premature_close|err_http2_\w+"
        r"|net::(?:open|read)timeout|failed to open tcp connection",
    ),
    sure(
        NETWORK,
        "curl dial http rpc",
        r"curl: \((?:5|6|7|16|18|35|52|55|56|92)\)|curl error (?:6|7|18|35|52|56|92)\b|\bdial (?:tcp|udp)\b"
        r"|net/http: (?:request canceled|http/1)|rpc failed; (?:curl|http|result)"
        r"|http/2 stream \d+ was not closed cleanly|rpc error: code = unavailable",
    ),
    sure(
        NETWORK,
        "ssh_exchange_identification class failure connecting attempts connection communication epipe disconnect "
        "disconnected closed hung "
        "eof kex_exchange_identification reply hang "
        "upstream sending connect retries server spurious premature remote socket resets rsync handshake "
        "tunnel unreachable sent index stream network file",
        r"failed to establish a new connection|max retries exceeded with url|remote end (?:closed|hung up)"
        r"|connection broken by|server disconnected|unexpected disconnect|fatal: early eof"
        r"|kex_exchange_identification|ssh_exchange_identification|empty reply from server|server closed abruptly"
        r"|socket hang up"
        r"|peer closed connection|transfer closed with|server closed the connection"
        r"|(?:stream|connection|socket) (?:disconnected|closed) before|premature close"
        r"|forcibly closed by the remote host|too many connection resets|connection unexpectedly closed"
        r"|error in rsync protocol|terminated the handshake|existing connection was"
        r"|tunnel connection failed: 5|unreachable!|unable to load the service index"
        r"|could not be sent to remote host|\b(?:get|post|put|head|patch) \S{1,500} (?:unexpected )?eof$"
        r"|(?:read|body|stream|download\w*|pull\w*|fetch\w*|connection|response)\b.{0,120}: unexpected eof$"
        r"|connection attempt failed|error sending request for|error trying to connect"
        r"|client error \(connect\)|cannot connect to (?:host|the docker daemon)|spurious network error"
        r"|lost (?:communication|contact) with the \w+|\bepipe\b|@v\d[\w.+-]{0,80}: (?:unexpected )?eof$"
        r"|socket connection to the server was not read|connection closed at byte \d"
        r"|network failure seems to have happened|\bclass=(?:net|ssl|http) \(|waiting for (?:the )?network\b"
        r"|error connecting to \S|attempts? to connect to .{1,120} failed|end of file reached"
        r"|could not connect to the endpoint|upstream connect error|terminating connection due to",
    ),
    sure(
        NETWORK,
        "tcp ssl_error_syscall gnutls_handshake gnutls ssl_read ssl tls protocol unexpected_eof_while_reading",
        r"ssl_error_syscall|gnutls_handshake|\bssl_read\b.{0,40}(?:error|eof)"
        r"|eof occurred in violation of protocol|non-properly terminated|gnutls recv error|ssl connect error"
        r"|(?:ssl|tls) handshake (?:failed|failure|error)|\b(?:read|write) tcp \S"
        r"|unexpected_eof_while_reading|unexpected eof while reading",
    ),
    sure(
        NETWORK,
        "network",
        r"problem related to network connectivity|trouble with your network connection"
        r"|network (?:is )?unreachable",
    ),
    sure(
        NETWORK,
        "socket stream request response send recv sending receiving receive goaway eproto handshake syscall "
        "communications peer side terminated",
        r"\b(?:send|recv) failure: |fail(?:ed|ure) (?:when )?(?:sending|receiving|receive|recv) data (?:to"
        r"|from) the peer"
        r"|sent goaway|\beproto\b|alert handshake failure|ssl syscall error|communications link failure"
        r"|socket connection (?:was )?(?:unexpectedly )?closed\b|\b(?:stream|request|response) ended (?:without"
        r"|before)\b"
        r"|other side closed|^typeerror: terminated\b|got socket error\b",
    ),
    sure(
        NETWORK,
        "loading clients slots connections nodes brokers hosts unreachable response responding err_socket_closed",
        r"loading the dataset in memory|too many clients already|connection slots are reserved"
        r"|max(?:imum)? number of clients reached|\btoo many connections\b|\bunreachable or down\b"
        r"|\b(?:no|none of the configured) (?:\w+ )?(?:nodes|brokers|hosts|connections) (?:are |is )?available"
        r"|(?:unexpected|premature) end of (?:the )?(?:response|body|stream|chunk)"
        r"|server \S{1,100} (?:is )?not responding"
        r"|\berr_socket_\w+|no living connections",
    ),
    plain(
        NETWORK,
        "connection connect stream",
        r"^(?:stream|socket)(?: connection)? (?:was |is )?(?:unexpectedly )?(?:aborted|closed|interrupted|reset)\b"
        r"|\bconnection (?:(?:to|with|from|between|at) .{1,120}? )?(?:was |is |has been |been "
        r"|attempt )?(?:unexpectedly )?(?:actively )?(?:refused|reset|aborted|lost|dropped|terminated|failed"
        r"|timed out|closed(?: by| unexpectedly|$))|^connection (?:closed|reset|timed out)\b|"
        + _CANNOT
        + r" (?:to )?(?:re)?connect(?:ing)?\b(?!ed)|connect failed|connect error|^connection error\b"
        r"|connection error(?=\W*$)",
    ),
    plain(
        NETWORK,
        "refused route unreachable host down pipe",
        r"actively refused|no route to host|host (?:is )?(?:unreachable|down)\b|send disconnect: broken pipe"
        r"|write failed: broken pipe",
    ),
    plain(
        NETWORK,
        "network fetch server data mysql database internet ssl",
        r"\bssl error\b|\bnetwork (?:error|failure|connection (?:lost|error)|is down)\b|\bfetch failed\b"
        r"|no data received"
        r"|mysql server has gone away|lost connection to (?:mysql )?server|could not connect to server"
        r"|no internet connection|network is down|server (?:is )?not responding"
        r"|no response from (?:the )?server|database system is (?:starting up|shutting down)",
    ),
    plain(
        NETWORK,
        "reach contact establish",
        _CANNOT + r" (?:to )?(?:reach|contact|establish (?:a |the )?(?:\w+ )?connection)\b",
    ),
    plain(
        NETWORK_TIMEOUT,
        "timed timedout timeout time-out",
        r"\b(?:connection|connect|connecting|request|read|write|socket|handshake|network|api|http|server"
        r"|upstream|gateway|response|fetch|download|query|proxy)(?: \w+){0,2} "
        + _TIMED_OUT
        + r"|: timed out$|\b(?:network|read|connect|connection|request|socket"
        r"|gateway) timeout\b(?! (?:is|of|set|to|for)\b)"
        r"|\btimeout (?:error|exceeded|reached|expired)\b(?=.{0,40}(?:connect|request|server|http|url))",
    ),
    plain(NETWORK_TIMEOUT, "deadline deadline_exceeded", r"(?:context )?deadline[ _]exceeded"),
    plain(
        SERVER,
        "gateway unavailable server internal serviceunavailable internalerror allotted",
        r"\((?:serviceunavailable|internalerror)\)|server is currently unable|returned an error: \(5\d\d\)"
        r"|\bbad gateway\b|gateway time-?out|service (?:is )?(?:temporarily |currently )?unavailable"
        r"|internal server error|\bcode = unavailable\b|status: unavailable\b|^unavailable:"
        r"|unable to return a response in the time allotted"
        r"|server (?:is )?(?:temporarily|currently) unavailable|remote: internal server error",
    ),
)
