"""The suite against backends with one defect each: the check that is made for it fails, and says what is wrong."""

from __future__ import annotations

import pytest

from alchemi_core.testing.neighbor_suite import builder_checks, composed, converter_checks, role_checks

from . import broken_builders as builders
from . import broken_converters as broken

BUILDERS = [
    (builders.drops_a_pair, "builder/triclinic/float64", "pairs missing: 1, too many: 0"),
    (builders.includes_the_cutoff, "builder/exactly-at-the-cutoff/float32", "< cutoff strictly"),
    (builders.forgets_own_images, "builder/one-atom-with-images/float64", "neighbors its own images"),
    (builders.forgets_own_images, "builder/mixed-batch/float64", "neighbors its own images"),
    (builders.knows_nearest_images_only, "builder/cell-smaller-than-cutoff/float64", "through several images"),
    (builders.loses_the_wrapping, "builder/far-outside-the-cell/float64", "shifts refer to positions as given"),
    (builders.gives_one_direction, "builder/gas/float64", "a full list holds both"),
    (builders.joins_systems, "builder/hundreds-of-systems/float64", "atoms see those of another system"),
    (builders.joins_systems, "builder/mixed-batch/float32", "atoms see those of another system"),
    (builders.takes_all_directions_as_periodic, "builder/every-mix-of-pbc/float64", "pairs missing: 0, too many"),
    (builders.takes_one_place_for_one_atom, "builder/two-atoms-at-one-place/float64", "at 0 Å"),
    (builders.lists_a_pair_twice, "builder/left-handed/float64", "a pair is listed twice"),
    (builders.is_not_sorted, "builder/triclinic/float64", "expected: pairs sorted by i"),
    (builders.forgets_the_skin, "builder/triclinic/float64", "skin 0.5 Å: pairs missing: .*, too many: 0"),
    (builders.does_not_say_its_skin, "builder/triclinic/float64", "skin of the result is 0.0"),
    (builders.gives_wide_integers, "builder/triclinic/float64", "neighbor_list has type torch.int64"),
    (builders.measures_in_single_precision, "builder/edge-to-the-last-bit/triclinic/float64", "measured in float64"),
    (builders.wraps_in_place, "builder/far-outside-the-cell/float64", "positions of the batch was changed"),
    (builders.KeepsItsBuffer(), "builder/keeps-no-buffer", "changed neighbor_list of the first result"),
    (builders.ignores_what_is_not_a_number, "builder/refuses-not-a-number", "nan in positions: a CooList came back"),
]

CONVERTERS = [
    (broken.drops_the_last_pair, "gas/float64/cpu/from-coo-full-int32-cutoff", "pairs missing: 1, too many: 0"),
    (broken.keeps_the_cutoff, "exactly-at-the-cutoff/float64/cpu/from-coo-full-int32-cutoff", "< cutoff strictly"),
    (broken.keeps_the_cutoff, "edge-to-the-last-bit/triclinic/float64", "< cutoff strictly"),
    (
        composed(to_half=broken.halves_without_own_images),
        "one-atom-with-images/float64/cpu/from-coo-full",
        "neighbors its own images",
    ),
    (
        composed(to_half=broken.halves_with_both_own_images),
        "mixed-batch/float64/cpu/from-coo-full",
        "of an atom's own images too",
    ),
    (
        composed(to_half=broken.halves_the_other_way),
        "triclinic/float64/cpu/from-coo-full",
        "a half list keeps i < j",
    ),
    (broken.pads_with_minus_one, "mixed-batch/float64/cpu/from-coo-full-int32-cutoff", "-1 where a row is empty"),
    (
        broken.leaves_shifts_in_padding,
        "mixed-batch/float64/cpu/from-coo-full-int32-cutoff",
        "shifts other than zero",
    ),
    (
        broken.edited(broken.keeps_old_pointers),
        "triclinic/float64/cpu/from-coo-full",
        "edge_ptr is out of step",
    ),
    (
        broken.edited(broken.keeps_old_counts),
        "mixed-batch/float64/cpu/from-matrix-full",
        "first num_neighbors entries",
    ),
    (broken.turns_rows_around, "gas/float64/cpu/from-coo-full-int32-cutoff", "in another order than in the source"),
    (broken.is_a_column_too_wide, "triclinic/float64/cpu/from-coo-full-int32-cutoff", "expected: at most"),
    (
        broken.gives_narrow_integers,
        "mixed-batch/float32/cpu/from-coo-full-int32-skin0.5-moved/",
        "expected: torch.int64",
    ),
    (broken.keeps_the_label, "triclinic/float64/cpu/from-coo-full-int32-cutoff", "cutoff of the result is 4.0"),
    (broken.keeps_the_label, "triclinic/float64/cpu/from-matrix-full", "skin of the result is 0.5"),
    (broken.truncates, "refuses-overflow/from-coo-full", "84 neighbors: a MatrixList came back"),
    (broken.truncates, "refuses-overflow/from-matrix-full", "84 neighbors: a MatrixList came back"),
    (broken.wraps_the_size, "refuses-unaddressable/from-coo-full", "check_addressable"),
    (broken.sorts_its_source, "gas/float64/cpu/from-coo-full", "neighbor_list of the source list was changed"),
    (broken.knows_one_cell, "slabs-and-a-wire/float64/cpu/from-coo-full-int32-cutoff", "pairs missing: [1-9]"),
    (
        broken.forgets_old_skins,
        "triclinic/float64/cpu/from-matrix-full",
        "measure distances at the positions of now",
    ),
    (
        broken.measures_before_atoms_moved,
        "gas/float64/cpu/from-matrix-full",
        "measure distances at the positions of now",
    ),
    (broken.reads_storage, "mixed-batch/float32/cpu/from-coo-full-int32-strided", "pairs missing: [1-9]"),
    (broken.rounds_to_single, "edge-to-the-last-bit/triclinic/float64", "measured in float64"),
    (broken.sums_in_another_order, "edge-to-the-last-bit/cell-smaller-than-cutoff/float64", "none fused"),
    (broken.fuses_roundings, "edge-to-the-last-bit/triclinic/float64", "none fused"),
    (broken.fuses_roundings, "edge-to-the-last-bit/every-mix-of-pbc/float64", "none fused"),
    (composed(to_full=broken.doubles_upper_pairs_only), "from-coo-half-int32-turned", "pairs missing: [1-9]"),
    (broken.serves_a_longer_reader, "refuses-too-short/from-coo-full", "a CooList came back"),
    (broken.trusts_an_old_list, "refuses-stale-without-skin/from-matrix-full", "a CooList came back"),
    (broken.takes_any_atoms, "refuses-other-atoms/from-coo-full", "of 20 atoms for a batch of 5.* came back"),
    (
        broken.copies_what_is_right,
        "triclinic/float64/cpu/from-matrix-half",
        "a copy of a list that was right already",
    ),
    (broken.answers_in_pairs_only, "triclinic/float64/cpu/from-coo-full", "expected: a MatrixList"),
    (broken.WritesIntoOneMatrix(), "convert/keeps-no-buffer", "changed neighbor_matrix of the first result"),
    (composed(filter=broken.filters_by_the_old_cutoff), "gas/float64/cpu/from-coo-full", "measure distances"),
]


