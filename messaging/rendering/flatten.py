"""Makes one source of a template and all it extends, includes and imports.

Blocks, includes and macro calls are replaced by what they stand for, on the level of sources: so the HTML
tools see the whole message, a link in a macro is a place of its own wherever the macro is used, and nothing
is left in the version that could be looked up, or call itself, later.

Differences to Jinja2: names of files must be written out; a macro is used as a whole output (`{{ button(…)
}}`), not inside an expression; blocks and macros also see the variables of the place where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from messaging.errors import TemplateError, TemplateLimit
from messaging.rendering.calls import Arguments, bind, literal_names, parameters, read_call
from messaging.rendering.pieces import Kind, Piece, cut, lexer, write

#: What one source may grow to. Characters, and pieces.
MAX_FLAT = 1_000_000
MAX_PIECES = 20_000
MAX_DEPTH = 30

_CLOSERS = {"block": "endblock", "macro": "endmacro", "call": "endcall", "set": "endset"}
_SET_BLOCK = re.compile(r"set\s+[\w.]+\s*(?:\|.*)?", re.DOTALL)


@dataclass(slots=True)
class _Group:
    """A block, macro, call or set block with what is inside."""

    opening: Piece
    body: list[_Node] = field(default_factory=list)


_Node = Piece | _Group


@dataclass(frozen=True, slots=True)
class _Macro:
    name: str
    parameters: dict[str, str | None]
    body: list[_Node]
    #: The macros it sees: those of the file it is in.
    scope: _Scope


@dataclass(slots=True)
class _Scope:
    """What is known at a place."""

    #: By the name they are called by here: `button`, `forms.button`.
    macros: dict[str, _Macro] = field(default_factory=dict)
    #: Block name -> its bodies, the outermost layout's last.
    blocks: dict[str, list[tuple[list[_Node], _Scope]]] = field(default_factory=dict)
    #: Inside a block: what `super()` stands for.
    parents: list[tuple[list[_Node], _Scope]] = field(default_factory=list)
    #: Inside a macro used by `{% call %}`: what `caller()` stands for.
    caller: tuple[dict[str, str | None], list[_Node], _Scope] | None = None

    def inside(self, **changes: object) -> _Scope:
        values = {name: getattr(self, name) for name in ("macros", "blocks", "parents", "caller")}
        return _Scope(**{**values, **changes})


def flatten(
    source: str, file: str, shared: Mapping[str, str], line: int = 1, used: set[str] | None = None
) -> list[Piece]:
    """The pieces of `source` with everything it calls in its place; `used` gets the names of the shared files.

    Raises:
        TemplateError: with file and line.
    """
    try:
        return _Flattener(shared, set() if used is None else used).template(cut(source, file, line))
    except RecursionError:
        raise TemplateLimit("it is nested too deeply", file=file) from None


class _Flattener:
    def __init__(self, shared: Mapping[str, str], used: set[str]) -> None:
        self._shared = shared
        self._used = used
        self._open: list[str] = []
        self._characters = 0
        self._pieces = 0

    def template(self, pieces: list[Piece]) -> list[Piece]:
        """A whole template: up the chain of layouts, then down through the outermost one's text."""
        scope = _Scope()
        prelude: list[_Node] = []
        opened = 0
        nodes = _group(pieces)
        while True:
            self._collect(nodes, scope)
            parent = _parent(nodes)
            if parent is None:
                break
            prelude += [node for node in nodes if _sets(node)]
            name, layout = self._load(parent)
            self._enter(name, parent)
            opened += 1
            nodes = _group(cut(layout, name))
        result = self._expand([*prelude, *nodes], scope)
        del self._open[len(self._open) - opened :]
        return result

    def _collect(self, nodes: list[_Node], scope: _Scope) -> None:
        """Learn a file's blocks, macros and imports."""
        own = scope.inside(macros={})
        for node in _all(nodes):
            if isinstance(node, _Group) and node.opening.word == "macro":
                name, params = parameters(node.opening)
                own.macros[name] = _Macro(name, params, node.body, own)
            elif isinstance(node, Piece) and node.kind is Kind.STATEMENT and node.word in ("import", "from"):
                own.macros.update(self._import(node))
        for name, macro in own.macros.items():
            scope.macros.setdefault(name, macro)
        seen: dict[str, Piece] = {}
        for group in _all(nodes):
            if not isinstance(group, _Group) or group.opening.word != "block":
                continue
            name = _block_name(group.opening)
            if name in seen:
                raise _error(f"block {name!r} is there twice (also in line {seen[name].line})", group.opening)
            seen[name] = group.opening
            scope.blocks.setdefault(name, []).append((group.body, scope))

    def _import(self, piece: Piece) -> dict[str, _Macro]:
        match = re.fullmatch(
            r"import\s+(?P<file>.+?)\s+as\s+(?P<as>\w+)(?:\s+with(?:out)?\s+context)?"
            r"|from\s+(?P<from>.+?)\s+import\s+(?P<names>.+?)(?:\s+with(?:out)?\s+context)?",
            piece.text,
            re.DOTALL,
        )
        if match is None:
            raise _error(f"cannot read {piece.text!r}", piece)
        name, source = self._load(_with_text(piece, match["file"] or match["from"]))
        self._enter(name, piece)
        scope = _Scope()
        self._collect(_group(cut(source, name)), scope)
        self._open.pop()
        if match["as"]:
            return {f"{match['as']}.{macro}": found for macro, found in scope.macros.items()}
        chosen: dict[str, _Macro] = {}
        for part in match["names"].split(","):
            wanted, _, alias = (text.strip() for text in part.strip().partition(" as "))
            if wanted not in scope.macros:
                known = ", ".join(scope.macros) or "none"
                raise _error(f"{name} has no macro {wanted!r}", piece, hint=f"it has: {known}")
            chosen[alias or wanted] = scope.macros[wanted]
        return chosen

    def _load(self, piece: Piece) -> tuple[str, str]:
        """Name and source of the first file that a piece's text names."""
        names = literal_names(piece)
        for name in names:
            if name in self._shared:
                self._used.add(name)
                return name, self._shared[name]
        known = ", ".join(sorted(self._shared)) or "none"
        raise _error(f"there is no shared file {names[0]!r}", piece, hint=f"there are: {known}")

    def _enter(self, name: str, piece: Piece) -> None:
        if name in self._open:
            raise _error(f"{name} calls itself: {' -> '.join([*self._open, name])}", piece)
        if len(self._open) >= MAX_DEPTH:
            raise TemplateLimit(f"more than {MAX_DEPTH} files deep", file=piece.file, line=piece.line)
        self._open.append(name)

    def _expand(self, nodes: list[_Node], scope: _Scope) -> list[Piece]:
        result: list[Piece] = []
        for node in nodes:
            result += self._group_expanded(node, scope) if isinstance(node, _Group) else self._piece(node, scope)
        return result

    def _group_expanded(self, group: _Group, scope: _Scope) -> list[Piece]:
        opening = group.opening
        if opening.word == "macro":
            return []
        if opening.word == "call":
            match = re.match(r"call\s*(\([^)]*\))?\s*", opening.text)
            assert match is not None
            _, takes = parameters(_with_text(opening, f"macro caller{match[1] or '()'}"))
            call = _with_text(opening, opening.text[match.end() :])
            return self._call(call, scope, caller=(takes, group.body, scope))
        if opening.word == "set":
            body = [opening, *self._expand(group.body, scope), _with_text(opening, "endset")]
            return [Piece(Kind.CODE, write(body), opening.file, opening.line)]
        return self._block(scope.blocks[_block_name(opening)])

    def _block(self, bodies: list[tuple[list[_Node], _Scope]]) -> list[Piece]:
        body, scope = bodies[0]
        return _scoped(self._expand(body, scope.inside(parents=bodies[1:])))

    def _piece(self, piece: Piece, scope: _Scope) -> list[Piece]:
        self._pieces += 1
        self._characters += len(piece.text)
        if self._pieces > MAX_PIECES or self._characters > MAX_FLAT:
            raise TemplateLimit(
                f"with all it includes it is larger than {MAX_FLAT:,} characters",
                file=piece.file,
                line=piece.line,
            )
        if piece.kind is Kind.STATEMENT:
            if piece.word == "include":
                return self._include(piece)
            if piece.word in ("import", "from", "extends"):
                return []
        if piece.kind is Kind.OUTPUT:
            return self._call(piece, scope)
        if piece.kind is not Kind.DATA:
            _refuse_macro(piece, scope)
        return [piece]

    def _include(self, piece: Piece) -> list[Piece]:
        match = re.fullmatch(
            r"include\s+(.+?)(\s+ignore\s+missing)?(\s+with(?:out)?\s+context)?", piece.text, re.DOTALL
        )
        if match is None:
            raise _error(f"cannot read {piece.text!r}", piece)
        if match[3] and "without" in match[3]:
            raise _error("an include without context is not available here", piece)
        wanted = _with_text(piece, match[1])
        if match[2] and not any(name in self._shared for name in literal_names(wanted)):
            return []
        name, source = self._load(wanted)
        self._enter(name, piece)
        result = _scoped(self.template(cut(source, name)))
        self._open.pop()
        return result

    def _call(
        self,
        piece: Piece,
        scope: _Scope,
        caller: tuple[dict[str, str | None], list[_Node], _Scope] | None = None,
    ) -> list[Piece]:
        """An output: a macro's, block's or caller's text if it is a call of one."""
        call = read_call(piece)
        if call is not None:
            name, arguments = call
            if name == "super":
                if not scope.parents:
                    raise _error("there is no block above for super()", piece)
                return self._block(scope.parents)
            if name == "caller" and scope.caller is not None:
                takes, body, place = scope.caller
                return self._bound(piece, "caller", takes, arguments, self._expand(body, place))
            if name.startswith("self."):
                block = scope.blocks.get(name.removeprefix("self."))
                if block is None:
                    raise _error(f"there is no block {name.removeprefix('self.')!r}", piece)
                return self._block(block)
            if name in scope.macros:
                return self._macro(piece, scope.macros[name], arguments, caller)
        if caller is not None:
            raise _error(f"{{% call %}} needs a macro, not {piece.text!r}", piece)
        _refuse_macro(piece, scope)
        return [piece]

    def _macro(
        self,
        piece: Piece,
        macro: _Macro,
        arguments: Arguments,
        caller: tuple[dict[str, str | None], list[_Node], _Scope] | None,
    ) -> list[Piece]:
        if caller is not None:
            hidden = set(macro.parameters) & _names(caller[1])
            if hidden:
                raise _error(f"the call's text uses {min(hidden)!r}, which is also a parameter of {macro.name}", piece)
        self._enter(f"{macro.name}()", piece)
        body = self._expand(macro.body, macro.scope.inside(caller=caller))
        self._open.pop()
        return self._bound(piece, macro.name, macro.parameters, arguments, body)

    def _bound(
        self, piece: Piece, name: str, takes: dict[str, str | None], arguments: Arguments, body: list[Piece]
    ) -> list[Piece]:
        body, computed = bind(body, arguments.bind(piece, name, takes))
        if not computed:
            return _scoped(body)
        return _with(piece, body, ", ".join(f"{key}={value}" for key, value in computed.items()))


