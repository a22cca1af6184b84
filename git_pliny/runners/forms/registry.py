"""The form that each output is read by."""

from collections.abc import Callable, Mapping

from git_pliny.model.preset import OutputForm
from git_pliny.runners.forms import aider, claude, codex, gemini, llm, mini, opencode, qwen, text
from git_pliny.runners.forms.reading import Output, Reading

FORMS: Mapping[OutputForm, Callable[[Output], Reading | None]] = {
    OutputForm.TEXT: text.read,
    OutputForm.CLAUDE: claude.read,
    OutputForm.CODEX: codex.read,
    OutputForm.GEMINI: gemini.read,
    OutputForm.QWEN: qwen.read,
    OutputForm.OPENCODE: opencode.read,
    OutputForm.AIDER: aider.read,
    OutputForm.MINI: mini.read,
    OutputForm.LLM: llm.read,
}
"""None where the output has no result in this form."""
