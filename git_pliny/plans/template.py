"""The engine of prompts that are templates: Jinja2, sandboxed. Only `plans.prompts` imports it, once one is met.

Nothing of a template's own can be reached from the values it gets, and nothing can be changed through them. What it
makes is bounded in size, and its loops and calls in number: while a prompt is made, no signal is answered.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from difflib import get_close_matches
from functools import lru_cache
from itertools import count
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, meta, nodes, pass_context
from jinja2 import Template as Compiled
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from git_pliny.errors import PlinyError
from git_pliny.model.prompt import OF_AGENTS, VARIABLES, Mention, PromptError
from git_pliny.model.visible import visible

_FILE = "<template>"
_FROM_ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_WORD = 60
_STEPPING = "each step"
"""The filter around what a loop goes over: no template can name it."""
_MOST_REPEATED = 1 << 20
_MOST_STEPS = 1_000_000
_WIDE = re.compile(r"\d{7,}")
"""In a format: a width."""

_steps: ContextVar[Iterator[int]] = ContextVar("steps")
"""Counts rounds of loops, and calls, of the prompt that is being made."""


def _step() -> None:
    if next(_steps.get()) > _MOST_STEPS:
        raise SecurityError(f"it takes more than {_MOST_STEPS} rounds of loops and calls")


def _stepping(values: Iterable[Any]) -> Iterator[Any]:
    """What a loop goes over."""
    for value in values:
        _step()
        yield value


class _Undefined(StrictUndefined):
    """Says of a value why it is not there, where the value that it was looked for in knows."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        why = getattr(self._undefined_obj, "missing", None)
        ordinary = self._undefined_exception is UndefinedError
        return why(self._undefined_name) if ordinary and callable(why) else super()._undefined_message