def _group(pieces: list[Piece]) -> list[_Node]:
    """Nest blocks, macros, calls and set blocks."""
    root: list[_Node] = []
    stack: list[_Group] = []
    for piece in pieces:
        into = stack[-1].body if stack else root
        word = piece.word if piece.kind is Kind.STATEMENT else ""
        if word in _CLOSERS and (word != "set" or _SET_BLOCK.fullmatch(piece.text)):
            stack.append(_Group(piece))
            into.append(stack[-1])
        elif word in _CLOSERS.values():
            if not stack or _CLOSERS[stack[-1].opening.word] != word:
                raise _error(f"{{% {word} %}} closes nothing that is open here", piece)
            stack.pop()
        else:
            into.append(piece)
    if stack:
        opening = stack[-1].opening
        raise _error(f"{{% {opening.word} %}} is never closed", opening)
    return root


def _all(nodes: list[_Node]) -> Iterator[_Node]:
    for node in nodes:
        yield node
        if isinstance(node, _Group):
            yield from _all(node.body)


def _parent(nodes: list[_Node]) -> Piece | None:
    """What a file extends."""
    for node in nodes:
        if isinstance(node, Piece) and node.kind is Kind.STATEMENT and node.word == "extends":
            return _with_text(node, node.text.removeprefix("extends"))
    return None


