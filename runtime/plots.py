"""placeholder"""


def draw(folder): ...
