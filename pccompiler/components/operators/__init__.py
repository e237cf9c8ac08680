"""The operators that an edge's pipeline may name. A new one is a file and a line here."""

from pccompiler.components.family import Family
from pccompiler.components.operators.attention import Attention
from pccompiler.components.operators.base import Operator, Parameter, ShapeError
from pccompiler.components.operators.conv import Conv
from pccompiler.components.operators.conv_transpose import ConvTranspose
from pccompiler.components.operators.dense import Dense
from pccompiler.components.operators.elementwise import ELEMENTWISE
from pccompiler.components.operators.embedding import Embedding
from pccompiler.components.operators.flatten import Flatten
from pccompiler.components.operators.normalisation import BatchNorm, LayerNorm, RMSNorm
from pccompiler.components.operators.pooling import AvgPool, GlobalAvgPool, MaxPool, Upsample
from pccompiler.components.operators.reshaping import Reshape, Scale

OPERATORS = Family(
    "operator",
    Operator,
    (
        Dense,
        Conv,
        ConvTranspose,
        Embedding,
        Attention,
        MaxPool,
        AvgPool,
        GlobalAvgPool,
        Upsample,
        LayerNorm,
        RMSNorm,
        BatchNorm,
        Flatten,
        Reshape,
        Scale,
        *ELEMENTWISE,
    ),
)

__all__ = [
    "OPERATORS",
    "Attention",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "LayerNorm",
    "MaxPool",
    "Operator",
    "Parameter",
    "RMSNorm",
    "Reshape",
    "Scale",
    "ShapeError",
    "Upsample",
]
