"""Modal as a sandbox: a container for each driver, reached through Modal's own SDK.

Importing this package does not import ``modal``, which takes half a second.
"""

from fleet_rlm.sandboxes.modal.housekeeping import RunningSandbox, end_sandboxes, list_sandboxes
from fleet_rlm.sandboxes.modal.sandbox import ModalSandbox
from fleet_rlm.sandboxes.modal.secrets import DSPY_KEYS, check_secret, secret_key_length
from fleet_rlm.sandboxes.modal.settings import APP_NAME, ModalSettings

__all__ = [
    "APP_NAME",
    "DSPY_KEYS",
    "ModalSandbox",
    "ModalSettings",
    "RunningSandbox",
    "check_secret",
    "end_sandboxes",
    "list_sandboxes",
    "secret_key_length",
]
