"""The embedded sandbox: an operating-system sandbox on the user's own machine."""

from fleet_rlm.sandboxes.local.policy import Limits
from fleet_rlm.sandboxes.local.sandbox import LocalSandbox

__all__ = ["Limits", "LocalSandbox"]
