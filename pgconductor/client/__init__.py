"""What the generated clients are made of."""

from pgconductor.client.conductor import BaseConductor, BaseSyncConductor
from pgconductor.client.emitter import BaseEmitters, Emitter, OptionalEmitter, SyncEmitter, SyncOptionalEmitter
from pgconductor.client.execution import Execution, SyncExecution
from pgconductor.client.invoker import OptionalTaskInvoker, SyncOptionalTaskInvoker, SyncTaskInvoker, TaskInvoker

__all__ = [
    "BaseConductor",
    "BaseEmitters",
    "BaseSyncConductor",
    "Emitter",
    "Execution",
    "OptionalEmitter",
    "OptionalTaskInvoker",
    "SyncEmitter",
    "SyncExecution",
    "SyncOptionalEmitter",
    "SyncOptionalTaskInvoker",
    "SyncTaskInvoker",
    "TaskInvoker",
]
