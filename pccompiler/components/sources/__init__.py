"""The data sources. A new one is a file and a line here."""

from pccompiler.components.family import Family
from pccompiler.components.sources.base import Dataset, DataSource, Field
from pccompiler.components.sources.digits import DigitRows, Digits
from pccompiler.components.sources.idx import Idx
from pccompiler.components.sources.mnist import FashionMnist, Mnist
from pccompiler.components.sources.mnist_5k import Mnist5k
from pccompiler.components.sources.npz import Npz
from pccompiler.components.sources.sequence import SequenceClasses

SOURCES = Family(
    "data source",
    DataSource,
    (
        Digits,
        DigitRows,
        FashionMnist,
        Mnist,
        Mnist5k,
        SequenceClasses,
        Idx,
        Npz,
    ),
)

__all__ = ["SOURCES", "DataSource", "Dataset", "Field"]
