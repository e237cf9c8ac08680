"""The data sources. A new one is a file and a line here."""

from pccompiler.components.sources.base import Dataset, DataSource, Field
from pccompiler.components.sources.digits import Digits
from pccompiler.components.sources.idx import Idx
from pccompiler.components.sources.mnist import FashionMnist, Mnist
from pccompiler.components.sources.npz import Npz

SOURCES: tuple[type[DataSource], ...] = (Digits, FashionMnist, Mnist, Idx, Npz)

__all__ = ["SOURCES", "DataSource", "Dataset", "Field"]
