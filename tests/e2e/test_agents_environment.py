"""What an agent is given, and what becomes of what it leaves behind."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from scratch import Scratch
from told import artifacts, attempts, checkpoints, entries, of_type, statuses

SECRET = "hunter2-Zq81vKp0Lw"


def test_an_agent_knows_its_session_phase_attempt_and_files(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          look:
            run: |
              env | grep ^PLINY_ > "$OUT"; pwd >> "$OUT"; cat >> "$OUT"
              [ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ] && echo leads >> "$OUT"
              [ -d "$PLINY_DELIVERABLES" ] && [ -e "$PLINY_CONTEXT" ] && [ ! -e "$PLINY_RESULT" ] && echo there >> "$OUT"
            env: {OUT: out.txt, PLINY_AGENT: forged}
            prompt: "Do it.\\n"
          quiet: {run: "cat > quiet.txt; [ ! -s quiet.txt ] && wc -c < $PLINY_CONTEXT"}
        phases: [{name: the phase, agents: [look, quiet]}]
        """
    )
    (scratch.root / "deep").mkdir()
    scratch.pliny("execute", cwd=scratch.root / "deep", stdin="not for agents")
    lines = (scratch.root / "out.txt").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if line.startswith("PLINY_"))
    session = scratch.session()["id"]
    assert {name: found[f"PLINY_{name}"] for name in ("SESSION", "AGENT", "PHASE", "ATTEMPT")} == {
        "SESSION": session,
        "AGENT": "look",
        "PHASE": "the phase",
        "ATTEMPT": "1",
    }
    assert {"PLINY_CONTEXT", "PLINY_DELIVERABLES", "PLINY_RESULT"} <= found.keys()
    assert lines[-4:] == [str(scratch.root), "Do it.", "leads", "there"]
    assert list(artifacts(scratch, "prompts", "look").values()) == ["Do it."]


def test_context_files_come_from_plan_agent_and_command_line(scratch: Scratch) -> None:
    scratch.write("docs/a.md", "text a\n")
    scratch.write("docs/b.md", "text b\n")
    scratch.write("own file.txt", "text own\n")
    scratch.write("deep/extra.md", "text extra\n")
    scratch.plan(
        """
        context: [docs/*.md]
        agents:
          one: {run: "cat $PLINY_CONTEXT > one.txt; echo made > made.txt", context: [own file.txt, docs/a.md]}
          two: {run: "cat $PLINY_CONTEXT > two.txt", context: made.txt}
        """
    )
    scratch.pliny("execute", "--context", "extra.md", "The task", cwd=scratch.root / "deep")
    one, two = ((scratch.root / name).read_text() for name in ("one.txt", "two.txt"))
    places = [
        one.index(text)
        for text in ("The task", "# deep/extra.md", "text extra", "# docs/a.md", "text a", "text b", "text own")
    ]
    assert places == sorted(places)
    assert one.count("text a") == 1
    assert ("text own" in two, "made" in two, "text b" in two) == (False, True, True)


@pytest.mark.parametrize(
    ("plan", "options"),
    [
        ("context: [missing.md]\nagents: {a: {run: touch ran}}", []),
        ("context: missing*.md\nagents: {a: {run: touch ran}}", []),
        ("agents: {a: {run: touch ran, context: [missing.md]}}", []),
        ("agents: {a: {run: touch ran}}", ["--context", "missing.md"]),
    ],
)
def test_missing_context_is_refused_before_anything_runs(scratch: Scratch, plan: str, options: list[str]) -> None:
    scratch.plan(plan)
    refused = scratch.pliny("execute", *options, exits=1)
    assert "missing" in refused.stderr
    assert not (scratch.root / "ran").exists()
    assert scratch.git("for-each-ref", "refs/pliny") == ""


def test_context_that_an_earlier_agent_did_not_write_is_an_error_of_the_plan(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'true'}, b: {run: touch ran, context: notes.md}}")
    scratch.pliny("execute", exits=3)
    error = scratch.session()["agents"]["b"]["error"]
    assert (error["category"], "notes.md" in error["message"]) == ("config", True)
    assert not (scratch.root / "ran").exists()


