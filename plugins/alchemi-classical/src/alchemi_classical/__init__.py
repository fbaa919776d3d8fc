"""Classical potentials of alchemi: pair potentials with few parameters, and restraints."""