def first_named(checks, part):
    found = [check for check in checks if part in check.name]
    assert found, f"no check is named {part}"
    return found[0]


@pytest.mark.parametrize(("build", "name", "message"), BUILDERS)
def test_a_broken_builder_is_caught(build, name, message):
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        first_named(builder_checks(build), name)()


@pytest.mark.parametrize(("convert", "name", "message"), CONVERTERS)
def test_a_broken_converter_is_caught(convert, name, message):
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        first_named(converter_checks(convert), name)()


def test_a_converter_that_needs_plain_tensors_is_caught():
    with pytest.raises(RuntimeError, match="requires grad"):
        first_named(converter_checks(broken.leaves_the_graph_on), "positions-on-a-graph")()


def test_an_error_of_a_backend_says_which_check_it_was():
    def fails(source, batch, need, stale):
        raise IndexError("out of range")

    with pytest.raises(IndexError) as raised:
        first_named(converter_checks(fails), "triclinic/float64/cpu/from-coo-full")()
    note = "while checking triclinic, float64 on cpu, from coo-full-int32-cutoff-times-1.25 to 3.2 Å  pairs  full"
    assert raised.value.__notes__ == [note]


def test_a_single_conversion_is_used_wherever_it_can_be():
    check = first_named(role_checks("to_half", broken.halves_the_other_way), "gas/float64/cpu/from-coo-full")
    with pytest.raises(AssertionError, match="a half list keeps i < j"):
        check()


def test_a_report_reads_like_the_errors_of_the_core():
    # at 4 Å: 6 points of either simple cubic lattice, 3 pairs of the chain (6), 6 of each of 4 atoms of the
    # face-centred lattice (24), and 8 own images and 4 pairs in the oblong slab
    with pytest.raises(AssertionError) as raised:
        first_named(converter_checks(broken.keeps_the_cutoff), "exactly-at-the-cutoff/float64/cpu/from-coo-full")()
    lines = str(raised.value).splitlines()
    assert lines[0] == (
        "exactly-at-the-cutoff, float64 on cpu, from coo-full-int32-cutoff-times-1.25 to 4 Å  pairs  full: "
        "pairs missing: 0, too many: 54"
    )
    assert lines[1].strip().startswith("expected: the ")
    assert lines[2].strip().startswith("extra: (0, 0, S=(-2, 0, 0)) at 4 Å, ")
    assert lines[2].endswith(", and 51 more")
    assert lines[3].strip().startswith("likely fix: at the cutoff itself: |d| < cutoff strictly")
    assert lines[4] == "  and 3 more of 4 readers"
