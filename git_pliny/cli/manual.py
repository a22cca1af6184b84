"""The parts of the manual that belong to no single command."""

from typing import NamedTuple


class Item(NamedTuple):
    term: str
    text: str


ENVIRONMENT = (
    Item(
        "PLINY_CONFIG_<SECTION>__<KEY>",
        "A setting, as git-pliny-config(1) names it, in capitals: PLINY_CONFIG_EXECUTION__JOBS=2. It counts more than "
        "the configuration file and pliny.yaml, and less than the command line.",
    ),
    Item("NO_COLOR", "Where it is set to anything, no colours are used."),
    Item(
        "GIT_DIR, GIT_WORK_TREE",
        "The repository to work on, as for git itself. Neither they nor git's other local variables reach the agents.",
    ),
    Item("XDG_CONFIG_HOME", "Where the user's configuration file is looked for; see git pliny config path."),
)

AGENT_ENVIRONMENT = (
    Item("PLINY_SESSION", "The id of the session. git pliny checkpoint create NAME inside an agent finds it here."),
    Item("PLINY_AGENT, PLINY_PHASE, PLINY_ATTEMPT", "Which agent this is, where, and which attempt."),
    Item("PLINY_CONTEXT", "A file with the task and the context files."),
    Item("PLINY_DELIVERABLES", "A folder whose files are kept with the session."),
    Item(
        "PLINY_RESULT",
        "A file where the agent may write JSON: cost_usd, tokens, verdict, score, summary.",
    ),
)

PROMPTS = (
    Item(
        "{{ ... }}, {% ... %}",
        "A prompt with one of them is a Jinja2 template, rendered for each attempt; any other stays as it is. "
        "`template: false` for an agent, or {% raw %} and {% endraw %} around them, keep braces as they are.",
    ),
    Item("task", "The words given to execute, else the plan's task; for a manifest's task its title and description."),
    Item("phase, agent, attempt", "Where and who this is, and the number of the attempt."),
    Item("context", "The context files, each under its name."),
    Item('outputs.NAME, outputs["NAME"]', "What that agent printed when it last succeeded."),
    Item(
        "deliverables.NAME",
        'What that agent delivered, as one text; one file: deliverables.NAME["FILE"], each: deliverables.NAME.files.',
    ),
    Item("acceptance_criteria", "Those of a manifest's task, a list."),
    Item(
        "error",
        "What the previous attempt of this agent failed with, empty where there was none; also error.category and "
        "error.reason.",
    ),
)

CONTEXT = (
    Item(
        "FILE, PATTERN",
        "In `context:` of plan and agent, and with --context. Relative to the root, there to the folder.",
    ),
    Item(
        "agents-md",
        "AGENTS.md, else CLAUDE.md, else GEMINI.md, of the root and of each folder down to another context file.",
    ),
    Item(
        "@PATH",
        "In a Markdown context file: that file as well, relative to it. A file of the repository can import only files "
        "of the repository.",
    ),
)

EXIT_STATUS = (
    Item("0", "Done."),
    Item("1", "An error of the user or of the environment; a hint says what to type next."),
    Item("2", "The command line is wrong."),
    Item("3", "An agent failed."),
    Item("4", "Refused, so as not to overwrite work."),
    Item("5", "Paused: a further attempt would have gone beyond a budget; the run can be resumed with a higher one."),
    Item("70", "A bug in git-pliny; only then a traceback is shown."),
    Item("130", "Interrupted; the run can be resumed."),
)

FILES = (
    Item("pliny.yaml", "The plan of the repository, in its root; git pliny config schema prints its JSON Schema."),
    Item("plan/plan_manifest.json", "The plan where there is no pliny.yaml; completed tasks are written back to it."),
    Item(".pliny/agents/", "Agents that plans can name: executables, or Markdown with YAML front matter."),
)

PLAIN_GIT = (
    Item("git show PLINY_HEAD", "The current session, as JSON."),
    Item("git for-each-ref refs/pliny", "All sessions and checkpoints."),
    Item(
        "git log --notes='pliny/*' refs/pliny/checkpoints/<id>/<name>",
        "The checkpoints of a session with their audit entries.",
    ),
    Item("git diff refs/pliny/checkpoints/<id>/<name> HEAD", "What changed since a checkpoint."),
    Item("git ls-tree -r refs/pliny/artifacts/<id>", "Prompts, outputs and deliverables."),
)
