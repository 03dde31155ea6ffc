"""Where settings come from: the process environment over a `.env` file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from hlcopy.config.settings import NAMES, PREFIX, TIER_FIELDS, VARIABLES, Settings
from hlcopy.config.types import nearest
from hlcopy.errors import BadInputError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dotenv.parser import Binding
    from pydantic_core import ErrorDetails


_LONGEST_NAME: Final = 80


def load_settings(environ: Mapping[str, str], env_file: Path | None = None) -> Settings:
    """Return the settings of the process environment over those of a `.env` file.

    Without `env_file` the file is `./.env`, else the one in the platform's configuration directory, else none.
    Raises `ConfigError` naming the variable, never showing its value, and `BadInputError` when `env_file` isn't there.
    """
    return load_with_sources(environ, env_file)[0]


def load_with_sources(
    environ: Mapping[str, str], env_file: Path | None = None
) -> tuple[Settings, Mapping[str, Path | None]]:
    """Return the settings as `load_settings` does, and where each field that is set comes from.

    That is the file, None for the environment; a field that isn't there has its default.
    """
    path = settings_file(env_file)
    from_file = _read_env_file(path) if path else {}
    for where, source in (("the environment", environ), (str(path), from_file)):
        _refuse_unknown(source, where)
    if not environ.get(
        "HLCOPY_DB", "x"
    ).strip():  # a script's own variable that isn't set; a file may say "the default"
        message = "HLCOPY_DB is empty; name a file, or unset it"
        raise ConfigError(message)
    merged = {name: text for name, text in {**from_file, **environ}.items() if name in VARIABLES}
    settings = settings_of(merged)
    return settings, {field: None if NAMES[field] in environ else path for field in _given(merged)}


def settings_of(texts: Mapping[str, str]) -> Settings:
    """Return the settings of texts by variable, others being left out; raises `ConfigError` as `load_settings` does."""
    given = _given({name: text for name, text in texts.items() if name in VARIABLES})
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(_explain(_problems(error))) from None


def settings_file(env_file: Path | None) -> Path | None:
    """Return the file that settings are read from, None where there is none: the one given, else the one that is found."""
    return env_file or _find_env_file()


def refusal(variable: str, text: str) -> str | None:
    """Return what is wrong with a setting's text whatever the others are, None when nothing is."""
    try:
        Settings.model_validate(_given({variable: text}))
    except ValidationError as error:
        own = [problem for problem in _problems(error) if problem["loc"]]
        return _explain(own) if own else None
    return None


def _given(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts by field; an empty one counts as not set, except that it switches a profit tier off."""
    given = {VARIABLES[variable]: text.strip() for variable, text in texts.items()}
    return {field: text or "0" for field, text in given.items() if text or field in TIER_FIELDS}


def _find_env_file() -> Path | None:
    import platformdirs

    candidates = (Path(".env"), platformdirs.user_config_path("hlcopy") / ".env")
    return next((path for path in candidates if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that we may not look into
        return False


def lines_of(path: Path) -> dict[str, int]:
    """Return the line of a settings file on which each variable was set last; raises as `load_settings` does."""
    return {name: line for name, (_, line) in _statements(path).items()}


def _read_env_file(path: Path) -> dict[str, str]:
    return {name: text for name, (text, _) in _statements(path).items()}


def _statements(path: Path) -> dict[str, tuple[str, int]]:
    """Return the text and the line of each variable of a file."""
    from dotenv.parser import parse_stream

    if not _is_file(path):
        message = f"{path}: there is no such settings file"
        raise BadInputError(message)
    found: dict[str, tuple[str, int]] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for binding in parse_stream(stream):
                if binding.error or (binding.key and binding.value is None):
                    message = f"{path} line {_line(binding)}: must read NAME=VALUE"
                    raise ConfigError(message)
                if binding.key:
                    found[binding.key] = binding.value or "", _line(binding)
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: can't be read as text ({type(error).__name__})"
        raise ConfigError(message) from None
    return found


def _line(binding: Binding) -> int:
    """Return the line of a statement, which begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _refuse_unknown(source: Mapping[str, str], where: str) -> None:
    for name in source:
        if name.upper().startswith(PREFIX) and name not in VARIABLES:
            bare = {variable.removeprefix(PREFIX): variable for variable in VARIABLES}
            near = bare[nearest(name.upper().removeprefix(PREFIX), bare)]
            shown = name[:_LONGEST_NAME].encode("ascii", "backslashreplace").decode()
            message = f"{shown} in {where} is no setting; the nearest is {near} (.env.example lists them all)"
            raise ConfigError(message)


def _problems(error: ValidationError) -> list[ErrorDetails]:
    """Return what a validation found, without any value."""
    return error.errors(include_url=False, include_context=False, include_input=False)


def _explain(problems: Iterable[ErrorDetails]) -> str:
    """Return one line that names each bad variable and what it must be."""
    told = []
    for problem in problems:
        said = problem["msg"].removeprefix("Value error, ")
        where = [str(part) for part in problem["loc"]]
        name = ": ".join([NAMES[where[0]], *(part[:_LONGEST_NAME] for part in where[1:])]) + ": " if where else ""
        told.append(name + (said[0].lower() + said[1:] if name else said))
    return "; ".join(told)