def test_deliverables_are_kept_and_a_missing_one_is_a_failure(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          folder:
            run: |
              mkdir "$PLINY_DELIVERABLES/sub"; echo undeclared > "$PLINY_DELIVERABLES/sub/more.txt"
              echo declared > "$PLINY_DELIVERABLES/report.md"
            deliverables: [report.md]
          root: {run: "mkdir -p out; echo 1 > out/a; echo 2 > out/b; echo r > r.sh; chmod +x r.sh", deliverables: [out, r.sh]}
          absent: {run: "echo half > half.txt", deliverables: [half.txt, never.txt]}
        phases: [{name: work, parallel: true, agents: [folder, root, absent]}]
        """
    )
    scratch.pliny("execute", exits=3)

    def kept(agent: str) -> dict[str, str]:
        return {name.split("/", 1)[1]: text for name, text in artifacts(scratch, "deliverables", agent).items()}

    assert kept("folder") == {"report.md": "declared", "sub/more.txt": "undeclared"}
    assert kept("root") == {"out/a": "1", "out/b": "2", "r.sh": "r"}
    session = scratch.session()
    tree = scratch.git("ls-tree", "-r", f"refs/pliny/artifacts/{session['id']}", "deliverables/root/")
    assert [line[:6] for line in tree.splitlines()] == ["100644", "100644", "100755"]
    error = session["agents"]["absent"]["error"]
    assert (error["category"], error["recoverable"], "never.txt" in error["message"]) == ("validation", False, True)
    assert attempts(scratch)["absent"] == 1
    assert not (scratch.root / "report.md").exists()


def test_what_agents_say_of_themselves_is_summed_and_shown(scratch: Scratch) -> None:
    def says(**result: object) -> str:
        return f"echo '{json.dumps(result)}' > $PLINY_RESULT"

    first = says(cost_usd=0.25, tokens={"input": 10, "output": 5})
    second = says(cost_usd=0.5, tokens={"input": 1, "output": 2}, summary="two tries", score=0.75)
    agents = {
        "twice": {"run": f"if [ $PLINY_ATTEMPT = 1 ]; then {first}; exit 75; else {second}; fi"},
        "once": {"run": says(cost_usd=1.0, more="keys", verdict="done", summary="fine\u001b[31m")},
        "silent": {"run": "true"},
    }
    strategies = {"retry_strategies": {"tool": {"initial_delay": 1}}}
    scratch.plan(json.dumps({"agents": agents, "error_handling": strategies}))
    done = scratch.pliny("execute", "--json")
    session = scratch.session()
    assert {name: (agent["cost_usd"], agent["tokens"]) for name, agent in session["agents"].items()} == {
        "twice": (0.75, {"input": 11, "output": 7}),
        "once": (1.0, None),
        "silent": (None, None),
    }
    assert (session["metrics"]["cost_usd"], session["metrics"]["tokens"]) == (1.75, {"input": 11, "output": 7})
    ends = {entry["agent"]: entry["data"] for entry in of_type(entries(done), "agent_end")}
    assert (ends["twice"]["summary"], ends["twice"]["score"], ends["twice"]["spent"]["cost_usd"]) == (
        "two tries",
        0.75,
        0.5,
    )
    shown = scratch.pliny("session", "show").stdout
    assert "$1.75, tokens: 11 in, 7 out" in shown
    assert "twice: two tries (score 0.75)" in shown
    assert r"once: fine\x1b[31m" in shown
    assert "$1.75" in scratch.pliny("session", "list").stdout


@pytest.mark.parametrize("written", ["{", '{"cost_usd": -1}', '{"verdict": "maybe"}', "[]"])
def test_a_result_that_cannot_be_used_is_a_failure(scratch: Scratch, written: str) -> None:
    scratch.plan(json.dumps({"agents": {"a": {"run": f"echo '{written}' > $PLINY_RESULT"}}}))
    scratch.pliny("execute", exits=3)
    error = scratch.session()["agents"]["a"]["error"]
    assert (error["category"], error["recoverable"]) == ("validation", False)


def test_a_large_output_is_stored_as_its_head_and_tail(scratch: Scratch) -> None:
    scratch.plan(
        """
        output: {limit: 100000}
        agents:
          loud: {run: "echo FIRST; head -c 5000000 /dev/zero | tr '\\\\0' x; echo; echo LAST"}
          binary: {run: "printf 'a\\\\033[31m\\\\000\\\\377b'; exit 1"}
        phases: [{name: work, parallel: true, agents: [loud, binary]}]
        """
    )
    done = scratch.pliny("execute", exits=3)
    assert "\x1b" not in done.stdout + done.stderr
    (stored,) = artifacts(scratch, "outputs", "loud").values()
    assert 100_000 <= len(stored) < 100_200
    assert stored.startswith("FIRST\nxxx")
    assert stored.endswith("xxx\nLAST")
    assert "4900012 bytes were cut here" in stored
    session = scratch.session()["id"]
    ref = f"refs/pliny/artifacts/{session}"
    name = scratch.git("ls-tree", "-r", "--name-only", ref, "outputs/binary/")
    raw = subprocess.run(
        ["git", "cat-file", "blob", f"{ref}:{name}"],
        cwd=scratch.root,
        env=scratch.environ,
        capture_output=True,
        check=True,
    )
    assert raw.stdout == b"a\x1b[31m\x00\xffb"


def test_secrets_reach_neither_objects_nor_journal_nor_terminal(scratch: Scratch) -> None:
    """Masked: what agents print, say, deliver, are called with and fail with. Files of the workspace are the user's."""
    scratch.write(".gitignore", "private*\n")
    scratch.write("private.md", f"the key is {SECRET}\n")
    summary = "echo '{\"summary\": \"used '$SERVICE_API_KEY'\"}' > $PLINY_RESULT"
    deliver = "echo $SERVICE_API_KEY > $PLINY_DELIVERABLES/key.txt"
    agents = {
        "tells": {"run": f"cat; cat $PLINY_CONTEXT; {summary}; {deliver}", "prompt": f"the key is {SECRET}"},
        "fails": {"run": "echo fatal: bad credentials $SERVICE_API_KEY; exit 1"},
        "called": {"run": f"true $SERVICE_API_KEY {SECRET}"},
    }
    phases = [{"name": "work", "parallel": True, "agents": list(agents)}]
    scratch.write("private.yaml", json.dumps({"context": "private.md", "agents": agents, "phases": phases}))
    secret, plan = {"SERVICE_API_KEY": SECRET}, ["--plan", "private.yaml"]
    told = [
        scratch.pliny("execute", *plan, f"Use {SECRET} well", env=secret, exits=3),
        scratch.pliny("execute", *plan, "--json", "--session", scratch.session()["id"], env=secret, exits=3),
        scratch.pliny("execute", *plan, "--dry-run", env=secret),
        scratch.pliny("session", "show", env=secret),
    ]
    for done in told:
        assert SECRET not in done.stdout + done.stderr
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=scratch.root, capture_output=True, check=True
    ).stdout
    assert SECRET.encode() not in objects
    assert b'"summary":"used ' in objects
    journals = [path.read_text() for path in (scratch.root / ".git/pliny/journal").rglob("*") if path.is_file()]
    assert SECRET not in "".join(journals)
    assert list(artifacts(scratch, "deliverables", "tells").values()) == ["[masked:SERVICE_API_KEY]"]
    assert SECRET not in "".join(artifacts(scratch, "outputs", "tells").values())


