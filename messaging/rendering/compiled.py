"""A prepared source, compiled: made once per version, run once per message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from types import CodeType, TracebackType
from typing import Any

from jinja2 import TemplateError as JinjaError
from jinja2 import TemplateSyntaxError, meta

from messaging.errors import MessagingError, TemplateError, TemplateLimit
from messaging.patience import Hung
from messaging.rendering.environment import RUN, Sandbox
from messaging.rendering.guard import guard
from messaging.rendering.pieces import Origins
from messaging.rendering.run import MAX_OUTPUT, OverLimit, Run

#: Chunks that are taken before the length is looked at.
_CHUNKS = 64


class Compiled:
    """One part, ready to run. `root_render_func` yields its chunks: constants of the code as they are, and
    values.
    """

    def __init__(self, environment: Sandbox, source: str, name: str) -> None:
        """Compile; `name` is for errors about places that have no file.

        Raises:
            TemplateError: it cannot be compiled.
            TemplateLimit: it is too much for the compiler.
        """
        self._environment = environment
        self._origins = Origins(source)
        self._name = name
        #: Differs from every file's, so that a traceback shows which frame is the template.
        self._frame = f"<template {name}>"
        try:
            tree = environment.parse(source)
            #: Names it asks of the context.
            self.names = frozenset(meta.find_undeclared_variables(tree))
            tree = guard(tree)
            tree.set_environment(environment)
            code: CodeType = environment.compile(tree, self._frame, self._frame)
        except TemplateSyntaxError as error:
            file, line = self._origins.of(error.lineno)
            raise TemplateError(error.message or "syntax error", file=file or name, line=line or error.lineno) from None
        except (RecursionError, MemoryError) as error:
            raise TemplateLimit(f"it is too deeply nested to be compiled ({type(error).__name__})", file=name) from None
        except (SyntaxError, OverflowError, ValueError) as error:
            # Python's own limits: twenty loops inside each other, a number of more than 4,300 digits.
            why = error.msg if isinstance(error, SyntaxError) else error
            raise TemplateLimit(f"it cannot be compiled: {why}", file=name) from None
        self.template = environment.template_class.from_code(environment, code, environment.globals)
        self.root_render_func = self.template.root_render_func
        self.root_render_func.__globals__["show"] = environment.show
        #: What the template wrote, by identity: the constants live as long as the code does. Those of one letter or
        #: digit are the interpreter's, which customers' values are made of too.
        self._code = code
        self.own = frozenset(id(text) for text in _texts(code) if len(text) > 1 or not text.isalnum())

    def chunks(self, context: Mapping[str, Any], run: Run) -> list[str]:
        """What the template writes for one message, in order: texts of its own (by identity `own`), and values.

        Raises:
            TemplateError: names file and line.
            TemplateLimit: it used more than one message may cost.
        """
        run.turns.clear()
        values = {**self._environment.globals, **context, RUN: run}
        try:
            stream = self.root_render_func(self._environment.context_class(self._environment, values, self._frame, {}))
            chunks: list[str] = []
            length = 0
            while batch := list(islice(stream, _CHUNKS)):
                chunks += batch
                length += sum(map(len, batch))
                if length > MAX_OUTPUT:
                    raise OverLimit(f"the part is longer than {MAX_OUTPUT:,} characters")
                if len(batch) < _CHUNKS:
                    break
            return chunks
        except (MessagingError, Hung):
            raise
        except Exception as error:  # of the template, or of a filter in it: named with its line
            raise self._error(error) from error

    def _error(self, error: Exception) -> TemplateError:
        file, line = self._origins.of(self._line(error.__traceback__))
        file = file or self._name
        if isinstance(error, OverLimit):
            return TemplateLimit(str(error), file=file, line=line)
        if isinstance(error, OverflowError) and str(error).startswith("Range"):
            return TemplateLimit(f"it needs more than one message may cost ({error})", file=file, line=line)
        if isinstance(error, (ArithmeticError, TypeError, ValueError)):
            return TemplateError(_in_words(error), file=file, line=line)
        if isinstance(error, (RecursionError, MemoryError)):
            return TemplateLimit(f"it needs more than one message may cost ({error})", file=file, line=line)
        if isinstance(error, JinjaError):
            return TemplateError(error.message or type(error).__name__, file=file, line=line)
        return TemplateError(f"{type(error).__name__}: {error}", file=file, line=line)

    def _line(self, traceback: TracebackType | None) -> int | None:
        """The line of the prepared source in which the error came up."""
        found = None
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self._frame:
                found = traceback.tb_lineno
            traceback = traceback.tb_next
        return None if found is None else self.template.get_corresponding_lineno(found)


def _in_words(error: Exception) -> str:
    """What a person is told of a value that an operator, a method or a filter cannot work with."""
    if isinstance(error, ArithmeticError):
        return "a number or a date that cannot be worked out: divided by zero, or too large"
    return f"a value that does not fit: {error}"


def _texts(code: CodeType) -> Iterator[str]:
    """The text constants of a code object and of the functions in it."""
    for constant in code.co_consts:
        if type(constant) is str:
            yield constant
        elif isinstance(constant, CodeType):
            yield from _texts(constant)
