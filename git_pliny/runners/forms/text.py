"""Any program's output: the answer is all that it prints, and its exit status says whether it succeeded."""

from git_pliny.runners.forms.reading import Output, Reading, shortened


def read(output: Output) -> Reading:
    return Reading(text=shortened(output.text()))
