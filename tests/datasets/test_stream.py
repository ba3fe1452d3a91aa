import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.datasets.batches import BatchStream


def take(stream, count):
    return [next(stream)[0].tolist() for _ in range(count)]


@given(size=st.integers(1, 40), batch=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_each_epoch_visits_every_sample_once(size, batch, seed):
    batch = min(batch, size)
    stream = BatchStream((torch.arange(size),), batch, seed)
    batches = take(stream, 2 * -(-size // batch))
    epochs = [sum(batches[: len(batches) // 2], []), sum(batches[len(batches) // 2 :], [])]
    assert all(sorted(epoch) == list(range(size)) for epoch in epochs)
    assert stream.samples_seen == 2 * size


@given(size=st.integers(2, 30), batch=st.integers(1, 30), seed=st.integers(0, 99), skip=st.integers(0, 20))
def test_resumes_anywhere_with_the_same_batches(size, batch, seed, skip):
    make = lambda: BatchStream((torch.arange(size),), min(batch, size), seed)
    straight, resumed = make(), make()
    take(straight, skip)
    resumed.load_state_dict(straight.state_dict())
    assert take(straight, 10) == take(resumed, 10)
    straight.take(2 * size + 1)
    resumed.load_state_dict(straight.state_dict())
    assert straight.take(7)[0].tolist() == resumed.take(7)[0].tolist()


def test_crossing_epochs_keeps_every_batch_whole_and_every_sample_in_turn():
    stream = BatchStream((torch.arange(10),), None, seed=1)
    batches = [stream.take(count)[0].tolist() for count in (4, 4, 12)]
    assert [len(batch) for batch in batches] == [4, 4, 12]
    drawn = sum(batches, [])
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))


def test_epochs_and_seeds_differ():
    first = BatchStream((torch.arange(50),), 25, seed=1)
    assert take(first, 2) != take(first, 2)
    assert take(BatchStream((torch.arange(50),), 25, seed=1), 2) != take(
        BatchStream((torch.arange(50),), 25, seed=2), 2
    )


def test_arrays_stay_aligned_and_the_full_batch_is_the_data_itself():
    x, y = torch.arange(9), torch.arange(9) * 10
    for inputs, labels in (next(BatchStream((x, y), 4, seed=0)), next(BatchStream((x, y), None, seed=0))):
        assert torch.equal(inputs * 10, labels)
    assert next(BatchStream((x, y), None, seed=0))[0] is x


@pytest.mark.parametrize("batch_size", [9, 10, 1000])
def test_a_batch_of_more_than_all_samples_is_all_of_them(batch_size, caplog):
    stream = BatchStream((torch.arange(9),), batch_size, seed=0)
    assert torch.equal(next(stream)[0], torch.arange(9)) and stream.epochs_seen() == 1
    told = f"batch_size={batch_size}, but there are 9 samples: each batch is all of them"
    assert caplog.messages == [told] * (batch_size > 9)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_that_is_none_is_named(batch_size):
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, or null for all samples, got {batch_size}"):
        BatchStream((torch.arange(9),), batch_size, seed=0)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        BatchStream((torch.arange(9), torch.arange(8)), 2, seed=0)