def _block_name(opening: Piece) -> str:
    match = re.fullmatch(r"block\s+(\w+)(?:\s+(?:scoped|required))*", opening.text)
    if match is None:
        raise _error(f"cannot read {opening.text!r}", opening)
    return match[1]


def _sets(node: _Node) -> bool:
    """Whether it is a `{% set %}`, of either form."""
    piece = node.opening if isinstance(node, _Group) else node
    return piece.kind is Kind.CODE or (piece.kind is Kind.STATEMENT and piece.word == "set")


def _scoped(pieces: list[Piece]) -> list[Piece]:
    """Keep what is set inside from being seen outside, as blocks and includes do."""
    first = next((piece for piece in pieces if _sets(piece)), None)
    return pieces if first is None else _with(first, pieces, "")


def _with(place: Piece, body: list[Piece], bindings: str) -> list[Piece]:
    opening = Piece(Kind.STATEMENT, f"with {bindings}".rstrip(), place.file, place.line)
    return [opening, *body, Piece(Kind.STATEMENT, "endwith", place.file, place.line)]


def _with_text(piece: Piece, text: str) -> Piece:
    return Piece(piece.kind, text.strip(), piece.file, piece.line)


def _refuse_macro(piece: Piece, scope: _Scope) -> None:
    for name in re.findall(r"([A-Za-z_][\w.]*)\s*\(", piece.text):
        if name in scope.macros or (name == "caller" and scope.caller is not None) or name == "super":
            raise _error(
                f"{name}() is used inside an expression",
                piece,
                hint=f"write it on its own: {{{{ {name}(…) }}}}",
            )


def _names(nodes: list[_Node]) -> set[str]:
    """Every name that could be a variable in these nodes."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, _Group):
            found |= _names([node.opening, *node.body])
        elif node.kind is not Kind.DATA:
            text = node.text if node.kind is Kind.CODE else f"{{{{ {node.text} }}}}"
            found |= {value for _, lexeme, value in lexer().tokeniter(text, None) if lexeme == "name"}
    return found


def _error(message: str, piece: Piece, hint: str | None = None) -> TemplateError:
    return TemplateError(message, file=piece.file, line=piece.line, hint=hint)
