"""The ``dspy`` code interpreters: one implementation over any sandbox (promise P2).

``LocalSandboxInterpreter`` is confined on this machine, ``ModalInterpreter`` runs on Modal, and
``TrustedInterpreter`` is not confined at all. What they are *not*: a place for several executes at once.
One interpreter is one session with one namespace; parallel runs take one each from a factory.
"""

from fleet_rlm.interpreter.core import SandboxInterpreter
from fleet_rlm.interpreter.factory import InterpreterFactory
from fleet_rlm.interpreter.local import LocalSandboxInterpreter
from fleet_rlm.interpreter.modal import ModalInterpreter
from fleet_rlm.interpreter.trusted import TrustedInterpreter

__all__ = [
    "InterpreterFactory",
    "LocalSandboxInterpreter",
    "ModalInterpreter",
    "SandboxInterpreter",
    "TrustedInterpreter",
]
