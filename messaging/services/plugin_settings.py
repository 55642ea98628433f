"""Settings of plugins, adapters and sources: from their tables, the environment, and the providers' own names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from messaging.errors import SettingsError
from messaging.plugins import Plugins

M = TypeVar("M", bound=BaseModel)


def read_settings(model: type[M], table: Mapping[str, Any], place: Sequence[str]) -> M:
    """The settings at `place` (`adapters`, `smtp`); our own variables are in `table` already.

    A field that names the provider's own variable (`json_schema_extra={"env": …}`) is set by it too.

    Raises:
        SettingsError: names the setting; never its value, which may be a secret.
    """
    values = dict(table)
    sources: dict[str, str] = {}
    for field, info in model.model_fields.items():
        variable = _variable(info)
        ours = "__".join(("MESSAGING", *place, field)).upper().replace("-", "_")
        if variable and os.environ.get(variable) and ours not in os.environ:
            values[field] = os.environ[variable]
            sources[field] = variable
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        where = sources.get(field, f"[{'.'.join(place)}] {field}".rstrip())
        if problem["type"] == "extra_forbidden":
            raise SettingsError(f"{where}: there is no such setting") from None
        if problem["type"] == "missing":
            missing = model.model_fields.get(field)  # none where it is in a table inside
            variable = _variable(missing) if missing else None
            raise SettingsError(f"{where} is not set", hint=f"set {variable}" if variable else None) from None
        raise SettingsError(f"{where}: {problem['msg'].removeprefix('Value error, ')}") from None


def read_all(plugins: Plugins, table: Callable[[str], Mapping[str, Any]]) -> Callable[[str], Any]:
    """The settings of each plugin by name: what its model makes of its table; the table where it has no model.

    Raises:
        SettingsError: a model refuses its table.
    """
    read = plugins.settings(lambda name, model: read_settings(model, table(name), ("plugins", name)))
    return lambda name: read[name] if name in read else table(name)


def _variable(info: FieldInfo) -> str | None:
    """The provider's own name for a setting."""
    extra = info.json_schema_extra
    variable = extra.get("env") if isinstance(extra, dict) else None
    return variable if isinstance(variable, str) else None
