"""The data sources. A new one is a file and a line here."""

from pccompiler.components.sources.base import Dataset, DataSource, Field
from pccompiler.components.sources.digits import Digits

SOURCES: tuple[type[DataSource], ...] = (Digits,)

__all__ = ["SOURCES", "DataSource", "Dataset", "Field"]
