"""Prompts that are templates: what agents are told, what is kept of it, and what becomes of one that can't be made."""

import json
import shutil
from hashlib import sha256

import pytest
from scratch import Scratch
from told import artifacts, entries, of_type, statuses

EARLIER = """
  look:
    run: "echo found 42; mkdir -p $PLINY_DELIVERABLES/d; echo one > $PLINY_DELIVERABLES/n.md; echo two > $PLINY_DELIVERABLES/d/m.md"
"""
ORDER = "phases: [{name: first, agents: [look]}, {name: second, agents: [say-it]}]"


def plan(scratch: Scratch, prompt: str, *, run: str = "cat > said.md", more: str = "") -> None:
    indented = prompt.replace("\n", "\n      ")
    scratch.plan(
        f"task: The plan's\nagents:{EARLIER}  say-it:\n    run: {json.dumps(run)}\n    prompt: |\n      {indented}\n{more}\n{ORDER}\n"
    )


def said(scratch: Scratch) -> str:
    return (scratch.root / "said.md").read_text()


def test_an_agent_is_told_what_its_template_asks_for(scratch: Scratch) -> None:
    scratch.write("notes.txt", "the context\n")
    plan(
        scratch,
        "{{ task }}/{{ phase }}/{{ agent }}/{{ attempt }}/{{ error }}/{{ acceptance_criteria | length }}\n"
        "{{ context }}{{ outputs.look }}{{ deliverables.look['d/m.md'] }}{{ deliverables.look }}\n"
        "{% for name in deliverables.look.files %}[{{ name }}]{% endfor %}{{ outputs | list | join }}",
        more="    context: notes.txt",
    )
    scratch.pliny("execute", "Mine {{ agent }}")
    assert said(scratch) == (
        "Mine {{ agent }}/second/say-it/1//0\n# notes.txt\n\nthe context\nfound 42\ntwo\n"
        "# d/m.md\n\ntwo\n\n# n.md\n\none\n\n[d/m.md][n.md]look\n"
    )


def test_without_words_on_the_command_line_the_task_is_the_plan_s(scratch: Scratch) -> None:
    plan(scratch, "{{ task }}")
    scratch.pliny("execute")
    assert said(scratch) == "The plan's\n"


@pytest.mark.parametrize("prompt", ["{{ agent }} é {{ outputs.look }}", "plain: {x} é"])
def test_the_prompt_is_kept_and_its_hash_stands_in_the_trail(scratch: Scratch, prompt: str) -> None:
    plan(scratch, prompt)
    told = entries(scratch.pliny("execute", "--json"))
    found = of_type(told, "prompt", "say-it")
    names = [(entry["attempt"], entry["phase"], entry["data"]) for entry in found]
    kept = said(scratch).encode()
    assert names == [(1, "second", {"sha256": sha256(kept).hexdigest(), "size": len(kept)})]
    ref = f"refs/pliny/artifacts/{scratch.session()['id']}:prompts/say-it/1-{found[0]['run']}.md"
    assert scratch.run("git", "cat-file", "blob", ref).stdout.encode() == kept
    scratch.pliny("audit", "verify")


def test_a_plain_prompt_is_given_byte_for_byte(scratch: Scratch) -> None:
    (scratch.root / "p.md").write_bytes(b"a\r\n\t{# no comment #} $x\r\n\r\n")
    scratch.plan(
        "agents: {a: {run: 'cat > said.md', prompt: p.md}, b: {run: 'cat > b.md', prompt: '${{ x }}{%', template: false}}"
    )
    scratch.pliny("execute")
    assert (scratch.root / "said.md").read_bytes() == b"a\r\n\t{# no comment #} $x\r\n\r\n"
    assert (scratch.root / "b.md").read_text() == "${{ x }}{%"


def test_a_secret_that_an_agent_printed_reaches_no_prompt_and_no_object(scratch: Scratch) -> None:
    secret = "hunter2-Zq81vKp0Lw"
    scratch.plan(
        """
        agents:
          look: {run: "echo $API_TOKEN; echo $API_TOKEN > $PLINY_DELIVERABLES/t"}
          say: {run: "cat > said.md", prompt: "<{{ outputs.look }}{{ deliverables.look }}>"}
        """
    )
    done = scratch.pliny("execute", "--json", env={"API_TOKEN": secret})
    assert secret not in said(scratch)
    assert "[masked:API_TOKEN]" in said(scratch)
    data = of_type(entries(done), "prompt", "say")[0]["data"]
    assert data["sha256"] == sha256(said(scratch).encode()).hexdigest()
    assert scratch.run("git", "grep", "-q", secret, f"refs/pliny/artifacts/{scratch.session()['id']}").returncode == 1