def test_secrets_that_the_plan_hands_to_agents_as_variables_are_masked_too(scratch: Scratch) -> None:
    scratch.write(".gitignore", "private*\n")
    other = SECRET[::-1]
    agents = {
        "one": {"run": f"echo $SERVICE_API_KEY; echo {other}", "env": {"SERVICE_API_KEY": SECRET}},
        "two": {"run": "echo $SERVICE_API_KEY", "env": {"SERVICE_API_KEY": other}},
    }
    scratch.write("private.yaml", json.dumps({"agents": agents}))
    scratch.pliny("execute", "--plan", "private.yaml")
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=scratch.root, capture_output=True, check=True
    ).stdout
    assert SECRET.encode() not in objects
    assert other.encode() not in objects
    assert list(artifacts(scratch, "outputs", "two").values()) == ["[masked:SERVICE_API_KEY]"]


def test_an_execute_from_a_hook_or_an_alias_works_on_its_own_repository(scratch: Scratch) -> None:
    """Git exports GIT_DIR, GIT_INDEX_FILE and the like there: for one repository and one moment."""
    scratch.write(".gitignore", "/out\n/other\n")
    scratch.plan(
        """
        agents:
          look:
            run: |
              git rev-parse --show-toplevel >> out; env | grep -c ^GIT_INDEX_FILE= >> out
              git init -q other 2>> out; git -C other rev-parse --git-dir >> out; echo made >> made.txt
        """
    )
    scratch.write(".git/hooks/post-commit", "#!/bin/sh\nexec git pliny execute hook\n", executable=True)
    scratch.git("config", "alias.go", "!git pliny execute alias")
    scratch.write("folder/file", "text\n")
    scratch.git("add", "-A")
    expected = f"{scratch.root}\n0\n.git\n"
    subprocess.run(
        ["git", "commit", "-qm", "work"], cwd=scratch.root, env=scratch.environ, check=True, capture_output=True
    )
    assert (scratch.root / "out").read_text() == expected
    assert scratch.session()["name"] == "hook"
    assert scratch.git("status", "--porcelain") == "?? made.txt"
    alias = scratch.run("git", "go", cwd=scratch.root / "folder")
    assert alias.returncode == 0, alias.stderr
    assert (scratch.root / "out").read_text() == expected * 2
    assert scratch.session()["name"] == "alias"
    outside = scratch.run(
        "git", "--git-dir=.git", "--work-tree=.", "pliny", "execute", "named", env={"GIT_INDEX_FILE": ".git/index"}
    )
    assert outside.returncode == 0, outside.stderr
    assert (scratch.root / "out").read_text() == expected * 3
    assert scratch.git("status", "--porcelain") == "?? made.txt"


