"""R-I-S-E and C-A-R-E by one flag: a coding agent runs the phases with the prompts that come along.

The agents here are small programs, presets of the user's; the real ones have their own tests.
"""

import json
import shlex
from pathlib import Path

import pytest
from scratch import Scratch
from terminal import show
from told import artifacts, attempts, entries, of_type, statuses

RISE = ["research", "identify", "synthesize", "execute"]
CARE = ["context", "analyze", "respond", "evaluate"]
HOSTILE = "Mend {{ it }} {% raw %}\n$(touch owned) `touch owned`; \"touch\" 'owned' \x1b[31m\x07 --use x"


@pytest.fixture
def workspace(scratch: Scratch) -> Scratch:
    """A repository with no coding agent in its PATH but those that a test puts into a folder of its own."""
    bin_folder, tools = scratch.root.parent / "programs", scratch.root.parent / "tools"
    bin_folder.mkdir()
    tools.mkdir()
    for name in ("git", "git-pliny", "sh", "cat", "touch", "wc", "grep", "env"):
        found = scratch.run("sh", "-c", f"command -v {name}").stdout.strip()
        (tools / name).symlink_to(found)
    scratch.environ["PATH"] = f"{bin_folder}:{tools}"
    return scratch


def coder(scratch: Scratch, name: str, answers: str = "echo answer of $PLINY_AGENT") -> None:
    """Install a coding agent: it keeps its prompts as `NAME.AGENT.ATTEMPT` beside the repository, and answers so."""
    path = scratch.root.parent / "programs" / name
    kept = shlex.quote(str(scratch.root.parent / name))
    path.write_text(f"#!/bin/sh\ncat > {kept}.$PLINY_AGENT.$PLINY_ATTEMPT\n{answers}\n")
    path.chmod(0o755)
    presets = Path(scratch.environ["XDG_CONFIG_HOME"]) / "pliny" / "presets"
    presets.mkdir(parents=True, exist_ok=True)
    (presets / f"{name}.yaml").write_text(f"program: {name}\n")


def told(scratch: Scratch, name: str, agent: str, attempt: int = 1) -> str:
    return (scratch.root.parent / f"{name}.{agent}.{attempt}").read_text()


def test_rise_runs_by_one_flag_and_each_phase_hands_its_answer_to_the_next(workspace: Scratch) -> None:
    coder(workspace, "ada", 'echo answer of $PLINY_AGENT; [ "$PLINY_AGENT" != execute ] || touch made.txt')
    coder(workspace, "bob")
    workspace.pliny("execute", "--framework", "rise", "--use", "ada", "Find the flaky test")
    session = workspace.session()
    assert (session["name"], session["framework"], session["status"]) == ("Find the flaky test", "rise", "completed")
    assert list(statuses(workspace)) == RISE
    assert (workspace.root / "made.txt").exists()
    for place, name in enumerate(RISE):
        prompt = told(workspace, "ada", name)
        assert prompt.count("Find the flaky test") == 1
        assert [other for other in RISE if f"answer of {other}\n" in prompt] == RISE[:place]
        assert list(artifacts(workspace, "deliverables", name).values()) == [f"answer of {name}"]
        assert list(artifacts(workspace, "answers", name).values()) == [f"answer of {name}"]


def test_the_only_coding_agent_that_is_installed_is_taken_and_remembered(workspace: Scratch) -> None:
    coder(workspace, "ada", 'echo yes; [ "$PLINY_AGENT" != execute ] || [ -e go ]')
    first = workspace.pliny("execute", "--framework", "rise", "Mend it", exits=3)
    assert "using ada, the only coding agent that is installed here\n" in first.stderr
    coder(workspace, "bob")
    (workspace.root / "go").touch()
    workspace.pliny("session", "resume")
    assert set(statuses(workspace).values()) == {"completed"}
    assert attempts(workspace) == {"research": 1, "identify": 1, "synthesize": 1, "execute": 2}
    assert not list(workspace.root.parent.glob("bob.*"))


