"""Settings: the process environment and a `.env` file, checked, as frozen values."""

from __future__ import annotations

from hlcopy.config.load import load_settings
from hlcopy.config.settings import VARIABLES, Settings, data_dir

__all__ = ["VARIABLES", "Settings", "data_dir", "load_settings"]