def test_the_next_attempt_is_told_what_went_wrong_also_after_a_resume(scratch: Scratch) -> None:
    plan(
        scratch,
        "{{ attempt }}{% if error %}: {{ error }} ({{ error.category }}; {{ error.reason }}){% endif %}",
        run="cat >> said.md; echo >> said.md; echo 'database is locked'; test -e now || exit 75",
        more="    retry: {max_retries: 1, initial_delay: 1}",
    )
    scratch.pliny("execute", exits=3)
    scratch.write("now", "")
    scratch.pliny("execute", "--resume")
    first, *later = said(scratch).splitlines()
    assert first == "1"
    assert [line[:27] for line in later] == ["2: database is locked (tool", "3: database is locked (tool"]
    scratch.pliny("execute", "--rerun", "say-it")
    assert said(scratch).splitlines()[-1] == "4"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("\n{{ outputs[task] }}", "cannot make the prompt (its line 2): `The plan's` is no agent of this plan"),
        ("{{ outputs[agent] }}", "there is no output of agent `say-it` yet"),
        ("{{ deliverables.look['x.md'] }}", "no file `x.md` was delivered, only d/m.md, n.md"),
        ("{% for i in range(2000) %}{{ outputs.look }}{% endfor %}", "larger than 4096 bytes"),
    ],
)
def test_a_prompt_that_can_t_be_made_fails_that_attempt_alone(scratch: Scratch, prompt: str, words: str) -> None:
    plan(scratch, prompt, run="touch ran")
    env = {"PLINY_CONFIG_EXECUTION__PROMPT_LIMIT": "4096"}
    told = entries(scratch.pliny("execute", "--json", exits=3, env=env))
    assert statuses(scratch) == {"look": "completed", "say-it": "failed"}
    error = of_type(told, "agent_end", "say-it")[0]["data"]["error"]
    assert (error["category"], error["recoverable"]) == ("config", False)
    assert words in error["message"]
    assert of_type(told, "prompt", "say-it") == []
    assert not (scratch.root / "ran").exists()


def test_an_undefined_name_is_refused_before_anything_runs(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: touch ran}, b: {run: cat, prompt: 'Do {{ taks }}'}}")
    done = scratch.pliny("execute", exits=1)
    assert "pliny.yaml:1:" in done.stderr
    assert "did you mean `task`?" in done.stderr
    assert not (scratch.root / "ran").exists()


def test_what_earlier_agents_left_is_read_from_git_where_the_files_are_gone(scratch: Scratch) -> None:
    plan(
        scratch,
        "{{ outputs.look }}{{ deliverables.look['d/m.md'] }}{{ deliverables.look }}",
        run="cat > said.md; test -e now",
    )
    scratch.pliny("execute", exits=3)
    before = said(scratch)
    shutil.rmtree(scratch.root / ".git/pliny/output")
    scratch.write("now", "")
    scratch.pliny("execute", "--resume")
    assert said(scratch) == before
    assert "found 42" in said(scratch)