def test_of_several_the_user_has_to_name_one(workspace: Scratch) -> None:
    coder(workspace, "ada")
    coder(workspace, "bob")
    refused = workspace.pliny("execute", "--framework", "rise", "Mend it", exits=2).stderr
    assert "several coding agents are installed here: ada, bob; say which one" in refused
    for name in ("ada", "bob"):
        assert f"hint: git pliny execute --framework rise 'Mend it' --use {name}\n" in refused
    assert workspace.git("for-each-ref", "refs/pliny") == ""
    workspace.pliny("execute", "--framework", "rise", "Mend it", env={"PLINY_CONFIG_EXECUTION__USE": "bob"})
    assert told(workspace, "bob", "execute")


@pytest.mark.parametrize(("typed", "code"), [("bob", 0), ("b", 2), ("", 2)])
def test_on_a_terminal_it_asks_which_one(workspace: Scratch, typed: str, code: int) -> None:
    coder(workspace, "ada")
    coder(workspace, "bob")
    command = ["git", "pliny", "execute", "--framework", "rise", "Mend it"]
    shown = show(command, cwd=workspace.root, environ=workspace.environ)
    shown.read(lambda screen: any("Which coding agent? ada, bob:" in line for line in screen.lines))
    shown.type(f"{typed}\n")
    assert shown.finish() == code
    assert [path.name for path in workspace.root.parent.glob("*.execute.1")] == (["bob.execute.1"] if code == 0 else [])


def test_where_none_is_installed_it_says_how_to_install_one(workspace: Scratch) -> None:
    refused = workspace.pliny("execute", "--framework", "care", "Mend it", exits=1).stderr
    assert "no coding agent is installed here" in refused
    assert "npm install -g @anthropic-ai/claude-code; then: git pliny execute --framework care 'Mend it'" in refused


def test_a_hostile_task_is_nothing_but_text(workspace: Scratch) -> None:
    coder(workspace, "ada")
    done = workspace.pliny("execute", "--framework", "rise", "--use", "ada", HOSTILE)
    assert HOSTILE in told(workspace, "ada", "execute")
    assert not (workspace.root / "owned").exists()
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--framework", "rise"], "the agents of framework rise need a task"),
        (["--framework", "rise", "--use", "ada"], 'execute --framework rise --use ada "WHAT IS TO BE DONE"'),
        (["--framework", "rise", "--use", "zoe", "x"], "there is no preset `zoe`"),
        (["--plan", "own.yaml", "--use", "ada", "x"], "every agent of this plan says itself what runs it"),
    ],
    ids=["no-task", "no-task-for-it", "unknown", "in-vain"],
)
def test_what_can_not_be_meant_is_refused_before_anything_runs(
    workspace: Scratch, arguments: list[str], message: str
) -> None:
    coder(workspace, "ada")
    workspace.write("own.yaml", "agents: {a: {run: touch ran}}")
    refused = workspace.run("git", "pliny", "execute", *arguments)
    assert refused.returncode in (1, 2)
    assert message in refused.stderr
    assert workspace.git("for-each-ref", "refs/pliny") == ""


def test_own_agents_stand_before_the_built_in_ones_and_may_leave_open_what_runs_them(workspace: Scratch) -> None:
    coder(workspace, "ada")
    shown = workspace.pliny("frameworks", "show", "rise", "--prompt", "identify").stdout
    workspace.write(".pliny/agents/identify.md", shown.replace("Name causes", "Name all causes") + "\nMine.\n")
    workspace.write(".pliny/agents/execute", "#!/bin/sh\ntouch done.txt\n", executable=True)
    dry = workspace.pliny("execute", "--framework", "rise", "--use", "ada", "-n", "--json", "x").stdout
    sources = {row["agent"]: row["source"].partition(":")[0] for row in json.loads(dry)}
    assert sources == {
        "research": "built-in rise/research.md",
        "identify": ".pliny/agents/identify.md",
        "synthesize": "built-in rise/synthesize.md",
        "execute": ".pliny/agents/execute",
    }
    assert (
        "built-in rise/research.md"
        in workspace.pliny("execute", "--framework", "rise", "--use", "ada", "-n", "x").stdout
    )
    workspace.pliny("execute", "--framework", "rise", "--use", "ada", "Mend it")
    assert told(workspace, "ada", "identify").endswith("Mine.")
    assert "answer of research" in told(workspace, "ada", "identify")
    assert (workspace.root / "done.txt").exists()


