"""Makes a checkout importable as `learning_to_draw`, like an installed copy: this file's folder is the package."""

from pathlib import Path

__path__ = [str(Path(__file__).parent)]

from learning_to_draw.__init__ import __all__ as __all__
from learning_to_draw.__init__ import __dir__ as __dir__
from learning_to_draw.__init__ import __getattr__ as __getattr__
from learning_to_draw.__init__ import __version__ as __version__
