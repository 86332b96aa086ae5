"""The payload of every job, validated by every Python peer's handler as ours is."""

from pydantic import BaseModel


class Payload(BaseModel):
    i: int