def test_large_outputs_are_given_with_their_beginning_and_end(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          look: {run: "echo first; head -c 2000000 /dev/zero | tr '\\\\0' x; echo last"}
          say: {run: "cat > said.md", prompt: "{{ outputs.look }}"}
        """
    )
    scratch.pliny("execute")
    assert said(scratch).startswith("first\nxxx")
    assert said(scratch).endswith("xxxlast\n")
    assert "bytes were cut here" in said(scratch)
    assert len(said(scratch)) < 300_000
    shutil.rmtree(scratch.root / ".git/pliny/output")
    scratch.pliny("execute", "--rerun", "say")
    assert said(scratch).startswith("first\nxxx")
    assert said(scratch).endswith("xxxlast\n")
    assert len(said(scratch)) < 300_000


def test_isolated_agents_are_told_the_same(scratch: Scratch) -> None:
    scratch.write("AGENTS.md", "Be kind. @docs/style.md\n")
    scratch.write("docs/style.md", "Short lines.\n")
    scratch.write("dirty.txt", "not committed\n")
    scratch.plan(
        """
        execution: {isolation: worktree, parallel: true}
        context: [agents-md, dirty.txt]
        agents:
          look: {run: "echo seen > seen.md", deliverables: seen.md}
          say: {run: "cat > said.md; cat $PLINY_CONTEXT >> said.md", needs: look, prompt: "{{ deliverables.look }}|{{ context }}"}
        """
    )
    scratch.pliny("execute")
    context = (
        "# AGENTS.md\n\nBe kind. @docs/style.md\n\n# docs/style.md\n\nShort lines.\n\n# dirty.txt\n\nnot committed\n"
    )
    assert said(scratch) == f"seen\n|{context}{context}"


def test_instructions_can_be_asked_for_on_the_command_line(scratch: Scratch) -> None:
    scratch.write("AGENTS.md", "Be kind.\n")
    scratch.write("deep/x", "")
    scratch.plan("agents: {a: {run: 'cat $PLINY_CONTEXT > said.md'}}")
    scratch.pliny("execute", "--context", "agents-md", cwd=scratch.root / "deep")
    assert said(scratch) == "# AGENTS.md\n\nBe kind.\n"


def test_a_context_that_is_too_large_is_refused_and_the_setting_named(scratch: Scratch) -> None:
    scratch.write("big.md", "x" * 2000)
    scratch.plan("execution: {context_limit: 1000}\ncontext: big.md\nagents: {a: {run: touch ran}}")
    done = scratch.pliny("execute", exits=1)
    assert "larger than 1000 bytes" in done.stderr
    assert "execution.context_limit 4000" in done.stderr
    assert not (scratch.root / "ran").exists()


def test_a_manifest_s_task_is_in_its_agent_s_template(scratch: Scratch) -> None:
    task = {
        "id": "I1.T1",
        "title": "Use {{ x }}",
        "description": "D",
        "agent_id": "w",
        "acceptance_criteria": ["{% c %}"],
    }
    scratch.write("plan/plan_manifest.json", json.dumps({"iterations": [{"id": "I1", "tasks": [task]}]}))
    scratch.plan("agents: {w: {run: 'cat > said.md', prompt: 'As {{ agent }}:'}}")
    scratch.pliny("execute")
    assert said(scratch) == "As I1.T1:\n\n# Use {{ x }}\n\nD\n\nAcceptance criteria:\n\n- {% c %}\n"


def test_the_next_round_can_read_what_the_last_one_found(scratch: Scratch) -> None:
    scratch.plan(
        """
        execution: {framework: care}
        agents:
          context: {run: "cat >> said.md", prompt: "{{ outputs.evaluate | default('nothing') | trim }}\\n"}
          analyze: {run: "true"}
          respond: {run: "true"}
          evaluate: {run: "echo try harder; test $PLINY_ATTEMPT = 2 || exit 10"}
        """
    )
    scratch.pliny("execute")
    assert said(scratch) == "nothing\ntry harder\n"
    assert len(artifacts(scratch, "prompts", "context")) == 2


def test_a_resolver_s_prompt_has_the_conflicts_as_context(scratch: Scratch) -> None:
    scratch.write("f", "0\n")
    scratch.commit()
    scratch.plan(
        """
        execution: {isolation: worktree, parallel: true, on_conflict: "agent:mend"}
        agents:
          a: {run: "echo a > f"}
          b: {run: "sleep 0.5; echo b > f"}
          mend: {run: "cat > said.md; echo both > f", prompt: "{{ agent }}: {{ context }}"}
        phases: [{name: p, agents: [a, b]}]
        """
    )
    scratch.pliny("execute")
    assert said(scratch).startswith(("b: # Conflicts\n\n- f: ", "a: # Conflicts\n\n- f: "))


def test_what_was_taken_over_by_hand_keeps_what_its_attempt_printed(scratch: Scratch) -> None:
    scratch.write("f", "0\n")
    scratch.commit()
    scratch.plan(
        """
        execution: {isolation: worktree}
        agents:
          a: {run: "echo a > f"}
          b: {run: "sleep 0.5; echo b > f; echo printed"}
          say: {run: "cat > said.md", isolation: none, prompt: "{{ outputs.b }}"}
        phases: [{name: p, parallel: true, agents: [a, b]}, {name: q, agents: [say]}]
        """
    )
    scratch.pliny("execute", exits=3)
    scratch.pliny("execute", "--resolved", "b")
    assert said(scratch) == "printed\n"
