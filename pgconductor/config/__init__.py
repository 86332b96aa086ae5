"""What the user wrote: `conductor.toml`, checked as a whole.

discover -> which file           source, document -> values and positions
load -> Config, or every problem at once          codes -> what each problem means
"""

from pgconductor.config.diagnostic import Diagnostic, InvalidConfig, Place, Related, render
from pgconductor.config.discover import discover
from pgconductor.config.load import load
from pgconductor.config.model import Config

__all__ = ["Config", "Diagnostic", "InvalidConfig", "Place", "Related", "discover", "load", "render"]
