"""A model that notes how many atoms it was called with."""

from support.toys import Kernel, with_config


class Counting(Kernel):
    """A kernel with the size of each batch, in atoms."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def compute(self, view, requested):
        self.sizes.append(view.num_atoms)
        return super().compute(view, requested)


def counting():
    """Return such a model under a name of its own."""
    return with_config(Counting(), name="counting")
