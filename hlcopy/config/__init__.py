"""Settings: the process environment and a `.env` file, checked, as frozen values."""

from __future__ import annotations

from hlcopy.config.load import lines_of, load_settings, load_with_sources, settings_file, settings_of
from hlcopy.config.settings import NAMES, SECRET_FIELDS, VARIABLES, Settings, data_dir

__all__ = [
    "NAMES",
    "SECRET_FIELDS",
    "VARIABLES",
    "Settings",
    "data_dir",
    "lines_of",
    "load_settings",
    "load_with_sources",
    "settings_file",
    "settings_of",
]