def test_an_agents_markdown_of_another_program_runs_by_the_named_coding_agent(workspace: Scratch) -> None:
    coder(workspace, "ada")
    workspace.write(".claude/agents/reviewer.md", "---\nname: reviewer\ndescription: Reviews\n---\nReview it.\n")
    workspace.plan(
        "execution: {use: ada}\nphases: [{name: review, agents: [reviewer, own]}]\nagents: {own: {prompt: Hi.}}\n"
    )
    workspace.pliny("execute")
    assert (told(workspace, "ada", "reviewer"), told(workspace, "ada", "own")) == ("Review it.", "Hi.")


JUDGE = """echo answer of $PLINY_AGENT $PLINY_ATTEMPT
[ "$PLINY_AGENT" != evaluate ] || case $PLINY_ATTEMPT in
1) echo '{"verdict": "again", "score": 4}' ;;
2) echo 'I forgot the verdict.' ;;
3) printf '```json\\n{"verdict": "done",\\n "score": 9}\\n```\\n' ;;
esac"""


def test_care_goes_round_by_the_verdict_in_the_answer_and_later_rounds_see_it(workspace: Scratch) -> None:
    coder(workspace, "ada", JUDGE)
    env = {"PLINY_CONFIG_ERROR_HANDLING__RETRY_STRATEGIES__VALIDATION__INITIAL_DELAY": "1"}
    done = workspace.pliny("execute", "--framework", "care", "--use", "ada", "Mend it", "--json", env=env)
    session = workspace.session()
    assert (session["status"], session["round"]) == ("completed", 2)
    assert attempts(workspace) == {"context": 2, "analyze": 2, "respond": 2, "evaluate": 3}
    verdict = '{"verdict": "again", "score": 4}'
    assert [verdict in told(workspace, "ada", name, 1) for name in CARE] == [False] * 4
    assert [verdict in told(workspace, "ada", name, 2) for name in CARE[:3]] == [True] * 3
    [error] = of_type(entries(done), "error")
    assert (error["agent"], error["data"]["category"]) == ("evaluate", "validation")
    assert "It failed: its answer must end with its verdict" in told(workspace, "ada", "evaluate", 3)
    ends = [entry["data"] for entry in of_type(entries(done), "agent_end", "evaluate")]
    assert [(end["verdict"], end["score"]) for end in ends] == [("again", 4.0), ("done", 9.0)]


def test_outputs_of_a_coding_agent_are_its_answer_and_its_log_is_kept(workspace: Scratch) -> None:
    log = '{"type":"result","subtype":"success","is_error":false,"result":"Forty-two.","modelUsage":{}}'
    coder(workspace, "ada", f"echo '{log}'")
    workspace.plan(
        "presets: {json: {program: ada, output: claude}}\n"
        "agents:\n"
        "  ask: {use: json, prompt: Why?, answer: why.md}\n"
        "  use: {run: 'cat > said.txt', needs: [ask], prompt: '{{ outputs.ask }} {{ deliverables.ask }}'}\n"
    )
    workspace.pliny("execute")
    assert (workspace.root / "said.txt").read_text() == "Forty-two. Forty-two."
    assert log in next(iter(artifacts(workspace, "outputs", "ask").values()))
    assert next(iter(artifacts(workspace, "deliverables", "ask"))).endswith("/why.md")
