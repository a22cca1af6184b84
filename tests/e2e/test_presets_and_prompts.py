"""Coding agents by presets, whose prompts are templates, within a budget."""

from scratch import Scratch

AGENT = """\
#!/bin/sh
cat > "asked-$PLINY_AGENT"
printf '{"cost_usd": 0.6, "tokens": {"input": 10, "output": 5}}' > "$PLINY_RESULT"
echo "answer of $PLINY_AGENT"
"""
PLAN = """
task: {name: Tidy the parser}
execution: {budget: {cost_usd: 1.00}}
context: [notes.md]
presets: {mine: {program: ./agent.sh, output: text}}
agents:
  first: {use: mine, prompt: "Do {{ task }}."}
  second: {use: mine, prompt: "{{ context }}\\nGo on from: {{ outputs.first }}", needs: [first]}
  third: {use: mine, prompt: "Never asked.", needs: [second]}
"""


def test_prompts_contexts_presets_and_budgets_go_together(scratch: Scratch) -> None:
    scratch.write("agent.sh", AGENT, executable=True)
    scratch.write("notes.md", "Mind the gap.\n")
    scratch.plan(PLAN)
    stopped = scratch.pliny("execute", exits=5)
    assert "$1.20 of $1.00" in stopped.stderr
    first, second = ((scratch.root / f"asked-{name}").read_text() for name in ("first", "second"))
    assert first.startswith("# notes.md\n\nMind the gap.")
    assert first.endswith("Do Tidy the parser.")
    assert second.count("Mind the gap.") == 1
    assert "Go on from: answer of first" in second
    assert not (scratch.root / "asked-third").exists()
    session = scratch.session()
    assert session["agents"]["first"]["cost_usd"] == 0.6
    assert session["metrics"]["tokens"] == {"input": 20, "output": 10}
    scratch.pliny("execute", "--resume", "--budget-cost-usd", "5")
    assert (scratch.root / "asked-third").exists()
    scratch.pliny("audit", "verify")
