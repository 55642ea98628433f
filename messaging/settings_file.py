"""Where settings come from: a flag, then the environment, then messaging.toml, then the default.

Every setting has an environment name made of its path: `[server] base_url` is `MESSAGING__SERVER__BASE_URL`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from messaging.errors import SettingsError
from messaging.settings import Settings

PREFIX = "MESSAGING__"


def load_settings(file: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a workspace: `overrides` (from flags), environment, `file`, defaults.

    Raises:
        SettingsError: names the setting, where it comes from and what it must be.
    """
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"no settings at {file}", hint="make a workspace with: messaging init DIR") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{file}, line {line}: not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: {error}") from None
    origin: dict[str, str] = {}
    for name, text in sorted(os.environ.items()):
        if name.startswith(PREFIX) and text:
            path = tuple(part.lower() for part in name[len(PREFIX) :].split("__"))
            _put(values, path, text, name)
            origin[".".join(path)] = name
    _merge(values, overrides or {})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        path = tuple(str(part) for part in problem["loc"])
        where = next(
            (origin[name] for end in range(len(path), 0, -1) if (name := ".".join(path[:end])) in origin),
            f"{file}: {'.'.join(path)}",
        )
        if problem["type"] == "extra_forbidden":
            near = get_close_matches(path[-1], _names(path[:-1]), 1)
            hint = f"did you mean {near[0]}?" if near else None
            raise SettingsError(f"{where}: there is no such setting", hint=hint) from None
        if problem["type"] in ("model_type", "dict_type"):
            variable = where.startswith(PREFIX)
            hint = 'write it as JSON: {"NAME": …}' if variable else f"write [{'.'.join(path)}] above it"
            raise SettingsError(f"{where}: must be a table", hint=hint) from None
        raise SettingsError(f"{where}: {problem['msg'].removeprefix('Value error, ')}") from None


def _names(path: tuple[str, ...]) -> list[str]:
    """The settings that the table at `path` has."""
    model: Any = Settings
    for part in path:
        fields = getattr(model, "model_fields", None)
        # Under a table of tables any name leads to the same one.
        model = fields[part].annotation if fields else get_args(model)[-1]
    return [info.alias or name for name, info in model.model_fields.items()]


def _put(values: dict[str, Any], path: tuple[str, ...], text: str, name: str) -> None:
    table = values
    for part in path[:-1]:
        table = table.setdefault(_as_written(part, table), {})
        if not isinstance(table, dict):
            raise SettingsError(f"{name}: {part!r} is a value in messaging.toml, not a table")
    table[_as_written(path[-1], table)] = _literal(text)


def _as_written(part: str, table: Mapping[str, Any]) -> str:
    """The name in `table` that a variable means by `part`: no variable has a `-` in its name."""
    return next((key for key in table if part not in table and key.replace("-", "_") == part), part)


def _literal(text: str) -> Any:
    """An environment value: JSON lists and tables as such, else text; pydantic makes numbers and booleans of it."""
    if text[:1] in ("[", "{"):
        try:
            return TypeAdapter(Any).validate_json(text)
        except ValidationError:
            return text
    return text


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value
