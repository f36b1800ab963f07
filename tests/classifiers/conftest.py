"""One thread each: on a busy machine the spinning threads of two engines wait for each other for minutes."""

import faiss
import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def single_thread():
    before = faiss.omp_get_max_threads(), torch.get_num_threads()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before[0])
    torch.set_num_threads(before[1])
