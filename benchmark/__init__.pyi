from .config import ConfigError as ConfigError
from .config import RunConfig as RunConfig
from .metrics import measure as measure
from .run_directory import Run as Run
from .running.runner import RunError as RunError
from .running.runner import run as run