class _Environment(ImmutableSandboxedEnvironment):
    """Multiplications and formats can make a text of any size from a short one; here they can't."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        _step()
        if isinstance(getattr(function, "__self__", None), str):
            self._check_widths(args)
        return super().call(context, function, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        self._check_widths((value.__self__,))

        def bounded(*args: Any, **kwargs: Any) -> str:
            self._check_widths((*args, *kwargs.values()))
            return wrapped(*args, **kwargs)

        return bounded

    @staticmethod
    def _check_widths(given: Iterable[Any]) -> None:
        for each in given:
            is_wide = isinstance(each, int) and abs(each) > _MOST_REPEATED
            if is_wide or (isinstance(each, str) and "{" in each and _WIDE.search(each)):
                raise SecurityError("the result of a format or a padding would be too large")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%":
            if isinstance(left, str) and _WIDE.search(left):
                raise SecurityError("the result of `%` would be too large")
            return super().call_binop(context, operator, left, right)
        sizes = [len(each) if isinstance(each, str | list | tuple) else each for each in (left, right)]
        numbers = [abs(each) for each in sizes if isinstance(each, int | float)]
        too_much = max(numbers, default=0) > _MOST_REPEATED if operator == "**" else _product(numbers) > _MOST_REPEATED
        if too_much and (operator == "**" or sizes != [left, right]):
            raise SecurityError(f"the result of `{operator}` would be too large")
        return super().call_binop(context, operator, left, right)


def _product(numbers: list[int | float]) -> int | float:
    product: int | float = 1
    for number in numbers:
        product *= number
    return product


@pass_context
def _when_rendered(_: Context, value: object) -> object:
    """Every value, as it is; that this needs a context keeps the compiler from working values out before."""
    return value


_ENVIRONMENT = _Environment(
    optimized=False,  # where this parses a plan, it is only looked at: nothing of a template is worked out yet
    finalize=_when_rendered,
    undefined=_Undefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals.pop("lipsum")
_ENVIRONMENT.filters[_STEPPING] = _stepping
_KNOWN = frozenset(VARIABLES) | frozenset(_ENVIRONMENT.globals)


class JinjaTemplate:
    """A prompt that was parsed; see `model.prompt.Template`."""

    def __init__(self, compiled: Compiled, names: frozenset[str], mentions: tuple[Mention, ...]) -> None:
        self._compiled = compiled
        self.names = names
        self.mentions = mentions

    def render(self, values: Mapping[str, object], *, limit: int) -> str:
        parts, size = [], 0
        counting = _steps.set(count(1))
        try:
            for part in self._compiled.generate(values):
                parts.append(part)
                size += len(part.encode("utf-8", "surrogateescape"))
                if size > limit:
                    break
        except PlinyError:
            raise
        except UndefinedError as error:
            raise PromptError(visible(error.message or "a name is undefined"), line=_line(error)) from error
        except Exception as error:  # whatever the template's expressions meet is its author's to mend
            raise PromptError(f"{type(error).__name__}: {visible(str(error))}", line=_line(error)) from error
        finally:
            _steps.reset(counting)
        if size > limit:
            raise PromptError(f"it becomes larger than {limit} bytes, the most that a prompt may be")
        return "".join(parts)


@lru_cache(maxsize=256)
def parse(text: str) -> JinjaTemplate:
    """The template; PromptError where it is none, or uses names that are never defined."""
    try:
        tree = _ENVIRONMENT.parse(text)
        names = frozenset(meta.find_undeclared_variables(tree)) - frozenset(_ENVIRONMENT.globals)
        _refuse_unknown(tree, names)
        for node in tree.find_all(_FROM_ELSEWHERE):
            raise PromptError("a prompt can't include, import or extend other templates", line=node.lineno)
        mentions = tuple(_mentions(tree))
        return JinjaTemplate(_ENVIRONMENT.from_string(_with_steps(tree)), names, mentions)
    except TemplateSyntaxError as error:
        raise PromptError(visible(error.message or "a mistake"), line=error.lineno) from error
    except RecursionError as error:
        raise PromptError("it is nested too deep") from error


def _with_steps(tree: nodes.Template) -> nodes.Template:
    """The template, whose loops count their rounds."""
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _STEPPING, [], [], None, None, lineno=loop.lineno)
    return tree


def _refuse_unknown(tree: nodes.Template, names: frozenset[str]) -> None:
    for node in tree.find_all(nodes.Name):
        if node.name in names - _KNOWN:
            near = get_close_matches(node.name[:_WORD], VARIABLES, n=1)
            advice = _of_dashes(tree, node) or (f"; did you mean `{near[0]}`?" if near else "")
            raise PromptError(f"the name `{visible(node.name[:_WORD])}` is not defined{advice}", line=node.lineno)


def _of_dashes(tree: nodes.Template, node: nodes.Name) -> str:
    """What to say where an agent's name was taken for a subtraction."""
    for each in tree.find_all(nodes.Sub):
        match each:
            case nodes.Sub(left=nodes.Getattr(node=nodes.Name(name=variable), attr=start), right=right):
                if right is node and variable in OF_AGENTS:
                    return f'; a name with dashes stands in brackets: `{variable}["{start}-{node.name}"]`'
    return ""


def _mentions(tree: nodes.Template) -> Iterator[Mention]:
    """`outputs.name` and `outputs["name"]`; what is computed is known only when it is rendered."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        match node:
            case nodes.Getattr(node=nodes.Name(name=variable), attr=str(agent)) if not hasattr(Mapping, agent):
                pass
            case nodes.Getitem(node=nodes.Name(name=variable), arg=nodes.Const(value=str(agent))):
                pass
            case _:
                continue
        if variable in OF_AGENTS:
            yield Mention(variable=variable, agent=agent, line=node.lineno)


def _line(error: BaseException) -> int | None:
    """The template's line at which `error` was raised: Jinja2 puts it into the traceback."""
    line, trace = None, error.__traceback__
    while isinstance(trace, TracebackType):
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
