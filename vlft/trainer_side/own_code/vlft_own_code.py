"""What ms-swift is given as `--external_plugins`: imports the package around it, whole.

ms-swift 4.0 imports the file by its bare name, 4.6 under a name made of its path; in neither would
the modules beside it be a package.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "vlft_mends_own_code"

if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("__init__.py"))
    if _spec is None or _spec.loader is None:
        message = f"vlft: the files beside {__file__} are gone"
        raise ImportError(message)
    _package = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _package
    _spec.loader.exec_module(_package)