def test_settings_come_in_layers_and_the_later_wins(scratch: Scratch) -> None:
    plan = "agents: {a: {run: 'true'}}\n"
    config = Path(scratch.environ["XDG_CONFIG_HOME"]) / "pliny/config.toml"
    scratch.plan(plan)

    def taken(*options: str, **environ: str) -> list[str]:
        scratch.pliny("execute", "again", *options, env=environ)
        return checkpoints(scratch, without=["start"])

    config.parent.mkdir(parents=True)
    config.write_text('[execution]\ncheckpoint = "manual"\n')
    assert taken() == []
    scratch.plan(f"{plan}execution: {{checkpoint_frequency: agent}}\n")
    assert taken() == ["a"]
    assert taken(PLINY_CONFIG_EXECUTION__CHECKPOINT="phase") == ["main"]
    assert taken("--checkpoint", "manual", PLINY_CONFIG_EXECUTION__CHECKPOINT="phase") == []
    config.write_text('[execution]\ncheckpiont = "manual"\n')
    assert "checkpiont" in scratch.pliny("execute", exits=1).stderr


def test_agents_of_the_users_own_folder_and_of_the_project_are_found(scratch: Scratch) -> None:
    own = Path(scratch.environ["XDG_CONFIG_HOME"]) / "pliny/agents"
    own.mkdir(parents=True)
    for folder, name, text in (
        (own, "mine", "#!/bin/sh\necho mine > mine.txt\n"),
        (own, "shared", "#!/bin/sh\nexit 1\n"),
        (scratch.root / ".pliny/agents", "shared", "#!/bin/sh\necho project > shared.txt\n"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    scratch.write(".pliny/agents/prompted.md", "---\nrun: cat > prompted.txt\ntimeout: 1m\n---\nSay hello.\n")
    scratch.plan("phases: [{name: all, parallel: true, agents: [mine, shared, prompted]}]")
    scratch.pliny("execute")
    assert statuses(scratch) == {"mine": "completed", "shared": "completed", "prompted": "completed"}
    assert (scratch.root / "mine.txt").read_text() == "mine\n"
    assert (scratch.root / "shared.txt").read_text() == "project\n"
    assert (scratch.root / "prompted.txt").read_text() == "Say hello."


def test_a_reader_that_leaves_does_not_stop_the_plan(scratch: Scratch) -> None:
    scratch.plan(json.dumps({"agents": {f"a{number}": {"run": "echo x >> log"} for number in range(20)}}))
    read, write = os.pipe()
    process = subprocess.Popen(
        ["git", "pliny", "execute", "--json"], cwd=scratch.root, env=scratch.environ, stdout=write, stderr=write
    )
    os.close(write)
    os.read(read, 10)
    os.close(read)
    assert process.wait(timeout=60) == 0
    assert scratch.session()["status"] == "completed"
    assert (scratch.root / "log").read_text() == "x\n" * 20
