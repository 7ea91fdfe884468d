"""Picture data sets that torchvision reads and downloads."""

from workbench.spec.data.base import DataSource

LOAD = "workbench.engine.data.pictures:pictures"
CHECK = "workbench.spec.data.checksums:check"
# torchvision checks the archives it downloads, but not MNIST files unpacked by hand or earlier
IDX = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
SVHN_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}
BATCHES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}

CELEBA_FILES = {
    "list_attr_celeba.txt": "75e246fa4810816ffd6ee81facbd244c",
    "identity_CelebA.txt": "32bd1bd63d3c78cd57e08160ec5ed1e2",
    "list_bbox_celeba.txt": "00566efa6fedff7a56946cd1c10f1c16",
    "list_landmarks_align_celeba.txt": "cc24ecafdb5b50baae59b03474781f8c",
    "list_eval_partition.txt": "d32c9cbf5e040fd4025c592c306e6668",
    "img_align_celeba/000001.jpg": "",
}


def _in(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": md5 for name, md5 in files.items()}


MNIST = DataSource("mnist", LOAD, _in("MNIST/raw", IDX), "MNIST", CHECK, examples=60_000, shape=(28, 28))
FASHION = DataSource(
    "fashion-mnist",
    LOAD,
    _in("FashionMNIST/raw", dict.fromkeys(IDX, "")),
    "FashionMNIST",
    CHECK,
    examples=60_000,
    shape=(28, 28),
)
SVHN = DataSource("svhn", LOAD, _in("SVHN", SVHN_FILES), "SVHN", CHECK, examples=73_257, shape=(32, 32, 3))
CIFAR10 = DataSource(
    "cifar10", LOAD, _in("cifar-10-batches-py", BATCHES), "CIFAR10", CHECK, examples=50_000, shape=(32, 32, 3)
)
CELEBA = DataSource(
    "celeba",
    "workbench.engine.data.celeba:celeba",
    _in("celeba", CELEBA_FILES),
    "CelebA",
    "workbench.spec.data.checksums:check_celeba",
    fetched_with="gdown",
    settings=("labels",),
    examples=162_770,
    shape=(64, 64, 3),
)
