"""A task as code sees it: its name, its queue, and how its payload and result travel."""

from __future__ import annotations

from typing import Final, Generic

from typing_extensions import TypeVar

from pgconductor.api.codec import Codec
from pgconductor.errors import ValidationError

P = TypeVar("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """One task of `conductor.toml`, as module `tasks` of the generated package holds it.

    Args:
        name: its name in `conductor.toml` and in Python.
        key: its name in the database.
        queue: where its executions wait.
        payload: the payload's type, or "module:Class" of one that is imported at first use: the user's module may
            import the generated package itself.
        result: the result's type likewise; None for a task without `returns`.

    Example:
        >>> from pgconductor.api.model import Model
        >>> class Mail(Model, frozen=True):
        ...     to: str
        >>> send: Task[Mail, None] = Task("send", "send", "default", Mail)
        >>> send.encode(Mail(to="a@b.c"))
        b'{"to":"a@b.c"}'
        >>> send.decode('{"to": "a@b.c", "added later": 1}')
        Mail(to='a@b.c')
    """

    __slots__ = ("_payload", "_result", "key", "name", "queue")

    def __init__(
        self,
        name: str,
        key: str,
        queue: str,
        payload: type[P] | str,
        result: type[R] | str | None = None,
    ) -> None:
        self.name: Final = name
        self.key: Final = key
        self.queue: Final = queue
        self._payload: Final[Codec[P]] = Codec(payload, f"payload of task `{name}`")
        label = f"result of task `{name}`"
        self._result: Final = None if result is None or result is type(None) else Codec[R](result, label)

    def __repr__(self) -> str:
        return f"<Task {self.name} on queue {self.queue}>"

    @property
    def payload(self) -> type[P]:
        """The payload's type.

        Raises:
            BindingError: it is the user's own and cannot be imported.
        """
        return self._payload.target

    @property
    def result(self) -> type[R] | None:
        """The result's type; None if the task has no `returns`.

        Raises:
            BindingError: it is the user's own and cannot be imported.
        """
        return None if self._result is None else self._result.target

    def decode(self, raw: bytes | str) -> P:
        """The payload that a stored JSON text means. Fields that the model does not know are ignored.

        Raises:
            ValidationError: the text does not fit the model; the message names the fields.
        """
        return self._payload.decode(raw)

    def validate(self, raw: bytes | str) -> P:
        """The payload that a person's JSON text means, as strict as the model and as `encode`.

        Raises:
            ValidationError: the text does not fit the model; the message names the fields.
        """
        return self._payload.validate(raw)

    def encode(self, payload: P) -> bytes:
        """The JSON text of a payload.

        Raises:
            ValidationError: not a payload of this task, or one that holds NUL, a lone surrogate, NaN or an infinity;
                the message names the fields.
        """
        return self._payload.encode(payload)

    def encode_result(self, result: R) -> str | None:
        """The JSON text of what the handler returned; None if the task has no result.

        Raises:
            ValidationError: as `encode`; also for anything but None from the handler of a task without `returns`.
        """
        if self._result is not None:
            return self._result.encode(result).decode()
        if result is not None:
            returned = type(result).__name__
            raise ValidationError(f"task `{self.name}` declares no `returns`, but its handler returned {returned}")
        return None

    def decode_result(self, raw: bytes | str | None) -> R:
        """The result that a stored JSON text means.

        Raises:
            ValidationError: the text does not fit the type; the message names the fields.
        """
        if self._result is None:
            return None  # type: ignore[return-value]  # R is None for a task without `returns`
        return self._result.decode("null" if raw is None else raw)
