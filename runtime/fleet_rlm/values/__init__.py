"""How values cross between host and sandbox, in two forms.

*Faithful*, for variables and tool calls: ``pack`` turns a value into a JSON text from which ``unpack``
makes an equal value of the same type on the other side. What JSON cannot say is an object with the
key ``$`` that names its kind (table in ``docs/protocol.md``).

*Plain*, for ``SUBMIT``: ``plain`` turns a value into what JSON itself has, because an answer is read by
programs that know only that. Nothing crosses as its ``repr``: what has no form raises ``CrossingError``.

These modules are shipped into sandboxes: standard library only, Python 3.9 and newer.
"""

from fleet_rlm.values.crossing import CrossingError
from fleet_rlm.values.faithful import pack
from fleet_rlm.values.plain import plain
from fleet_rlm.values.unpacking import unpack

__all__ = ["CrossingError", "pack", "plain", "unpack"]
