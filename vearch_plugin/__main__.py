"""``python -m vearch_plugin`` starts the service, as ``nearid serve`` does."""

from __future__ import annotations

import sys

from util.errors import NearIdError
from vearch_plugin.serving import serve

try:
    serve()
except NearIdError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
