"""Picture data sets that torchvision reads and downloads."""

from workbench.spec.data.base import DataSource

LOAD = "workbench.engine.data.pictures:pictures"
# torchvision checks the archives it downloads, but not MNIST files unpacked by hand or earlier
IDX = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
BATCHES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")

MNIST = DataSource("mnist", LOAD, {f"MNIST/raw/{name}": md5 for name, md5 in IDX.items()}, "MNIST")
FASHION = DataSource(
    "fashion-mnist", LOAD, dict.fromkeys((f"FashionMNIST/raw/{name}" for name in IDX), ""), "FashionMNIST"
)
SVHN = DataSource("svhn", LOAD, {"SVHN/train_32x32.mat": "", "SVHN/test_32x32.mat": ""}, "SVHN")
CIFAR10 = DataSource(
    "cifar10", LOAD, dict.fromkeys((f"cifar-10-batches-py/{name}" for name in BATCHES), ""), "CIFAR10"
)
