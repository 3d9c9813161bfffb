"""What speaks Vearch's REST interface on loopback, as strict as the real server or stricter, and fails on demand.

Bodies, codes and quirks are those of Vearch 3.5.9's source: errors in HTTP 200, batches that fail in part, merged
results out of order, silence about partitions that are away.
"""

from vearch_wire.faults import Fault
from vearch_wire.recorder import Recorder
from vearch_wire.replay import Replay, read_case
from vearch_wire.server import VearchServer

__all__ = ["Fault", "Recorder", "Replay", "VearchServer", "read_case"]
