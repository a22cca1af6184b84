"""Words of the machine: disk, memory, permission, locks. `failure_words` says the order."""

from git_pliny.model.failure_meanings import DISK, LIMITS, LOCK, MEMORY, PERMISSION, TEMPORARY, Words, plain, sure

MACHINE: tuple[Words, ...] = (
    # ---- the machine ------------------------------------------------------------------------------------------
    sure(
        DISK,
        "space enospc edquot disk misconf storage",
        r"no space left on|\benospc\b|disk quota exceeded|\bedquot\b"
        r"|not enough (?:free )?(?:disk |storage )?space|insufficient (?:disk )?space|out of disk space"
        r"|storage (?:cap|quota|limit) (?:exceeded|reached)|unable to persist (?:on|to) disk|insufficient storage"
        r"|disk (?:is )?full\b|no (?:free )?disk space",
    ),
    sure(
        MEMORY,
        "killed memory enomem oom bad_alloc oomkilled heap",
        r"(?<!when )out of memory|allowed memory size of \d+ bytes exhausted|fatal process oom|\benomem\b"
        r"|\boom[- ]?kill(?:ed|er)?\b(?!['\"]?[=:] ?(?:false|0))"
        r"|cannot allocate memory|std::bad_alloc|java heap space|gc overhead limit"
        r"|requires more (?:system )?memory|memory (?:is )?exhausted|unable to allocate .{0,40}\b[kmgt]i?b\b"
        r"|command not allowed when used memory|killed signal terminated program"
        r"|memory allocation of \d+ bytes failed|not enough (?:system )?memory",
    ),
    sure(
        LIMITS,
        "open emfile enfile efbig limit watchers thread",
        r"too many open files|\bemfile\b|\benfile\b|\befbig\b|file size limit exceeded"
        r"|limit for number of file watchers|can't start new thread"
        r"|unable to create (?:new )?(?:native )?thread",
    ),
    # ---- permission and locks: both can speak of a lock ----------------------------------------------------------
    sure(
        PERMISSION,
        "eacces eperm erofs root superuser sudo elevation",
        r"\beacces\b|\beperm\b|\berofs\b|are you root\?|must be (?:run as )?root"
        r"|must be run as (?:root|administrator)|requires? root|must be superuser"
        r"|^sudo: (?:a password is required|a terminal is required|no tty present|.{0,80}not allowed)"
        r"|requires elevation",
    ),
    plain(
        PERMISSION,
        "denied permitted permission readonly read system filesystem privileges",
        r"permission denied|operation not permitted|read-only file ?system|insufficient privileges"
        r"|access is denied|permission error|read-?only database",
    ),
    sure(
        LOCK,
        "lock locked locking locks database",
        r"unable to create '.{1,300}\.lock': file exists|cannot lock ref"
        r"|(?:get|obtain|acquire|acquiring|grab|take) (?:[\w'/.-]+ ){0,5}lock\b"
        r"|error locking (?:[\w'-]+ ){0,3}state|database (?:table |schema )?is locked"
        r"|database .{0,120}\bis busy|lock wait timeout"
        r"|waiting (?:for|to) (?:[\w'-]+ ){0,3}lock\b.{0,60}timed? ?out"
        r"|timed? ?out.{0,40} waiting (?:for|to) (?:[\w'/.-]+ ){0,6}lock"
        r"|(?:is|are|was) (?:currently |already )?locked by|lock (?:is )?(?:already )?held"
        r"|(?:could not|cannot|can't|unable to) lock\b|busy or locked|lock .{1,200}could not be acquired"
        r"|held by (?:another )?process|file is locked|(?:is|was) locked by another|lock timeout"
        r"|lock file .{1,200}already exists|lock wait timed out",
    ),
    sure(
        LOCK,
        "deadlock serialize sqlite_busy ebusy etxtbsy busy another process eaddrinuse address port",
        r"deadlock (?:detected|found)|could not serialize access|\bsqlite_busy\b|\bebusy\b|\betxtbsy\b"
        r"|\beaddrinuse\b|address already in use|port (?:\d+ )?is already (?:allocated|in use)|port \d+ is in use"
        r"|\b(?:target|file|table) is busy|text file busy|device or resource busy|resource busy|used by another process"
        r"|another (?:git )?process seems to be"
        r"|another \w{1,40}(?: \([\w/]+\))? (?:is )?(?:currently )?(?:already )?(?:in progress|running"
        r"|holding)|another (?:[\w-]+ ){1,4}(?:is|has) (?:already )?(?:in progress|running|holding)"
        r"|is another process using it",
    ),
    sure(
        TEMPORARY,
        "resource eagain eio estale stale input output interrupted block ewouldblock",
        r"resource temporarily unavailable|\beagain\b|\beio\b|\bestale\b|stale (?:nfs )?file handle"
        r"|operation would block|\bewouldblock\b|input/output error|interrupted system call|\bdisk i/o error",
    ),
)
