"""The inverse of the plan: the largest number of classes, to fit and to serve; and rented machines."""

import pytest

from xclass.classifiers.device import Device
from xclass.config import EvaluateConfig, RunConfig
from xclass.data.lemmas.config import LemmasConfig
from xclass.measure.config import MeasureConfig
from xclass.sizing.capacity import Room, capacity, explain_misfit
from xclass.sizing.hardware import Hardware
from xclass.sizing.place import ANY_DISK_BYTES, rented_place
from xclass.sizing.plan import gpu_bytes, make_shape, plan_method, saved_bytes

GIB = 1 << 30
METHODS = ("dense_softmax", "dense_softmax_autograd", "sampled_softmax", "nearest_neighbour")


def plans(config, method, classes):
    return plan_method(config, method, make_shape(config, classes))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ram_bytes", [GIB, 24 * GIB, 1000 * GIB])
def test_the_size_it_names_fits_and_a_tenth_more_does_not(method, ram_bytes):
    config = RunConfig(dim=96)
    room = Room(usable_bytes=ram_bytes, free_disk_bytes=4 * ram_bytes)
    found = capacity(config, method, room)

    def is_trained(classes):
        return room.holds(plans(config, method, classes)[0])

    def is_served(classes):
        return max(plan.peak_bytes for plan in plans(config, method, classes)[1:]) <= ram_bytes

    for holds, classes in ((is_trained, found.fit_classes), (is_served, found.serve_classes)):
        assert holds(classes)
        assert not holds(classes * 11 // 10)
    assert found.fit_classes <= found.serve_classes <= found.mapped_classes


def test_what_is_mapped_is_limited_by_the_disk_alone():
    config = RunConfig(dim=64)
    small_disk = capacity(config, "nearest_neighbour", Room(usable_bytes=GIB, free_disk_bytes=100 * GIB))
    assert (
        saved_bytes(config, "nearest_neighbour", make_shape(config, small_disk.mapped_classes)) <= 100 * GIB
    )
    assert small_disk.mapped_classes > 50 * small_disk.serve_classes
    no_disk = capacity(config, "nearest_neighbour", Room(usable_bytes=GIB, free_disk_bytes=ANY_DISK_BYTES))
    assert no_disk.mapped_classes == no_disk.most_classes == 10**12


def test_data_with_so_many_classes_gives_no_more():
    config = RunConfig(data=LemmasConfig())
    found = capacity(config, "sampled_softmax", Room(usable_bytes=64 * GIB, free_disk_bytes=1000 * GIB))
    assert found.fit_classes == found.serve_classes == found.most_classes == 3_027_563


def test_in_no_memory_nothing_fits():
    found = capacity(RunConfig(), "dense_softmax", Room(usable_bytes=1 << 20, free_disk_bytes=GIB))
    assert (found.fit_classes, found.serve_classes, found.mapped_classes) == (0, 0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_small_server_must_hold_the_imports(method):
    """84.7 MB was the least cap that was proven for a small model that served with 76.0 MB."""
    config = RunConfig(evaluate=EvaluateConfig(num_queries=10))
    for plan in plans(config, method, 100):
        assert plan.required_bytes >= 84_700_000
        room = Room(usable_bytes=plan.required_bytes - 1, free_disk_bytes=GIB)
        assert explain_misfit(config, plan, make_shape(config, 100), room).startswith("does not fit: needs ")


def test_a_rented_machine_keeps_a_reserve_and_the_run_another():
    hardware = Hardware(name="made", date="", reserve_share=0.1, reserve_bytes=GIB)
    place = rented_place(64 * GIB, hardware, reserve_share=0.05)
    assert place.available_bytes == int(64 * GIB * 0.9) - GIB
    assert place.room.usable_bytes == int(place.available_bytes * 0.95)
    assert not place.is_disk_known
    assert place.with_disk(7).room == Room(usable_bytes=place.room.usable_bytes, free_disk_bytes=7)
    assert rented_place(GIB, hardware, reserve_share=0.0).room.usable_bytes == 0
    (server,) = place.as_hardware.servers
    assert place.as_hardware.offered_bytes(server) == place.room.usable_bytes


def test_the_heap_pass_needs_room_for_a_second_model():
    one, two = (
        plans(RunConfig(measure=MeasureConfig(heap_pass=heap)), "dense_softmax", 1000)[0].disk_bytes
        for heap in (False, True)
    )
    assert two == 2 * one == 2 * saved_bytes(RunConfig(), "dense_softmax", make_shape(RunConfig(), 1000))


@pytest.mark.parametrize("method", METHODS)
def test_on_a_gpu_the_heads_train_in_its_memory(method):
    """The class vectors at least; what is built on the CPU takes none of it."""
    cpu, cuda = (
        gpu_bytes(config, method, make_shape(config, 10**6))
        for config in (RunConfig(), RunConfig(device=Device.cuda))
    )
    assert cpu == 0
    assert cuda == 0 if method == "nearest_neighbour" else cuda > 4 * 10**6 * 64
