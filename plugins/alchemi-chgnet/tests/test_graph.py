"""Bonds and angles against chgnet's graph converter, and lists that are not as promised."""

import numpy as np
import pytest
import torch
from alchemi_chgnet.geometry import Geometry, find_angles, find_bonds, read_geometry
from ase import Atoms
from chgnet.graph import CrystalGraphConverter
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.io.ase import AseAtomsAdaptor
from structures import STRUCTURES

from alchemi_core import Batch
from alchemi_core.data.view import ModelView
from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.building import build_coo

CONVERTER = CrystalGraphConverter(algorithm="legacy", on_isolated_atoms="ignore")
