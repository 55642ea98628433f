"""The limited process that prepares one version: `python -m messaging.rendering.probe`, JSON in, JSON out.

Limits are the operating system's, so they hold whatever the source makes Jinja2, the HTML parser or the MJML
compiler do; the parent only sees that this process is gone. It says on standard error which file it is at.
"""

from __future__ import annotations

import resource
import signal
import sys
import time
from typing import Any

import orjson

from messaging.errors import TemplateError, TemplateLimit
from messaging.rendering.building import build
from messaging.rendering.environment import Additions
from messaging.rendering.fields import Field
from messaging.rendering.survey import Surveyor
from messaging.rendering.wire import problem_to, template_from


def main() -> None:
    """Answer the request on standard input."""
    request = orjson.loads(sys.stdin.buffer.read())
    _limit(**request["limits"])
    sys.stdout.buffer.write(orjson.dumps(answer(request), option=orjson.OPT_NON_STR_KEYS))
    sys.stdout.buffer.flush()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The version, if there is one, the problems, and the survey if there is a schema for one."""
    problems: list[TemplateError] = []
    version = None
    template = template_from(request["template"])
    schema = request.get("schema")
    surveyor = Surveyor(template, Field.from_document(schema)) if schema is not None else None
    current = ""

    def at(file: str) -> None:
        nonlocal current
        current = file
        print(f"at {file}", file=sys.stderr, flush=True)

    try:
        version = build(
            template,
            request["brand"],
            from_=request["from"],
            reply_to=request["reply_to"],
            additions=Additions(**{name: tuple(values) for name, values in request["additions"].items()}),
            problem=problems.append,
            look=surveyor.look if surveyor is not None else None,
            at=at,
        )
    except TemplateError as error:
        problems.append(error)
    except (MemoryError, RecursionError):
        problems.append(TemplateLimit("it is too large or too deeply nested to be prepared", file=current))
    except Exception as error:
        # A fault of ours, which must not keep the other templates from being looked at.
        problem = f"template {template.name} cannot be prepared: {type(error).__name__}: {error}"
        problems.append(TemplateError(problem[:500], file=current or None))
    return {
        "version": version.to_document() if version is not None else None,
        "problems": [problem_to(error) for error in problems],
        "survey": surveyor.document() if surveyor is not None else None,
    }


def _limit(*, seconds: float, starts: float, memory: int) -> None:
    """From here on: so much processor time (or what so many starts took), so much memory, no files, no core dump."""
    # The default action of SIGPROF ends the process; RLIMIT_CPU alone would count in whole seconds.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, max(seconds, starts * time.process_time()))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26))


if __name__ == "__main__":
    main()
