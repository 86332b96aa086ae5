"""What the generated clients are made of."""

from pgconductor.client.conductor import BaseConductor, BaseSyncConductor
from pgconductor.client.execution import Execution, SyncExecution
from pgconductor.client.invoker import OptionalTaskInvoker, SyncOptionalTaskInvoker, SyncTaskInvoker, TaskInvoker

__all__ = [
    "BaseConductor",
    "BaseSyncConductor",
    "Execution",
    "OptionalTaskInvoker",
    "SyncExecution",
    "SyncOptionalTaskInvoker",
    "SyncTaskInvoker",
    "TaskInvoker",
]
