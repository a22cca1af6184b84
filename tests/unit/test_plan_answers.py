"""What an agent is told that writes a plan, and the plan in its answer."""

import pytest

from git_pliny.plans.answers import plan_in, request
from git_pliny.plans.document import parse_document


@pytest.mark.parametrize(
    ("answer", "plan"),
    [
        ("task: x\n", "task: x\n"),
        ("\n\ntask: x", "task: x\n"),
        ("Here:\n```yaml\ntask: x\n```\nDone.", "task: x\n"),
        ("```\nold\n```\nbetter:\n```yml\ntask: x\n```", "task: x\n"),
        ("~~~~yaml\ntask: |\n  ```sh\n  ls\n  ```\n~~~~\n", "task: |\n  ```sh\n  ls\n  ```\n"),
        ("````yaml\na: |\n  ```\n  b\n  ```\n````", "a: |\n  ```\n  b\n  ```\n"),
        ("", "\n"),
    ],
)
def test_the_plan_is_the_last_fenced_block_or_all_of_the_answer(answer: str, plan: str) -> None:
    assert plan_in(answer) == plan


@pytest.mark.parametrize("form", ["yaml", "manifest"])
def test_the_words_of_the_task_and_of_a_refusal_are_no_template(form: str) -> None:
    told = request(form, task="Do {{ this }}", known="agents {% here %}", refused="bad {{ thing }}")
    for words in ("Do {{ this }}", "agents {% here %}", "bad {{ thing }}"):
        assert words in told
    assert "refused" not in request(form, task="x", known="", refused="")


def test_the_example_in_the_request_is_a_plan() -> None:
    example = plan_in(
        request("yaml", task="x", known="", refused="")
        .partition("# The form of a plan")[2]
        .partition("- An agent has")[0]
    )
    document = parse_document(example, "example")
    assert list(document.definitions) == ["tests", "research", "fix"]
    assert "{{ deliverables.research }}" in (document.definitions["fix"].entry.prompt or "")
