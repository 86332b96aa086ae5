from decimal import Decimal

from pydantic import BaseModel


class Amount(BaseModel):
    value: Decimal
    currency: str = "EUR"
